"""The path of one call, over a real store and real servers: what is durable before what, and what reaches a server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Spend
from gateway.call import (
    Answered,
    Arguments,
    Call,
    InDoubt,
    JsonObject,
    Outcome,
    Subject,
    Unsent,
    outcome_from_json,
    unopposed,
)
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun
from gateway.errors import StoreError
from gateway.events import (
    Admitted,
    Denied,
    Doubted,
    Event,
    Held,
    ModelAnswered,
    ModelAsked,
    Returned,
    Started,
    event_name,
)
from gateway.pipeline import Attempt, CallSettings, OutOfBudget, Proposal, Work
from gateway.policy.live import Caution
from gateway.store import Change, Lease, Reserve, run_account
from gateway.store.sqlite import SqliteStore
from gateway.tracing import Place
from gateway.upstream import Upstreams
from providers import Request, StreamEvent
from tests.fixtures.parts import (
    ANN,
    ANN_VIA_CLERK,
    BOB,
    PATIENCE,
    RULES,
    Replies,
    Stage,
    arrivals,
    calls,
    gate,
    opened,
    queued,
    says,
    tally,
    until,
)


class Around:
    """A store that does something before or after the appends that hold a certain event."""

    def __init__(self, store: SqliteStore, event: type[Event], before: Callable[[], None] | None = None) -> None:
        self._store, self._event, self._before = store, event, before
        self.after: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(
        self, run_id: str, events: Sequence[Event], *, lease: Lease | None, changes: Sequence[Change] = ()
    ) -> int:
        mine = any(isinstance(event, self._event) for event in events)
        if mine and self._before:
            await self._store.append(run_id, [], lease=None)  # the first of this turn is written at once: so mine waits
            self._before()
        seq = await self._store.append(run_id, events, lease=lease, changes=changes)
        if mine and self.after:
            self.after()
        return seq


def failing_on(event: type[Event]) -> Callable[[SqliteStore], Any]:
    def fail() -> None:
        raise StoreError("the disk is full")

    return lambda store: Around(store, event, fail)


@contextlib.asynccontextmanager
async def client(stage: Stage, limits: Limits = Limits(), who: Subject = ANN) -> AsyncIterator[ClientRun]:  # noqa: B008
    async with asyncio.timeout(PATIENCE), stage.clients(limits).run(who, "a test") as run:
        yield run


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


def outcome_of(result: Any) -> Outcome:
    assert isinstance(result, Returned)
    return outcome_from_json(result.outcome)


# ---- what is sent


def test_the_bytes_that_are_judged_recorded_and_forwarded_are_the_same(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            await run.call(
                "desk__put", '{"word": "né ☃ \\u0041", "amount": 1.0, "b": {"z": 1, "a": [1e2, 12345678901234567890]}}'
            )
            (admitted,) = [event for event in await stage.events(run.run_id) if isinstance(event, Admitted)]
        (arrived,) = arrivals(tmp_path)
        assert admitted.arguments == '{"amount":1.0,"b":{"a":[100.0,12345678901234567890],"z":1},"word":"né ☃ A"}'
        assert f'"arguments":{admitted.arguments},' in arrived["line"]

    on_stage(tmp_path, scenario)


def test_of_ours_only_the_key_and_the_place_in_the_trace_reach_a_server(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage, who=ANN_VIA_CLERK) as run:
            theirs = {"vendor": {"x": [None]}, "toolgate/idempotency-key": "forged", "traceparent": "00-forged"}
            await run.call("desk/put", {}, theirs | {"baggage": "user=ann", "tracestate": "a=b"})
            key = f"{run.run_id}/call/1"
        (arrived,) = arrivals(tmp_path)
        assert set(arrived["meta"]) == {"vendor", "toolgate/idempotency-key", "traceparent"}
        assert arrived["meta"]["vendor"] == {"x": [None]}
        assert arrived["meta"]["toolgate/idempotency-key"] == key
        assert arrived["meta"]["traceparent"].startswith("00-")
        assert "forged" not in arrived["line"]
        assert "ann" not in arrived["line"]
        assert "clerk" not in arrived["line"]

    on_stage(tmp_path, scenario)


def test_a_tool_that_was_replaced_after_it_was_judged_gets_nothing(tmp_path: Path) -> None:
    """The judgement and the forwarding are a commit apart; a server may announce another tool in between."""

    class Swapped:
        def __init__(self, servers: Upstreams) -> None:
            self.servers, self.catalogue = servers, servers.catalogue

        def swap(self) -> None:
            tools = [replace(tool, pin="another") for tool in self.catalogue.tools.values()]
            self.catalogue = Catalogue.of(tools)

        async def forward(self, call: Call, **how: Any) -> Outcome:
            return await self.servers.forward(call, **how)

    async def scenario(stage: Stage) -> None:
        stage.store.after = stage.upstream.swap  # type: ignore[attr-defined]
        async with client(stage) as run:
            outcome = outcome_of(await run.call("desk/put", {}))
            assert "changed" in str(outcome)
            assert await stage.books(run.run_id) == Spend()
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario, around_store=lambda store: Around(store, Admitted), around_upstream=Swapped)


# ---- while the policy is edited


def test_a_call_that_an_edit_judges_otherwise_waits_for_its_end_and_others_do_not(tmp_path: Path) -> None:
    strict = f"{RULES}p, *, *, desk/put, call, args.amount > 100, deny, that is too much\n"

    async def scenario(stage: Stage) -> None:
        (tmp_path / "policy.csv").write_text(RULES)  # in place: the line that is gone may come back
        async with client(stage) as run:
            waiting = asyncio.create_task(run.call("desk/put", {"amount": 200}))
            assert isinstance(await run.call("desk/put", {"amount": 20}), Returned)
            assert isinstance(await run.call("desk/die", {"amount": 200}), Denied)
            assert not waiting.done()
            edit = stage.policy.coming
            assert edit is not None
            assert edit.policy is not None
            stage.policy.accept({edit.policy.digest})
            assert isinstance(await waiting, Returned)
        assert [arrived["arguments"]["amount"] for arrived in arrivals(tmp_path)] == [20, 200]

    on_stage(tmp_path, scenario, rules=strict, caution=Caution(loses=1e6))


# ---- durable before it is sent


def test_what_cannot_be_recorded_is_not_sent(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            with pytest.raises(StoreError, match="the disk is full"):
                await run.call("desk/put", {})
            assert await stage.books(run.run_id) == Spend()
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario, around_store=failing_on(Admitted))


def test_an_outcome_that_cannot_be_recorded_leaves_an_admitted_call_in_doubt(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            with pytest.raises(StoreError, match="the disk is full"):
                await run.call("desk/put", {})
            assert (await stage.story(run.run_id))[-1] == "admitted"
            assert await stage.books(run.run_id) == Spend(tool_calls=1)
            stage.store._before = None  # type: ignore[attr-defined]  # noqa: SLF001 - the disk has room again
        assert await stage.story(run.run_id) == ["queued", "started", "admitted", "returned", "succeeded"]
        assert isinstance(outcome_of((await stage.events(run.run_id))[-2]), InDoubt)
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario, around_store=failing_on(Returned))


@pytest.mark.parametrize("event", [Denied, Held])
def test_a_refusal_or_a_question_that_cannot_be_recorded_is_not_given(tmp_path: Path, event: type[Event]) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            with pytest.raises(StoreError):
                await run.call("desk/die" if event is Denied else "desk/send", {})
        assert arrivals(tmp_path) == []
        assert await stage.files.approvals() == []

    on_stage(tmp_path, scenario, around_store=failing_on(event))


# ---- refusals


REFUSED = [
    ("known", "desk/none", {}, "there is no tool `desk/none`"),
    ("known", "no path at all", {}, "there is no tool"),
    ("known", "\ud800/x", {}, "there is no tool"),
    ("valid", "desk/put", '{"a":1,"a":2}', "stands twice"),
    ("valid", "desk/put", "{", "not JSON"),
    ("valid", "desk/put", "[]", "must be a JSON object"),
    ("valid", "desk/put", '{"amount":NaN}', "NaN"),
    ("valid", "desk/put", '{"word":"\\ud800"}', "lone surrogate"),
    ("valid", "desk/put", b"\xff\xfe", "not UTF-8"),
    ("valid", "desk/put", {"amount": float("inf")}, "not JSON"),
    ("valid", "desk/put", {"amount": "30"}, "is not of type 'number'"),
    ("permitted", "desk/die", {"amount": 101}, "that is too much"),
]


@pytest.mark.parametrize(("at", "path", "given", "why"), REFUSED)
def test_a_refused_call_is_recorded_costs_nothing_and_is_not_sent(
    tmp_path: Path, at: str, path: str, given: Any, why: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage, Limits(tool_calls=1)) as run:
            denied = await run.call(path, given)
            assert isinstance(denied, Denied)
            assert denied.gate == at
            assert why in denied.why
            assert (await stage.events(run.run_id))[-1] == denied
            assert await stage.books(run.run_id) == Spend()
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_arguments_that_can_be_read_but_not_written_are_refused_like_any_others(tmp_path: Path) -> None:
    """A client's object may be nested deeper than Python's own writer goes."""
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            denied = await run.call("desk/put", deep)
            assert isinstance(denied, Denied)
            assert "nested more than 100 levels deep" in denied.why
            assert (await stage.story(run.run_id))[-1] == "denied"

    on_stage(tmp_path, scenario)
    while deep:  # Python would free it by recursion
        deep = deep.pop("x")


def test_a_refusal_is_recorded_with_the_canonical_arguments_that_were_judged(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            denied = await run.call("desk/die", '{ "word": "é",  "amount": 500 }')
            unread = await run.call("desk/die", '{ "word": "é" ')
        assert isinstance(denied, Denied)
        assert denied.arguments == '{"amount":500,"word":"é"}'
        assert isinstance(unread, Denied)
        assert unread.arguments == '{ "word": "é" '

    on_stage(tmp_path, scenario)


# ---- outcomes


def test_a_tools_own_error_and_a_servers_refusal_are_outcomes_that_count(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            failed = outcome_of(await run.call("desk/fail", {}))
            refused = outcome_of(await run.call("desk/refuse", {}))
            assert failed.is_error  # type: ignore[union-attr]
            assert refused.message == "not today"  # type: ignore[union-attr]
            assert await stage.books(run.run_id) == Spend(tool_calls=2)

    on_stage(tmp_path, scenario)


def test_a_server_that_dies_in_a_call_leaves_it_in_doubt_and_it_counts(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert isinstance(outcome_of(await run.call("desk/die", {"amount": 1})), InDoubt)
            assert await stage.books(run.run_id) == Spend(tool_calls=1)
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario)


def test_a_time_out_is_a_doubt(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run, gate() as held:
            outcomes.append(outcome_of(await run.call("desk/hold", {"port": held.port})))

    for seconds in (0.2, 1.0, 5.0, 25.0):  # more, if they are over before the call could be sent
        folder = tmp_path / str(seconds)
        folder.mkdir()
        on_stage(folder, scenario, settings=CallSettings(timeouts={"desk": seconds}))
        if not isinstance(outcomes[-1], Unsent):
            break
    assert isinstance(outcomes[-1], InDoubt)


def test_what_was_not_sent_costs_nothing(tmp_path: Path) -> None:
    class Down:
        def __init__(self, servers: Upstreams) -> None:
            self.servers = servers

        @property
        def catalogue(self) -> Catalogue:
            return self.servers.catalogue

        async def forward(self, call: Call, **how: Any) -> Outcome:
            gone = replace(call, path="gone/put")
            return await self.servers.forward(gone, **how)

    async def scenario(stage: Stage) -> None:
        async with client(stage, Limits(tool_calls=1)) as run:
            for _ in range(3):
                assert "there is no server" in str(outcome_of(await run.call("desk/put", {})))
            assert await stage.books(run.run_id) == Spend()

    on_stage(tmp_path, scenario, around_upstream=Down)


def test_a_caller_who_goes_away_leaves_the_doubt_on_record(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run, gate() as held:
            calling = asyncio.create_task(run.call("desk/hold", {"port": held.port}))
            await held.arrived()
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            assert isinstance(outcome_of((await stage.events(run.run_id))[-1]), InDoubt)
            assert await stage.books(run.run_id) == Spend(tool_calls=1)
            assert stage.recorder.spans[-1].error == "no_answer"

    on_stage(tmp_path, scenario)


def test_a_caller_who_goes_away_is_gone_even_if_that_cannot_be_recorded(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run, gate() as held:
            calling = asyncio.create_task(run.call("desk/hold", {"port": held.port}))
            await held.arrived()
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            assert (await stage.story(run.run_id))[-1] == "admitted"
            stage.store._before = None  # type: ignore[attr-defined]  # noqa: SLF001 - the disk has room again

    on_stage(tmp_path, scenario, around_store=failing_on(Returned))


def test_a_caller_who_goes_away_before_anything_was_sent_leaves_no_reservation(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            calling = asyncio.create_task(run.call("desk/put", {}))
            stage.store._before = calling.cancel  # type: ignore[attr-defined]  # noqa: SLF001 - while it is written
            with pytest.raises(asyncio.CancelledError):
                await calling
            assert (await stage.story(run.run_id))[-2:] == ["admitted", "returned"]
            assert "before it was sent" in str((await stage.events(run.run_id))[-1])
            assert await stage.books(run.run_id) == Spend()
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario, around_store=lambda store: Around(store, Admitted))


def test_who_goes_away_in_the_moment_of_a_refusal_gains_no_budget(tmp_path: Path) -> None:
    """Of many calls that were judged before the last one of the budget was taken, all but one are refused."""

    async def scenario(stage: Stage) -> None:
        calls: list[asyncio.Task[Any]] = []

        def all_go() -> None:
            for calling in calls:
                calling.cancel()

        async with client(stage, Limits(tool_calls=1)) as run:
            calls += [asyncio.create_task(run.call("desk/put", {"amount": n})) for n in range(5)]
            stage.store._before = lambda: asyncio.get_running_loop().call_soon(all_go)  # type: ignore[attr-defined]  # noqa: SLF001
            gone = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(result) for result in gone} == {asyncio.CancelledError}
            assert (await stage.story(run.run_id))[2:] == ["admitted", "returned"]
            stage.store._before = None  # type: ignore[attr-defined]  # noqa: SLF001
            more = [await run.call("desk/put", {"amount": n}) for n in range(5)]
            assert [type(result) for result in more] == [Returned, Denied, Denied, Denied, Denied]

    on_stage(tmp_path, scenario, around_store=lambda store: Around(store, Admitted))


# ---- budgets


def test_of_200_parallel_calls_against_a_budget_of_10_exactly_10_are_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage, Limits(tool_calls=10)) as run:
            results = await asyncio.gather(*(run.call("desk/look", {"amount": n}) for n in range(200)))
            refused = [result for result in results if isinstance(result, Denied)]
            assert len(refused) == 190
            assert {result.gate for result in refused} == {"within_budget"}
            assert await stage.books(run.run_id) == Spend(tool_calls=10)
            assert isinstance(await run.call("desk/look", {}), Denied)
        assert len(arrivals(tmp_path)) == 10

    on_stage(tmp_path, scenario)


def test_in_an_agents_run_a_spent_budget_is_no_refusal_but_a_reason_to_pause(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        run_id = await stage.queued(limits=Limits(tool_calls=0))
        work = Work(Place.of(await stage.run(run_id), "t1"), driven=True)
        result = await stage.pipeline.call(Proposal("t1/call/1", "desk/put", "{}"), work)
        assert isinstance(result, OutOfBudget)
        assert await stage.story() == ["queued"]

    on_stage(tmp_path, scenario)


# ---- questions to people


async def held(stage: Stage, run: ClientRun, arguments: JsonObject | str = '{"word":"a"}') -> Held:
    result = await run.call("desk/send", arguments)
    assert isinstance(result, Held)
    return result


def test_the_same_call_joins_the_question_that_is_open(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run, client(stage) as later:
            first, again, elsewhere = [await held(stage, each) for each in (run, run, later)]
            other = await held(stage, run, '{"word":"b"}')
            assert first.approval_id == again.approval_id == elsewhere.approval_id != other.approval_id
            assert len(await stage.approving.waiting()) == 2

    on_stage(tmp_path, scenario)


def test_a_call_that_waited_for_a_person_is_told_of_once_to_whoever_overhears_the_policy(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    async def scenario(stage: Stage) -> None:
        stage.policy.overheard(lambda query, got: heard.append((query.action, got.effect)))
        async with client(stage) as run:
            question = await held(stage, run)
            assert (await held(stage, run)).approval_id == question.approval_id
            await stage.approving.decide(BOB, question.approval_id, "approved")
            assert isinstance(await run.call("desk/send", {"word": "a"}), Returned)
            assert heard == [("call", "ask"), ("approve", "allow")]
            await held(stage, run)
        assert heard[2:] == [("call", "ask")], "the next call is another one"

    on_stage(tmp_path, scenario)


def test_50_first_calls_at_once_put_one_question(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            results = await asyncio.gather(*(held(stage, run) for _ in range(50)))
        assert len({result.approval_id for result in results}) == 1
        assert len(await stage.files.approvals(pending_only=False)) == 1

    on_stage(tmp_path, scenario)


def test_of_50_parallel_retries_after_a_yes_exactly_one_is_sent(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            results = await asyncio.gather(*(run.call("desk/send", {"word": "a"}) for _ in range(50)))
            made = [result for result in results if isinstance(result, Returned)]
            asked = [result for result in results if isinstance(result, Held)]
            assert (len(made), len(asked)) == (1, 49)
            assert {result.approval_id for result in asked} != {question.approval_id}
            assert await stage.books(run.run_id) == Spend(tool_calls=1)
        assert len(arrivals(tmp_path)) == 1
        assert (await stage.files.approval(question.approval_id)).state == "consumed"

    on_stage(tmp_path, scenario)


def test_who_goes_away_while_another_one_uses_the_yes_up_does_not_make_it_good_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        calls: list[asyncio.Task[Any]] = []

        def all_but_one_go() -> None:
            for calling in calls[1:]:
                calling.cancel()

        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            calls += [asyncio.create_task(run.call("desk/send", {"word": "a"})) for _ in range(5)]
            stage.store._before = lambda: asyncio.get_running_loop().call_soon(all_but_one_go)  # type: ignore[attr-defined]  # noqa: SLF001
            first, *gone = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(first, Returned)
            assert {type(result) for result in gone} == {asyncio.CancelledError}
            assert (await stage.files.approval(question.approval_id)).state == "consumed"
            assert isinstance(await run.call("desk/send", {"word": "a"}), Held)
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario, around_store=lambda store: Around(store, Admitted))


def test_a_yes_that_comes_while_the_same_question_is_put_again_is_taken(tmp_path: Path) -> None:
    """Of two calls at once, one puts the question; it is answered before the other could join it."""

    class Answered(Around):
        async def append(self, run_id: str, events: Any, *, lease: Lease | None, changes: Any = ()) -> int:
            try:
                return await super().append(run_id, events, lease=lease, changes=changes)
            finally:
                for approval in await self._store.approvals():
                    await self._store.decide(approval.id, "approved", "user:bob", "")

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            results = await asyncio.gather(*(run.call("desk/send", {}) for _ in range(2)))
        assert sorted(event_name(result) for result in results if not isinstance(result, OutOfBudget)) in (
            ["held", "held"],
            ["held", "returned"],
        )

    on_stage(tmp_path, scenario, around_store=lambda store: Answered(store, Held))


def test_a_no_stands_for_the_same_call_and_for_no_other(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "denied", "not to them")
            for _ in range(3):
                denied = await run.call("desk/send", {"word": "a"})
                assert isinstance(denied, Denied)
                assert denied.why == "user:bob denied this call: not to them"
            await held(stage, run, '{"word":"b"}')
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_a_question_that_nobody_answered_in_time_is_put_anew(tmp_path: Path) -> None:
    times = [1_000_000]

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            times[0] = (await stage.files.approval(question.approval_id)).expires
            again = await held(stage, run)
            assert again.approval_id != question.approval_id
            assert (await stage.files.approval(question.approval_id)).state == "expired"

    on_stage(tmp_path, scenario, clock=lambda: times[0], settings=CallSettings(approval_seconds=60))


def test_a_yes_that_is_not_used_in_time_is_none(tmp_path: Path) -> None:
    times = [1_000_000]

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            approved = await stage.approving.decide(BOB, question.approval_id, "approved")
            times[0] = approved.expires  # type: ignore[union-attr]
            again = await held(stage, run)
            assert again.approval_id != question.approval_id
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario, clock=lambda: times[0])


CLAIMANTS = [
    ("another person", Subject("user:eve", "acme"), '{"word":"a"}'),
    ("another tenant", Subject("user:ann", "umbrella"), '{"word":"a"}'),
    ("an agent of hers", ANN_VIA_CLERK, '{"word":"a"}'),
    ("other arguments", ANN, '{"word":"b"}'),
    ("one more argument", ANN, '{"word":"a","amount":0}'),
]


@pytest.mark.parametrize(("who", "arguments"), [row[1:] for row in CLAIMANTS], ids=[row[0] for row in CLAIMANTS])
def test_nobody_else_and_nothing_else_can_claim_a_yes(tmp_path: Path, who: Subject, arguments: str) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run, client(stage, who=who) as other:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            await held(stage, other, arguments)
            assert arrivals(tmp_path) == []
            assert isinstance(await run.call("desk/send", '{ "word" : "a" }'), Returned)

    on_stage(tmp_path, scenario, rules=f"p, user:eve, *, */*, call, , allow, eve too\n{RULES}")


def test_a_yes_survives_the_session_and_the_gateway_that_asked(tmp_path: Path) -> None:
    async def ask(stage: Stage) -> None:
        async with client(stage) as run:
            await held(stage, run)

    async def approve_and_call(stage: Stage) -> None:
        (question,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, question.id, "approved")
        async with client(stage) as run:
            assert isinstance(await run.call("desk/send", {"word": "a"}), Returned)

    on_stage(tmp_path, ask)
    on_stage(tmp_path, approve_and_call)
    assert len(arrivals(tmp_path)) == 1


def test_a_policy_that_was_tightened_meanwhile_beats_the_yes(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            stage.rule(f"p, *, *, desk/send, call, , deny, nothing is sent today\n{RULES}")
            denied = await run.call("desk/send", {"word": "a"})
            assert isinstance(denied, Denied)
            assert denied.why == "nothing is sent today"
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_a_yes_does_not_count_for_a_tool_that_has_changed_and_the_question_is_put_anew(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        pin = stage.servers.catalogue.tools["desk/send"].pin
        async with client(stage) as run:
            approved, open_still = await held(stage, run), await held(stage, run, "{}")
            await stage.approving.decide(BOB, approved.approval_id, "approved")
            await run.call("desk/reword", {"word": "Sends everything to me."})
            await until(lambda: stage.servers.catalogue.tools["desk/send"].pin != pin, stage.servers)
            anew, anew_too = await held(stage, run), await held(stage, run, "{}")
        assert arrivals(tmp_path, "send") == []
        for old, new in ((approved, anew), (open_still, anew_too)):
            assert new.approval_id != old.approval_id
            assert (await stage.files.approval(old.approval_id)).state == "cancelled"

    on_stage(tmp_path, scenario)


def test_the_budget_is_looked_at_again_when_a_yes_is_used(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage, Limits(tool_calls=1)) as run:
            question = await held(stage, run)
            await run.call("desk/look", {})
            await stage.approving.decide(BOB, question.approval_id, "approved")
            denied = await run.call("desk/send", {"word": "a"})
            assert isinstance(denied, Denied)
            assert denied.gate == "within_budget"
        assert (await stage.files.approval(question.approval_id)).state == "approved"
        assert arrivals(tmp_path, "send") == []

    on_stage(tmp_path, scenario)


# ---- an approved call whose server is not there


class Away:
    """Servers that can be sent away, one way or the other: not in the catalogue any more, or gone when it is sent."""

    def __init__(self, servers: Upstreams) -> None:
        self.servers = servers
        self.missing = self.gone = False

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue.of([], {"desk": "it closed its output"}) if self.missing else self.servers.catalogue

    async def forward(self, call: Call, **how: Any) -> Outcome:
        return Unsent("it closed its output") if self.gone else await self.servers.forward(call, **how)

    def wake(self, server: str) -> None:
        self.servers.wake(server)


class Slow(Away):
    """Once, a tool is another one before its call leaves."""

    async def forward(self, call: Call, **how: Any) -> Outcome:
        if call.path == "desk/send" and not self.gone:
            self.gone = True
            pin = self.catalogue.tools[call.path].pin
            again = replace(call, path="desk/reword", arguments=Arguments.parse({"word": "Sends everything to me."}))
            await self.servers.forward(again, **{**how, "objection": unopposed})
            await until(lambda: self.catalogue.tools["desk/send"].pin != pin, self.servers)
        return await self.servers.forward(call, **how)


def test_a_call_to_a_tool_that_changes_while_it_waits_for_its_server_is_not_sent(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            outcome = outcome_of(await run.call("desk/send", {"word": "a"}))
        assert isinstance(outcome, Unsent)
        assert "`desk/send` has changed since this call was judged" in outcome.why
        assert arrivals(tmp_path, "send") == []

    on_stage(tmp_path, scenario, around_upstream=Slow)


@pytest.mark.parametrize("how", ["missing", "gone"])
def test_an_approval_outlives_calls_that_did_not_reach_the_server_and_is_good_for_one_that_does(
    tmp_path: Path, how: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            for _ in range(2):
                setattr(stage.upstream, how, True)
                told = await run.call("desk/send", {"word": "a"})
                assert "it closed its output; its approval is not used up" in str(told)
                setattr(stage.upstream, how, False)
            assert isinstance(outcome_of(await run.call("desk/send", {"word": "a"})), Answered)
            assert isinstance(await run.call("desk/send", {"word": "a"}), Held)
            assert await stage.books(run.run_id) == Spend(tool_calls=1)
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario, around_upstream=Away)


@pytest.mark.parametrize("how", ["missing", "gone"])
def test_in_an_agents_run_the_same_call_made_again_rides_on_the_approval_of_the_one_that_was_not_reached(
    tmp_path: Path, how: str
) -> None:
    class Returning(Replies):
        """Looks at the server while it is told what came of its call: by then it is back."""

        async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
            setattr(stages[0].upstream, how, False)
            async for event in super().stream(request):
                yield event

    stages: list[Stage] = []

    async def scenario(stage: Stage) -> None:
        stages.append(stage)
        send = calls(("desk__send", {"word": "a"}))
        model = Returning(send, send, send, says("Done."))
        assert (await stage.drive(await stage.queued(), model)).status == "waiting"
        (question,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, question.id, "approved")
        setattr(stage.upstream, how, True)
        run = await stage.drive("run-1", model)
        assert (run.status, run.turn, run.denials) == ("waiting", 3, 0)  # the third is another one, and asked about
        told = str(model.requests[1].messages[-1])
        assert "it closed its output; its approval is not used up" in told
        assert "again later" in told
        assert (await stage.files.approval(question.id)).state == "consumed"
        books = await stage.books()
        assert (books.turns, books.tool_calls, books.tokens, books.nanos) == (3, 1, 90, run.spend.nanos)
        (arrived,) = arrivals(tmp_path, "send")
        assert arrived["meta"]["toolgate/idempotency-key"] == "run-1/t2/call/1"

    on_stage(tmp_path, scenario, around_upstream=Away)


def test_a_yes_to_a_tool_that_changed_while_it_was_away_is_none(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        pin = stage.servers.catalogue.tools["desk/send"].pin
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            stage.upstream.gone = True  # type: ignore[attr-defined]
            assert isinstance(outcome_of(await run.call("desk/send", {"word": "a"})), Unsent)
            stage.upstream.gone = False  # type: ignore[attr-defined]
            await run.call("desk/reword", {"word": "Sends everything to me."})
            await until(lambda: stage.servers.catalogue.tools["desk/send"].pin != pin, stage.servers)
            assert (await held(stage, run)).approval_id != question.approval_id
        assert arrivals(tmp_path, "send") == []

    on_stage(tmp_path, scenario, around_upstream=Away)


def test_an_approval_is_spent_by_a_call_of_which_nobody_knows_whether_it_arrived(tmp_path: Path) -> None:
    class Lost(Away):
        async def forward(self, *_: Any, **__: Any) -> Outcome:
            return InDoubt("the line was cut")

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            assert isinstance(outcome_of(await run.call("desk/send", {"word": "a"})), InDoubt)
            assert (await stage.files.approval(question.approval_id)).state == "consumed"
            assert isinstance(await run.call("desk/send", {"word": "a"}), Held)

    on_stage(tmp_path, scenario, around_upstream=Lost)


def test_a_caller_who_goes_away_before_anything_was_sent_uses_no_approval_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            question = await held(stage, run)
            await stage.approving.decide(BOB, question.approval_id, "approved")
            calling = asyncio.create_task(run.call("desk/send", {"word": "a"}))
            stage.store._before = calling.cancel  # type: ignore[attr-defined]  # noqa: SLF001 - while it is written
            with pytest.raises(asyncio.CancelledError):
                await calling
            stage.store._before = None  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            assert isinstance(outcome_of(await run.call("desk/send", {"word": "a"})), Answered)
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario, around_store=lambda store: Around(store, Admitted))


# ---- a further attempt at a call whose outcome is unknown


def further(stage: Stage, **changes: Any) -> Attempt:
    fields: dict[str, Any] = {
        "number": 2,
        "pin": stage.servers.catalogue.tools["desk/put"].pin,
        "reserved": True,
    } | changes
    return Attempt(**fields)


async def orphaned(stage: Stage, path: str = "desk/put", limits: Limits = Limits()) -> Work:  # noqa: B008 - frozen
    """An agent's run whose worker died with a call admitted and not answered."""
    message = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "c", "name": "x", "arguments": "{}"}]}
    wishes = ({"key": "t1/call/1", "id": "c", "path": path},)
    tool = stage.servers.catalogue.tools[path]
    admitted = Admitted("t1/call/1", path, "{}", tool.pin, "", {"tool_calls": 1})
    story: list[Event] = [
        queued(limits=limits),
        Started("w"),
        ModelAsked(1, {}),
        ModelAnswered(1, message, "stop", "m", {}, {}, wishes),
    ]
    reserve = Reserve(run_account("run-1"), Spend(tool_calls=1), limits)
    await stage.files.append("run-1", [*story, admitted], lease=None, changes=[reserve])
    return Work(Place.of(await stage.run(), "t1"), driven=True)


AGAIN = Proposal("t1/call/1", "desk/put", "{}")


def test_a_further_attempt_rides_on_the_reservation_of_the_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        work = await orphaned(stage, limits=Limits(tool_calls=1))
        assert isinstance(await stage.pipeline.call(AGAIN, work, further(stage)), Returned)
        assert await stage.books() == Spend(tool_calls=1)
        assert (await stage.run()).spend.tool_calls == 1
        (arrived,) = arrivals(tmp_path)
        assert arrived["meta"]["toolgate/idempotency-key"] == "run-1/t1/call/1"

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("p, *, *, desk/put, call, , deny, not any more", "not any more"),
        ("p, *, *, desk/put, call, , ask, a person must read it", "a person must read it"),
    ],
)
def test_a_further_attempt_that_may_not_simply_be_made_is_left_to_a_person(tmp_path: Path, rule: str, why: str) -> None:
    """It may have happened: a refusal would say that it did not, and a question would make people approve it twice."""

    async def scenario(stage: Stage) -> None:
        work = await orphaned(stage)
        stage.rule(f"{rule}\n{RULES}")
        doubted = await stage.pipeline.call(AGAIN, work, further(stage))
        assert isinstance(doubted, Doubted)
        assert why in doubted.why
        assert await stage.books() == Spend(tool_calls=1)
        assert await stage.files.approvals(pending_only=False) == []
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_a_further_attempt_is_not_made_on_another_tool_of_that_name(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        work = await orphaned(stage)
        doubted = await stage.pipeline.call(AGAIN, work, further(stage, pin="another"))
        assert isinstance(doubted, Doubted)
        assert "has changed" in doubted.why
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


SAFE = [
    ("desk/look", True, (), (True, True)),
    ("desk/put", True, (), (True, False)),
    ("desk/send", True, (), (False, False)),
    ("desk/look", False, (), (False, False)),
    ("desk/send", True, ("desk/s*",), (True, False)),
    ("desk/send", True, ("send",), (False, False)),
    ("desk/gone", True, ("*",), (False, False)),
]


@pytest.mark.parametrize(("path", "trusted", "vouched", "answers"), SAFE)
def test_what_may_be_repeated_is_the_admins_word_or_that_of_a_trusted_server(
    tmp_path: Path, path: str, trusted: bool, vouched: Sequence[str], answers: tuple[bool, bool]
) -> None:
    async def scenario() -> None:
        settings = CallSettings(safe_to_repeat=vouched)
        async with opened(tmp_path, tally(tmp_path, trusted=trusted), settings=settings) as stage:
            assert (stage.pipeline.may_repeat(path), stage.pipeline.only_reads(path)) == answers

    asyncio.run(scenario())


def test_every_denial_is_one_line_of_json(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            await run.call("desk/\n\x1b[31mnone", '{"a": "\n')
            recorded = (await stage.files.events(run.run_id))[-1]
        assert "\n" not in json.dumps(recorded.to_json())

    on_stage(tmp_path, scenario)
