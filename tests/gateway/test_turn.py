"""One question to a model: what is reserved, what is recorded, what it costs, however it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Price, Spend
from gateway.errors import LeaseLost
from gateway.events import Event, ModelAnswered, ModelAsked, ModelFailed, Paused, Recorded, Started
from gateway.journal import Journal
from gateway.run import Run, fold
from gateway.store import Lease, Store, run_account
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Recorder
from gateway.tracing import Tracing
from gateway.turn import LONGEST_PAUSE, Backend, Model, Turn
from providers import (
    Deadlines,
    Finished,
    Message,
    MovedOn,
    ProviderError,
    Reply,
    Request,
    Retrying,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from providers import Started as Streaming
from providers.clock import Clock
from providers.failover import Candidate, Failover
from providers.own_errors import GaveUp, Unsent
from providers.retrying import Persistent
from tests.fixtures.acting import Acting
from tests.fixtures.parts import Cut, Replies, calls, queued, says

REQUEST = Request(
    "tiny", "Be brief.", [Message("user", (Text("Go."),))], max_output_tokens=100, deadlines=Deadlines(total=30.0)
)
PRICE = Price(1000, 2000)


BUSY = ProviderError("overloaded", "busy")


def _meant(wish: ToolCall) -> Mapping[str, str]:
    return {"path": wish.name.replace("__", "/")}


async def journal_of(store: Store, lease: Lease) -> Journal:
    return Journal(store, lease, run=fold("r", await store.events("r")))


@dataclass
class Asked:
    """What is left when a question was asked."""

    run: Run
    events: list[Event]
    account: Spend
    streamed: list[StreamEvent]
    recorder: Recorder
    error: ProviderError | None

    @property
    def last(self) -> Any:
        return self.events[-1]


def asking(
    folder: Path,
    provider: Any,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    request: Request = REQUEST,
    backends: tuple[Backend, ...] = (),
) -> Asked:
    async def scenario() -> Asked:
        store, recorder, streamed = SqliteStore(folder / "t.db"), Recorder(), list[StreamEvent]()
        try:
            await store.append("r", [queued(limits=limits), Started("w")], lease=None)
            lease = await store.acquire("r", "w", 60)
            assert lease is not None
            model = Model(provider, "tiny", PRICE, backends=backends)
            journal = await journal_of(store, lease)
            turn = Turn(journal, Tracing(recorder), model, _meant, streamed.append)
            error = await turn.ask(journal.run, 1, request)
            await journal.flush()
            recorded = await store.events("r")
            account = await store.spend(run_account("r"))
            events = [each.event for each in recorded]
            return Asked(fold("r", recorded), events, account, streamed, recorder, error)
        finally:
            store.close()

    return asyncio.run(scenario())


def test_a_question_is_reserved_before_it_is_asked_and_settled_after(tmp_path: Path) -> None:
    asked = asking(tmp_path, Replies(says("Done.")))
    question, answer = asked.events[-2:]
    assert isinstance(question, ModelAsked)
    assert isinstance(answer, ModelAnswered)
    reserved = Spend.from_json(question.reserved)
    assert reserved.turns == 1
    assert reserved.tokens > 100  # the longest reply, and what is read
    assert reserved.nanos == (reserved.tokens - 100) * 1000 + 100 * 2000
    assert (
        Spend.from_json(answer.spent)
        == Spend(turns=1, tokens=30, nanos=40_000, input_tokens=20, output_tokens=10, model_calls=1)
        == asked.account
    )
    assert replace(asked.run.spend, millis=0) == asked.account
    assert (answer.finish, answer.model, answer.message["role"]) == ("stop", "tiny-1", "assistant")
    assert len(asked.streamed) == 3


def test_what_the_backend_says_that_it_cost_counts_more_than_the_price_list(tmp_path: Path) -> None:
    assert asking(tmp_path, Replies(replace(says("x"), cost_nanos=7))).account.nanos == 7


def test_a_backend_cannot_give_money_back(tmp_path: Path) -> None:
    assert asking(tmp_path, Replies(replace(says("x"), cost_nanos=-7))).account.nanos == 0


def test_a_reply_may_cost_more_than_was_reserved_and_is_counted_in_full(tmp_path: Path) -> None:
    reply = replace(says("x"), usage=Usage(5000, 5000))
    assert asking(tmp_path, Replies(reply), limits=Limits(tokens=1000)).account.tokens == 10_000


def test_calls_get_keys_by_their_place_and_paths_by_name(tmp_path: Path) -> None:
    asked = asking(tmp_path, Replies(calls(("desk__put", {}), ("desk__put", "{"), ("none", {}), same_id=True)))
    assert [call["key"] for call in asked.last.calls] == ["t1/call/1", "t1/call/2", "t1/call/3"]
    assert [call["path"] for call in asked.last.calls] == ["desk/put", "desk/put", "none"]
    assert [state.arguments for state in asked.run.calls.values()] == ["{}", "{", "{}"]


@pytest.mark.parametrize("finish", ["length", "refusal", "content_filter", "context_window", "cancelled", "error"])
def test_the_calls_of_a_reply_that_is_not_complete_are_words(tmp_path: Path, finish: Any) -> None:
    asked = asking(tmp_path, Replies(calls(("desk__put", {}), finish=finish)))
    assert asked.last.calls == ()
    assert asked.run.calls == {}
    assert asked.run.finish == finish


def test_a_reply_that_says_stop_and_calls_is_a_call(tmp_path: Path) -> None:
    """Some compatible backends stream `stop` with tool calls."""
    assert len(asking(tmp_path, Replies(calls(("desk__put", {}), finish="stop"))).run.calls) == 1


KINDS = [
    ("auth", False),
    ("permission", False),
    ("not_found", False),
    ("bad_request", False),
    ("too_large", False),
    ("refused", False),
    ("rate_limit", True),
    ("overloaded", True),
    ("server", True),
    ("network", True),
]


def test_no_backend_is_left_alone_for_longer_than_a_while_whatever_it_asks_for(tmp_path: Path) -> None:
    last: Any = asking(tmp_path, Silent(ProviderError("overloaded", "no", retry_after=1e300))).last
    assert last.delay == LONGEST_PAUSE


class Silent:
    """Fails before it says anything."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
        for error in [self._error]:
            raise error
        yield Streaming("never")


@pytest.mark.parametrize(("kind", "retryable"), KINDS)
def test_a_backend_that_refuses_is_recorded_by_kind_and_costs_a_turn_and_no_tokens(
    tmp_path: Path, kind: Any, retryable: bool
) -> None:
    asked = asking(tmp_path, Silent(ProviderError(kind, "no", retry_after=3.0)))
    delay = 3.0 if retryable else 0.0  # whoever asks again knows it, also where another process does
    assert asked.last == ModelFailed(1, kind, "no", retryable, {"turns": 1, "model_calls": 1}, delay=delay)
    assert asked.account == Spend(turns=1, model_calls=1)
    assert asked.error is not None
    assert asked.error.retry_after == 3.0


class Hanging:
    """Begins, and never ends."""

    async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
        yield Streaming("tiny-1")
        await asyncio.Event().wait()


UNFINISHED: list[tuple[str, Callable[[], Any], str]] = [
    ("protocol", lambda: Replies(Cut), "the reply ended before it was complete"),
    ("overloaded", lambda: Replies(ProviderError("overloaded", "busy")), "busy"),
    ("protocol", lambda: Replies(KeyError("choices")), "the adapter of this backend failed: KeyError"),
    ("timeout", Hanging, "no whole reply within 0.05 s"),
]


@pytest.mark.parametrize(("kind", "provider", "why"), UNFINISHED)
def test_a_reply_that_began_and_never_came_whole_is_paid_for_as_far_as_it_was_read(
    tmp_path: Path, kind: str, provider: Callable[[], Any], why: str
) -> None:
    asked = asking(tmp_path, provider(), request=replace(REQUEST, deadlines=Deadlines(total=0.05)))
    assert isinstance(asked.last, ModelFailed)
    assert (asked.last.kind, asked.last.why, asked.last.retryable) == (kind, why, True)
    reserved = Spend.from_json(asked.events[-2].reserved)  # type: ignore[union-attr]
    read = reserved.tokens - 100
    assert asked.account == Spend(turns=1, tokens=read, nanos=read * 1000, input_tokens=read, model_calls=1)
    assert replace(asked.run.spend, millis=0) == asked.account


def test_a_defect_of_an_adapter_does_not_tell_its_secrets(tmp_path: Path) -> None:
    asked = asking(tmp_path, Silent(ValueError("bad header: Bearer sk-123456")))
    assert "sk-123456" not in str(asked.events)
    assert "ValueError" in asked.last.why


class Odd:
    """Yields what is no event, and breaks when it is closed."""

    def __init__(self, *events: Any) -> None:
        self._events = events

    async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
        try:
            for event in self._events:
                yield event
        finally:
            raise OSError("Bearer sk-123456")


class Cancelled:
    """What it waits for is cancelled, by nobody who may."""

    async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
        yield Streaming("tiny-1")
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        await lost


class Unopened:
    def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
        raise KeyError("Bearer sk-123456")


NO_TEXT: Any = None
DEFECTS: list[tuple[str, Callable[[], Any]]] = [
    ("a text that is none", lambda: Odd(Streaming("x"), TextDelta(NO_TEXT))),
    ("a reply that is none", lambda: Odd(Finished(NO_TEXT))),
    ("a message that is none", lambda: Odd(Finished(replace(says("x"), message=NO_TEXT)))),
    ("usage that is none", lambda: Odd(Finished(replace(says("x"), usage=NO_TEXT)))),
    ("a cost that is none", lambda: Odd(Finished(replace(says("x"), cost_nanos="free")))),  # type: ignore[arg-type]
    ("usage of words, and a failure", lambda: Replies([UsageUpdate("much"), KeyError("x")])),  # type: ignore[arg-type,list-item]
    ("a failure that is none", lambda: Odd(Retrying(2, 0.0, NO_TEXT))),
    ("a pause that is none", lambda: Odd(Retrying(2, NO_TEXT, BUSY))),
    ("an end before anything", Odd),
    ("a stream that can't be opened", Unopened),
    ("a stray cancellation", Cancelled),
]


@pytest.mark.parametrize("provider", [defect for _, defect in DEFECTS], ids=[name for name, _ in DEFECTS])
def test_whatever_an_adapter_does_wrong_is_one_failed_attempt_that_is_settled(
    tmp_path: Path, provider: Callable[[], Any]
) -> None:
    asked = asking(tmp_path, provider())
    assert isinstance(asked.last, ModelFailed)
    assert asked.last.kind == "protocol"
    assert (asked.run.asked, asked.run.reserved) == (None, Spend())
    assert replace(asked.run.spend, millis=0) == asked.account
    assert asked.error is not None
    assert "sk-123456" not in str(asked.events)


def test_a_whole_reply_counts_though_its_stream_breaks_when_it_is_closed(tmp_path: Path) -> None:
    asked = asking(tmp_path, Odd(Finished(says("Done."))))
    assert (asked.last.message["parts"], asked.error) == ([{"kind": "text", "text": "Done."}], None)


def test_a_backend_that_breaks_off_may_not_hang_either(tmp_path: Path) -> None:
    asked = asking(tmp_path, Silent(TimeoutError()))
    assert asked.last.kind == "timeout"


@pytest.mark.parametrize(
    ("limits", "unit"),
    [(Limits(turns=0), "turns"), (Limits(tokens=50), "tokens"), (Limits(nanos=1), "nanos")],
)
def test_a_question_that_does_not_fit_the_budget_is_not_asked(tmp_path: Path, limits: Limits, unit: str) -> None:
    provider = Replies(says("never"))
    asked = asking(tmp_path, provider, limits=limits)
    assert provider.requests == []
    assert isinstance(asked.last, Paused)
    assert (asked.last.cause, asked.last.unit) == ("budget", unit)
    assert asked.account == Spend()


def test_a_worker_that_lost_its_lease_asks_nothing(tmp_path: Path) -> None:
    provider = Replies(says("never"))

    async def scenario() -> None:
        store = SqliteStore(tmp_path / "t.db")
        await store.append("r", [queued(), Started("w")], lease=None)
        lease = await store.acquire("r", "w", 60)
        assert lease is not None
        assert await store.acquire("r", "other", 60, gone="w")
        journal = await journal_of(store, lease)
        turn = Turn(journal, Tracing(Recorder()), Model(provider, "tiny", PRICE), _meant, lambda _event: None)
        with pytest.raises(LeaseLost):
            await turn.ask(journal.run, 1, REQUEST)
        store.close()

    asyncio.run(scenario())
    assert provider.requests == []


async def _dies(*_: object) -> None:
    """A worker that is killed records nothing."""


def test_a_reply_that_was_lost_with_its_worker_is_settled_at_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "t.db")
        await store.append("r", [queued(), Started("w")], lease=None)
        lease = await store.acquire("r", "w", 60)
        assert lease is not None
        begun = asyncio.Event()
        journal = await journal_of(store, lease)
        turn = Turn(journal, Tracing(Recorder()), Model(Hanging(), "tiny", PRICE), _meant, lambda _event: begun.set())
        asked = asyncio.create_task(turn.ask(journal.run, 1, REQUEST))
        await begun.wait()
        with monkeypatch.context() as dying:
            dying.setattr(Turn, "_left", _dies)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        run = fold("r", await store.events("r"))
        assert run.asked is not None
        await turn.forget(run, REQUEST)
        run = fold("r", await store.events("r"))
        lost = run.failures[-1]
        assert (lost.kind, lost.retryable, lost.turn) == ("lost", True, 1)
        account = await store.spend(run_account("r"))
        assert account == replace(run.spend, millis=0)
        assert (account.turns, 0 < account.tokens < 100) == (1, True)
        store.close()

    asyncio.run(scenario())


def test_what_follows_the_end_of_a_reply_is_not_read(tmp_path: Path) -> None:
    class Twice:
        async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
            yield Finished(says("first"))
            yield Finished(says("second"))

    asked = asking(tmp_path, Twice())
    assert asked.last.message["parts"] == [{"kind": "text", "text": "first"}]


def test_the_stream_is_closed_when_a_reply_is_given_up(tmp_path: Path) -> None:
    closed: list[str] = []

    class Closing:
        async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
            try:
                yield Streaming("tiny-1")
                await asyncio.Event().wait()
            finally:
                closed.append("closed")

    asking(tmp_path, Closing(), request=replace(REQUEST, deadlines=Deadlines(total=0.01)))
    assert closed == ["closed"]


def test_a_reply_with_text_and_no_calls_leaves_nothing_to_do(tmp_path: Path) -> None:
    reply: Reply = says("Done.", usage=Usage())
    assert asking(tmp_path, Replies(reply)).run.calls == {}


# ---- several attempts, several models

CHEAP = Backend("openai:b", "b", Price(10, 20), "openai", "api.example", 443, most_output=50)
DEAR = Backend("anthropic:a", "a", PRICE, "anthropic", effort="low")


def test_each_attempt_is_reserved_and_settled_on_its_own(tmp_path: Path) -> None:
    provider = Acting([[Streaming("a"), TextDelta("x" * 30), Retrying(2, 0.0, BUSY), Finished(says("Done."))]])
    asked = asking(tmp_path, provider)
    first, failed, second, answer = asked.events[-4:]
    assert isinstance(first, ModelAsked)
    assert isinstance(second, ModelAsked)
    assert isinstance(failed, ModelFailed)
    assert (failed.kind, failed.retryable, failed.then) == ("overloaded", True, "again")
    reserved = Spend.from_json(first.reserved)
    read = reserved.input_tokens
    assert Spend.from_json(failed.spent) == Spend(
        turns=1,
        tokens=read + 10,  # what it had read, and what it had said
        nanos=read * 1000 + 10 * 2000,
        input_tokens=read,
        output_tokens=10,
        model_calls=1,
    )
    assert Spend.from_json(second.reserved) == replace(reserved, turns=0)
    assert isinstance(answer, ModelAnswered)
    assert asked.account == Spend.from_json(failed.spent) + Spend.from_json(answer.spent)
    assert (asked.account.turns, asked.account.model_calls) == (1, 2)
    assert [type(event).__name__ for event in asked.streamed] == ["Started", "TextDelta", "Retrying", "Finished"]
    assert asked.run.failures == ()


def test_the_record_and_the_trace_say_of_each_attempt_which_it_was_how_it_failed_and_how_long_the_pause_is(
    tmp_path: Path,
) -> None:
    moved = MovedOn("openai:b", GaveUp(BUSY, 3))
    acts: list[StreamEvent | Exception] = [
        Retrying(2, 1.23456, BUSY),
        Retrying(3, 0.5, BUSY),
        moved,
        Retrying(2, 0.25, BUSY),
        Finished(says("Done.")),
    ]
    asked = asking(tmp_path, Acting([acts]), backends=(DEAR, CHEAP))
    failures = [event for event in asked.events if isinstance(event, ModelFailed)]
    assert [(one.attempt, one.kind, one.delay, one.then) for one in failures] == [
        (1, "overloaded", 1.235, "again"),
        (2, "overloaded", 0.5, "again"),
        (3, "overloaded", 0.0, "openai:b"),
        (1, "overloaded", 0.25, "again"),
    ]
    told = [
        (span.attributes["toolgate.model.attempt"], span.error, span.attributes.get("toolgate.model.delay_seconds"))
        for span in asked.recorder.spans
    ]
    assert told == [
        (1, "overloaded", 1.235),
        (2, "overloaded", 0.5),
        (3, "overloaded", None),
        (1, "overloaded", 0.25),
        (2, None, None),
    ]


def test_what_a_broken_reply_said_that_it_used_is_what_it_cost(tmp_path: Path) -> None:
    usage = Usage(input=700, output=3, cache_read=600)
    asked = asking(tmp_path, Acting([[Streaming("a"), UsageUpdate(usage), TextDelta("Hi"), BUSY]]))
    assert (asked.account.input_tokens, asked.account.output_tokens) == (700, 3)


def test_a_retry_that_does_not_fit_the_budget_is_not_made(tmp_path: Path) -> None:
    provider = Acting([[Streaming("a"), Retrying(2, 0.0, BUSY), Finished(says("never"))]])
    asked = asking(tmp_path, provider, limits=Limits(model_calls=1))
    assert isinstance(asked.last, Paused)
    assert asked.last.unit == "model_calls"
    assert [event for event in asked.streamed if isinstance(event, Finished)] == []
    assert (provider.open, asked.run.asked) == (0, None)
    assert asked.account.model_calls == 1


def test_another_model_costs_what_it_costs_and_is_told_in_the_record_and_the_trace(tmp_path: Path) -> None:
    gave_up = GaveUp(BUSY, 4)
    asked = asking(tmp_path, Acting([[MovedOn("openai:b", gave_up), Finished(says("Done."))]]), backends=(DEAR, CHEAP))
    first, failed, second, answer = asked.events[-4:]
    assert isinstance(first, ModelAsked)
    assert isinstance(second, ModelAsked)
    assert (first.model, second.model) == ("anthropic:a", "openai:b")
    assert isinstance(failed, ModelFailed)
    assert (failed.model, failed.then, failed.why, failed.retryable) == (
        "anthropic:a", "openai:b", "busy (attempt 4)", True,
    )  # fmt: skip
    read = Spend.from_json(first.reserved).input_tokens
    assert second.reserved["nanos"] == read * 10 + 50 * 20  # no more than the longest reply that it can give
    assert isinstance(answer, ModelAnswered)
    assert answer.spent["nanos"] == 20 * 10 + 10 * 20
    gone, came = asked.recorder.spans
    assert (gone.key, came.key, gone.error, came.error) == ("t1/model", "t1/model#2", "overloaded", None)
    assert gone.attributes["toolgate.model.goes_on_with"] == "openai:b"
    assert gone.attributes["gen_ai.request.reasoning.level"] == "low"
    assert came.attributes["gen_ai.provider.name"] == "openai"
    assert came.attributes["gen_ai.request.model"] == "b"
    assert came.attributes["gen_ai.request.max_tokens"] == 50
    assert (came.attributes["server.address"], came.attributes["server.port"]) == ("api.example", 443)


def test_what_was_never_sent_is_no_call_of_a_model(tmp_path: Path) -> None:
    resting = GaveUp(Unsent("overloaded", "it rests", retry_after=10.0), 1)
    asked = asking(tmp_path, Acting([[MovedOn("openai:b", resting), Finished(says("Done."))]]), backends=(DEAR, CHEAP))
    assert (asked.account.model_calls, asked.account.turns) == (1, 1)


def test_who_gave_up_is_not_asked_again(tmp_path: Path) -> None:
    asked = asking(tmp_path, Silent(GaveUp(BUSY, 4)))
    assert (asked.last.retryable, asked.last.then, asked.last.why) == (False, "", "busy (attempt 4)")


class Slow:
    """A store that takes its time to write down that a model failed: `seconds` of the loop's clock, at once."""

    def __init__(self, store: SqliteStore, seconds: float) -> None:
        self._store, self._seconds = store, seconds

    async def append(self, run_id: str, events: Any, **more: Any) -> Any:
        if isinstance(events[0], ModelFailed):
            loop, time = asyncio.get_running_loop(), asyncio.get_running_loop().time
            loop.time = lambda: time() + self._seconds  # type: ignore[method-assign]
            for _ in range(5):
                await asyncio.sleep(0)  # what is due now has its turn
        return await self._store.append(run_id, events, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_what_is_written_down_between_two_attempts_is_told_at_once_and_not_cut_short_by_the_deadline(
    tmp_path: Path,
) -> None:
    async def scenario() -> list[str]:
        store, told = SqliteStore(tmp_path / "t.db"), list[str]()
        try:
            await store.append("r", [queued(), Started("w")], lease=None)
            lease = await store.acquire("r", "w", 60)
            assert lease is not None

            def recorded(fresh: Sequence[Recorded]) -> None:
                told.extend(type(each.event).__name__ for each in fresh)

            provider = Acting([[Retrying(2, 0.0, BUSY), Finished(says("Done."))]])
            journal = Journal(Slow(store, 5000.0), lease, recorded, fold("r", await store.events("r")))
            turn = Turn(
                journal,
                Tracing(Recorder()),
                Model(provider, "tiny", PRICE),
                _meant,
                lambda event: told.append(type(event).__name__),
            )
            deadlines = Deadlines(total=1000.0)  # it runs out while the store writes
            await turn.ask(journal.run, 1, replace(REQUEST, deadlines=deadlines))
            return told
        finally:
            store.close()

    assert asyncio.run(scenario()) == ["ModelAsked", "ModelFailed", "ModelAsked", "Retrying", "Finished"]


async def _counts(_request: Request) -> int | None:
    return 1


async def _does_not_count(_request: Request) -> int | None:
    return None


async def _can_not_count(_request: Request) -> int | None:
    raise ImportError("boto3")


@pytest.mark.parametrize(("count", "asks"), [(_counts, True), (_does_not_count, False), (_can_not_count, False)])
def test_a_question_that_does_not_fit_by_its_estimate_is_counted(tmp_path: Path, count: Any, asks: bool) -> None:
    backend = replace(DEAR, count=count)
    asked = asking(tmp_path, Replies(says("Done.")), limits=Limits(tokens=102), backends=(backend,))
    assert isinstance(asked.last, ModelAnswered if asks else Paused)
    if asks:
        (question,) = [event for event in asked.events if isinstance(event, ModelAsked)]
        assert question.reserved["input_tokens"] == 1


def test_a_question_that_fits_by_its_estimate_is_not_counted(tmp_path: Path) -> None:
    async def never(_request: Request) -> int | None:
        raise AssertionError("it was counted")

    assert isinstance(
        asking(tmp_path, Replies(says("Done.")), backends=(replace(DEAR, count=never),)).last, ModelAnswered
    )


class Noting:
    """Keeps what it may read in all, is busy as often as it is told, and answers."""

    def __init__(self, busy: int = 0) -> None:
        self.most: list[int | None] = []
        self._busy = busy

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        self.most.append(request.most_input)
        if len(self.most) <= self._busy:
            raise BUSY
        yield Finished(Reply(Message("assistant", (Text("Done."),)), "stop", Usage(1, 1), "tiny"))


def test_a_backend_that_reads_several_times_may_read_what_the_runs_limits_leave(tmp_path: Path) -> None:
    for number, (limits, spare) in enumerate(
        (
            (Limits(turns=5), None),
            (Limits(tokens=10_000), 10_000 - 100),
            (Limits(input_tokens=700, tokens=10_000), 700),
            (Limits(nanos=9_000_000), (9_000_000 - 100 * 2000) // 1000),
        )
    ):
        backend, folder = Noting(), tmp_path / str(number)
        folder.mkdir()
        asking(folder, backend, limits=limits)
        assert backend.most == [spare]


class Calm(Clock):
    """Nobody waits."""

    async def sleep(self, seconds: float) -> None:
        return


def test_an_attempt_after_the_first_reads_once(tmp_path: Path) -> None:
    """What the one before it took is not known to it."""
    again, moved = Noting(busy=1), Noting(busy=1)
    asking(tmp_path, Persistent(again, clock=Calm()), limits=Limits(tokens=10_000))
    assert again.most == [9_900, 0]
    folder = tmp_path / "moved"
    folder.mkdir()
    row = Failover([Candidate("one", "tiny", moved), Candidate("two", "tiny", moved)])
    asking(folder, row, limits=Limits(tokens=10_000))
    assert moved.most == [9_900, 0]
