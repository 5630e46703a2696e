"""What became of a call that got no answer is asked of a declared tool that only reads, before a person is."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway import deferring
from gateway.budget import Limits
from gateway.call import Answered, Call, InDoubt, Outcome
from gateway.catalogue import Catalogue
from gateway.effects import Effects, Inquiry, Recipe, ToolWord
from gateway.events import Admitted, Denied, Doubted, Held, Resolved
from gateway.inquiring import MOST_INQUIRIES
from gateway.later import Deferred
from gateway.parties import CallSettings
from gateway.policy.answers import answers, compile_answer
from gateway.store.waiting import until
from gateway.upstream import Upstreams
from tests.fixtures.parts import PATIENCE, RULES, Replies, Stage, arrivals, calls, opened, says, tally

FREE = RULES.replace(" ask, ", " allow, ")
DONE = says("Done.")
KEY = "run-1/t1/call/1"


def inquiry(tool: str = "desk/look", arguments: Mapping[str, Any] | None = None, after: float = 0.0) -> Inquiry:
    asked = {"word": "{key}", "amount": "{arguments.amount}"} if arguments is None else arguments
    found, gone = (partial(answers, compile_answer(f"result.found == {word}")) for word in ("true", "false"))
    return Inquiry(Recipe(tool, asked), found, gone, after)


@dataclass
class Lossy:
    """Servers that lose the answers of `desk/send`, so many times; `look` answers with `says`."""

    servers: Upstreams
    says: Any
    times: int = 1
    asked: list[Call] = field(default_factory=list)

    @property
    def catalogue(self) -> Catalogue:
        return self.servers.catalogue

    async def forward(self, call: Call, **how: Any) -> Outcome:
        outcome = await self.servers.forward(call, **how)
        if call.path == "desk/send" and self.times > 0:
            self.times -= 1
            return InDoubt("the answer was lost")
        if call.path == "desk/send" or "/reconcile/" not in call.key:
            return outcome
        self.asked.append(call)
        return (
            self.says if isinstance(self.says, Outcome) else Answered({"content": [], "structuredContent": self.says})
        )

    def wake(self, server: str) -> None:
        self.servers.wake(server)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferring, "FIRST_PAUSE", 0.0)


Scenario = Callable[[Stage, Lossy], Any]


def on_stage(folder: Path, scenario: Scenario, said: Any, asked: Inquiry, **more: Any) -> None:
    made: list[Lossy] = []
    times, trusted = more.pop("times", 1), more.pop("trusted", True)
    words = {"desk/send": ToolWord(reconcile=asked), **more.pop("words", {})}

    def around(servers: Upstreams) -> Lossy:
        made.append(Lossy(servers, said, times))
        return made[0]

    async def play() -> None:
        settings = CallSettings(effects=Effects(words))
        spec = tally(folder, trusted=trusted)
        async with opened(folder, spec, settings=settings, around_upstream=around, **{"rules": FREE, **more}) as stage:
            await scenario(stage, made[0])

    asyncio.run(play())


SEND = calls(("desk__send", {"amount": 5}))


async def resolved(stage: Stage) -> list[tuple[str, str]]:
    return [(event.resolution, event.by) for event in await stage.events() if isinstance(event, Resolved)]


def test_a_call_that_is_known_to_have_happened_is_told_so_and_no_person_is_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        model = Replies(SEND, DONE)
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert await resolved(stage) == [("happened", "reconcile: desk/look")]
        (asked,) = lossy.asked
        assert asked.arguments.value == {"word": KEY, "amount": 5}
        assert asked.idempotency_key == f"{KEY}/reconcile/1"
        admitted = [event.key for event in await stage.events() if isinstance(event, Admitted)]
        assert admitted == ["t1/call/1", "t1/call/1/reconcile/1"]
        parts: Any = model.requests[-1].messages[-1].parts
        assert len(parts) == 1  # what was asked beside it is no part of the conversation
        assert '"order":"O-1"' in parts[0].content[0]["text"]
        assert parts[0].is_error is False
        assert len(arrivals(tmp_path, "send")) == 1
        assert (await stage.books()).tool_calls == 2

    on_stage(tmp_path, scenario, {"found": True, "order": "O-1"}, inquiry())


def test_a_call_that_is_known_not_to_have_happened_is_made_again_with_its_key(tmp_path: Path) -> None:
    async def scenario(stage: Stage, _lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert run.status == "succeeded"
        assert await resolved(stage) == [("did_not_happen", "reconcile: desk/look")]
        keys = [each["meta"]["toolgate/idempotency-key"] for each in arrivals(tmp_path, "send")]
        assert keys == [KEY, KEY]

    on_stage(tmp_path, scenario, {"found": False}, inquiry())


def test_a_server_that_loses_each_answer_is_a_persons_affair_in_the_end(tmp_path: Path) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert [call.key for call in lossy.asked] == [f"t1/call/1/reconcile/{n}" for n in range(1, MOST_INQUIRIES + 1)]

    on_stage(tmp_path, scenario, {"found": False}, inquiry(), times=99)


@pytest.mark.parametrize(
    "said",
    [
        {"found": "yes"},
        {},
        InDoubt("lost, too"),
        Answered({"content": [{"type": "text", "text": "no"}], "isError": True}),
        Answered({"content": [{"type": "text", "text": "I found it"}]}),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(tmp_path: Path, said: Any) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert len(lossy.asked) == 1
        assert await resolved(stage) == []
        assert (await stage.books()).tool_calls == 2
        await stage.drive("run-1", Replies(SEND, DONE))
        assert len(lossy.asked) == 1  # it is not asked again and again
        person = Resolved("t1/call/1", "happened", "user:bob", "I looked")
        await stage.files.append("run-1", [person], lease=None)
        assert (await stage.drive("run-1", Replies(SEND, DONE))).status == "succeeded"

    on_stage(tmp_path, scenario, said, inquiry())


REFUSED = f"p, *, *, desk/look, call, , deny, nobody looks\n{FREE}"
ASKED = f"p, *, *, desk/look, call, , ask, people look first\n{FREE}"
NO_PLACE = inquiry(arguments={"word": "{arguments.gone}"})


@pytest.mark.parametrize(
    ("asked", "rules", "trusted", "why"),
    [
        (inquiry(), REFUSED, True, "nobody looks"),
        (inquiry(), ASKED, True, "people would have to agree"),
        (inquiry("desk/put"), FREE, True, "nobody who is trusted says that it only reads"),
        (inquiry(), FREE, False, "nobody who is trusted says that it only reads"),
        (inquiry("desk/gone"), FREE, True, "nobody who is trusted says that it only reads"),
        (NO_PLACE, FREE, True, "there is no `arguments.gone`"),
    ],
)
def test_what_may_not_be_asked_is_not(tmp_path: Path, asked: Inquiry, rules: str, trusted: bool, why: str) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert lossy.asked == []
        (doubted,) = [event for event in await stage.events() if isinstance(event, Doubted)]
        assert why in doubted.why
        assert not any(isinstance(event, Held) for event in await stage.events())
        assert await stage.files.approvals(pending_only=False) == []
        denied = [event.key for event in await stage.events() if isinstance(event, Denied)]
        assert denied == (["t1/call/1/reconcile/1"] if rules is not FREE else [])

    on_stage(tmp_path, scenario, {"found": True}, asked, rules=rules, trusted=trusted)


def test_the_admin_may_vouch_for_the_tool_that_is_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage, _lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert run.status == "succeeded"
        assert run.tainted  # what it said was read all the same

    vouched = {"desk/look": ToolWord(read_only=True)}
    on_stage(tmp_path, scenario, {"found": True}, inquiry(), trusted=False, words=vouched)


def test_where_the_budget_has_no_room_for_it_a_person_is_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(limits=Limits(tool_calls=1)), Replies(SEND, DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert lossy.asked == []

    on_stage(tmp_path, scenario, {"found": True}, inquiry())


def test_it_is_asked_after_a_while_and_that_is_on_record(tmp_path: Path) -> None:
    async def scenario(stage: Stage, _lossy: Lossy) -> None:
        run = await stage.drive(await stage.queued(), Replies(SEND, DONE))
        assert run.status == "succeeded"
        (deferred,) = [event for event in await stage.events() if isinstance(event, Deferred)]
        assert deferred.key == "t1/call/1"

    on_stage(tmp_path, scenario, {"found": True}, inquiry(after=0.05))


async def deferred(stage: Stage) -> bool:
    return "deferred" in await stage.story()


def test_a_worker_whose_time_is_over_does_not_wait_to_ask(tmp_path: Path) -> None:
    async def scenario(stage: Stage, lossy: Lossy) -> None:
        over, model = asyncio.Event(), Replies(SEND, DONE)
        lease = await stage.files.acquire(await stage.queued(), "worker", 60.0)
        assert lease is not None
        working = asyncio.create_task(stage.loop(model).work(lease, over))
        async with asyncio.timeout(PATIENCE):
            assert await until(stage.files, lambda: deferred(stage))
            over.set()
            run = await working
        assert (run.status, lossy.asked) == ("running", [])
        assert [call.status for call in run.calls.values()] == ["in_doubt"]  # as before: the next one sees to it
        assert "doubted" not in await stage.story()

    on_stage(tmp_path, scenario, {"found": True}, inquiry(after=3600.0))


class Dying(BaseException):
    """The worker is killed."""


@pytest.mark.parametrize("moment", ["admitted", "returned"])
def test_a_worker_that_dies_while_it_asks_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    """With `admitted` it dies when the question is on its way: it is put again, on what was reserved for it."""

    async def scenario(stage: Stage, lossy: Lossy) -> None:
        forward, doubt = lossy.forward, stage.pipeline.doubt

        async def die(call: Call, **how: Any) -> Outcome:
            if "/reconcile/" in call.key:
                raise Dying
            return await forward(call, **how)

        async def die_later(*_: Any, **__: Any) -> Doubted:
            raise Dying

        if moment == "admitted":
            lossy.forward = die  # type: ignore[method-assign]
        else:
            stage.pipeline.doubt = die_later  # type: ignore[method-assign]
        with pytest.raises((Dying, BaseExceptionGroup)):
            await stage.drive(await stage.queued(limits=Limits(tool_calls=2)), Replies(SEND, DONE))
        lossy.forward, stage.pipeline.doubt = forward, doubt  # type: ignore[method-assign]
        run = await stage.drive("run-1", Replies(SEND, DONE))
        assert run.status == "succeeded"
        assert await resolved(stage) == [("happened", "reconcile: desk/look")]
        assert len(lossy.asked) == 1
        assert (await stage.books()).tool_calls == 2
        assert len(arrivals(tmp_path, "send")) == 1

    on_stage(tmp_path, scenario, {"found": True}, inquiry())
