"""What people do to runs without a server: the store, the policy and the budgets are all that it takes."""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Allow, Deny, InDoubt, Subject, outcome_to_json
from gateway.config import Config, load_config
from gateway.errors import ConfigError, IllegalEvent, LeaseLost, PolicyError, StoreError, UnknownRun
from gateway.events import (
    Admitted,
    Budgeted,
    Cancelled,
    Doubted,
    Event,
    Failed,
    ModelAnswered,
    ModelAsked,
    Paused,
    Queued,
    Recorded,
    Resolution,
    Resumed,
    Returned,
    Started,
    Waited,
    event_name,
)
from gateway.later import Slept
from gateway.offline import open_offline
from gateway.run import ENDED
from gateway.store import Reserve, run_account
from gateway.store.database import DatabaseStore
from gateway.store.lease import machine, owner_name

MODEL = Path(__file__).parents[2] / "policies" / "model.conf"
POLICY = "p, user:ann, *, */*, call, , allow, ann may\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy.csv").write_text(POLICY)
    (tmp_path / "policies" / "model.conf").write_text(MODEL.read_text())
    (tmp_path / "toolgate.toml").write_text('[identity]\nuser = "user:ann"\n')
    return tmp_path


def config(project: Path) -> Config:
    return load_config(project, {"HOME": str(project)})


def test_the_first_start_builds_the_policy_once_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the store is made, it is seen whether it can be used."""
    module: Any = importlib.import_module("gateway.policy.load")
    built, build = [], module._build  # noqa: SLF001 - each way to build one comes through here

    def counted(*sources: Any, **more: Any) -> Any:
        built.append(sources)
        return build(*sources, **more)

    monkeypatch.setattr(module, "_build", counted)
    for number in (1, 2):
        with open_offline(config(project)) as offline:
            assert len(offline.policy.glance.rules) == 1
        assert len(built) == number


def test_offline_opens_the_store_and_the_policy_and_closes_them(project: Path) -> None:
    with open_offline(config(project)) as offline:
        assert asyncio.run(offline.store.run_rows()) == []
        assert offline.policy.current.rules
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(offline.cancel("r-1", "user:ann"))


def test_a_policy_that_can_not_be_used_opens_nothing(project: Path) -> None:
    (project / "policies" / "policy.csv").write_text("p, user:ann\n")
    with pytest.raises(PolicyError), open_offline(config(project)):
        pytest.fail("it was opened")
    assert not (project / ".toolgate").exists()


def test_budgets_that_can_not_be_used_open_nothing(project: Path) -> None:
    (project / "policies" / "budgets.toml").write_text("[run]\nturnss = 1\n")
    with pytest.raises(ConfigError, match="turnss"), open_offline(config(project)):
        pytest.fail("it was opened")
    assert not (project / ".toolgate").exists()


CALL = {"key": "t1/call/1", "id": "1", "path": "echo/add"}
WISH = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": "{}"}]}
DOUBTED = (
    Queued("loop", "user:ann", "default", "agent:desk", "demo", "hi"),
    Started("host/1/a"),
    ModelAsked(1, {}),
    ModelAnswered(1, WISH, "tool_calls", "demo", {}, {}, (CALL,)),
    Admitted("t1/call/1", "echo/add", "{}", "pin", "policy", {}),
    Doubted("t1/call/1", "no answer"),
)


def test_only_a_call_in_doubt_can_be_resolved(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", DOUBTED, lease=None)
            with pytest.raises(StoreError, match="`t9` of run `r-1` is not in doubt; in doubt: `t1/call/1`"):
                await offline.resolve("r-1", "t9", "happened", "user:bob", "")
            await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "I looked")
            with pytest.raises(StoreError, match="no call of it is"):
                await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "")

    asyncio.run(scenario())


@pytest.mark.parametrize("word", ["happened", "did_not_happen"])
def test_of_two_who_settle_a_call_at_once_the_second_is_told_what_the_first_has_said(
    project: Path, word: Resolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", DOUBTED, lease=None)
            seen, fresh = [await offline.store.events("r-1")], type(offline.store).events

            async def events(store: DatabaseStore, run_id: str, *rest: Any) -> Sequence[Recorded]:
                return seen.pop() if seen else await fresh(store, run_id, *rest)

            await offline.resolve("r-1", "t1/call/1", word, "user:bob", "")
            monkeypatch.setattr(type(offline.store), "events", events)  # the second one has read before
            with pytest.raises(StoreError, match=f"not in doubt, since `user:bob` has said `{word}`"):
                await offline.resolve("r-1", "t1/call/1", "give_up", "user:cy", "")
            assert len(await fresh(offline.store, "r-1")) == len(DOUBTED) + 1

    asyncio.run(scenario())


def test_who_settles_another_call_of_the_run_at_the_same_time_is_in_nobody_s_way(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            calls = tuple({"key": f"t1/call/{n}", "id": str(n), "path": "echo/add"} for n in (1, 2, 3))
            asked = tuple(
                {"kind": "tool_call", "id": call["id"], "name": "echo__add", "arguments": "{}"} for call in calls
            )
            answered = ModelAnswered(1, {**WISH, "parts": [*asked]}, "tool_calls", "demo", {}, {}, calls)
            doubts = [Doubted(call["key"], "no answer") for call in calls]
            sent = [Admitted(call["key"], "echo/add", "{}", "pin", "policy", {}) for call in calls]
            await offline.store.append("r-1", [*DOUBTED[:3], answered, *sent, *doubts], lease=None)
            said = (offline.resolve("r-1", call["key"], "happened", "user:bob", "") for call in calls)
            assert await asyncio.gather(*said) == [None, None, None]
            assert {call.status for call in (await offline.run("r-1")).calls.values()} <= {"done"}

    asyncio.run(scenario())


def test_a_paused_run_goes_on_and_any_other_is_left_as_it_is(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", [*DOUBTED[:2], Paused("interrupted", "Ctrl-C")], lease=None)
            await offline.resume("r-1")
            assert (await offline.run("r-1")).status == "running"
            seq = (await offline.run("r-1")).seq
            await offline.resume("r-1")
            assert (await offline.run("r-1")).seq == seq

    asyncio.run(scenario())


def test_a_clients_run_is_not_ours_to_resume(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", [Queued("client", "user:ann", "default")], lease=None)
            with pytest.raises(StoreError, match="an MCP client's"):
                await offline.resume("r-1")

    asyncio.run(scenario())


def test_news_are_no_longer_and_no_more_than_a_run_can_be_told_and_cost_no_look_at_all_of_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Subject("user:ann", "default")

    async def scenario() -> None:
        with open_offline(config(project)) as offline:

            def looked_at(*_given: Any, **_more: Any) -> None:
                raise AssertionError("the whole run was looked at")

            monkeypatch.setattr(offline.store, "events", looked_at)
            await offline.store.append("r-1", [*DOUBTED[:2]], lease=None)
            with pytest.raises(StoreError, match="news of 65,537 bytes are too long: at most 65,536"):
                await offline.notify("r-1", "paid", f'"{"x" * 65_533}é"', ann)
            await offline.notify("r-1", "paid", f'"{"x" * 65_532}é"', ann)
            for _ in range(98):
                await offline.notify("r-1", "paid", "{}", ann)
            await offline.notify("r-1", "other", "{}", ann)
            with pytest.raises(StoreError, match="`r-1` has been told of 100 news more than it has waited for"):
                await offline.notify("r-1", "paid", "{}", ann)
            await offline.store.append("r-1", [Slept("t1/call/1", 9, "paid")], lease=None)
            await offline.notify("r-1", "paid", "{}", ann)
            with pytest.raises(StoreError, match="100 news more than it has"):
                await offline.notify("r-1", "paid", "{}", ann)

    asyncio.run(scenario())


def test_a_run_that_has_ended_takes_no_more_orders(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", DOUBTED[:1], lease=None)
            await offline.raise_limits("r-1", Limits(turns=9), "user:bob")
            assert (await offline.run("r-1")).limits.turns == 9
            await offline.cancel("r-1", "user:bob")
            with pytest.raises(IllegalEvent):
                await offline.cancel("r-1", "user:bob")
            with pytest.raises(IllegalEvent):
                await offline.raise_limits("r-1", Limits(turns=9), "user:bob")
            with pytest.raises(UnknownRun):
                await offline.run("r-2")

    asyncio.run(scenario())


def an_approval(path: str) -> Approval:
    fields = dict.fromkeys(Approval.__dataclass_fields__, "")
    known = {"path": path, "user": "user:ann", "tenant": "default", "arguments": "{}", "created": 0, "expires": 1}
    known |= {"escalates": None}
    return Approval(**{**fields, **known})  # type: ignore[arg-type] # every field has a value of its type or is unread


def test_without_servers_a_condition_on_the_tool_lets_nobody_approve(project: Path) -> None:
    lines = (
        "p, user:bob, *, echo/*, approve, tool.trusted, allow, trusted",
        "p, user:bob, *, mail/*, approve, , allow, ok",
    )
    (project / "policies" / "policy.csv").write_text(POLICY + "\n".join(lines) + "\n")
    with open_offline(config(project)) as offline:
        bob = offline.subject("user:bob")
        assert isinstance(asyncio.run(offline.approving.may_decide(bob, an_approval("echo/add"))), Deny)
        assert isinstance(asyncio.run(offline.approving.may_decide(bob, an_approval("mail/send"))), Allow)


ONE, SHARED = Spend(tool_calls=1), "budget:b|"
UNDER_WAY = (*DOUBTED[:4], Admitted("t1/call/1", "echo/add", "{}", "pin", "policy", ONE.to_json()))
TOLD = Budgeted("t1/call/1", {SHARED: ONE.to_json()})
RESERVED = (Reserve(run_account("r-1"), ONE, Limits()), Reserve(SHARED, ONE, Limits()))


@pytest.mark.parametrize("how", ["cancel", "move"])
@pytest.mark.parametrize("seconds", [0.0, 3600.0])
def test_what_was_under_way_when_the_driver_was_killed_does_not_stay_reserved(
    project: Path, how: str, seconds: float
) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", [*UNDER_WAY, TOLD], lease=None, changes=RESERVED)
            gone = await offline.store.acquire("r-1", f"{machine()}/{2**22 + 1}/x", seconds)
            if how == "cancel":
                await offline.cancel("r-1", "user:ann")
            else:
                await offline.store.move(await offline.store.pack("r-1", moves=True), "user:ann", "there.json")
            for account in (run_account("r-1"), SHARED):
                assert [(row.used, row.reserved) for row in await offline.store.booked(account)] == [(1, 0)]
            assert (await offline.store.run_row("r-1")).owner is None
            with pytest.raises(LeaseLost):  # if he was only asleep, it is not settled twice
                await offline.store.append("r-1", [], lease=gone)

    asyncio.run(scenario())


def test_whoever_drives_a_run_settles_it_himself_when_it_is_cancelled(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", [*UNDER_WAY, TOLD], lease=None, changes=RESERVED)
            lease = await offline.store.acquire("r-1", owner_name(), 3600.0)
            await offline.cancel("r-1", "user:ann")
            assert [row.reserved for row in await offline.store.booked(SHARED)] == [1]
            await offline.store.append("r-1", [], lease=lease)

    asyncio.run(scenario())


def kept_in(project: Path, url: str | None) -> Path:
    """The same project, with its store in a database."""
    if url is not None:
        (project / "toolgate.toml").write_text(f'store = "{url}"\n[identity]\nuser = "user:ann"\n')
    return project


NO_ANSWER = Returned("t1/call/1", outcome_to_json(InDoubt("it was cut off")), {})


@pytest.mark.parametrize("more", [(), (NO_ANSWER,), (NO_ANSWER, DOUBTED[-1]), (DOUBTED[-1], Waited("doubt"))])
@pytest.mark.parametrize("end", [Cancelled("user:ann"), Failed("lost", "the worker was killed")])
def test_what_became_of_a_call_without_an_answer_may_be_said_when_its_run_has_ended(
    project: Path, database: Callable[[], str | None], end: Event, more: Sequence[Event]
) -> None:
    if isinstance(end, Failed) and more and isinstance(more[-1], Waited):
        more = (*more, Resumed("people answered"))

    async def scenario() -> None:
        with open_offline(config(kept_in(project, database()))) as offline:
            await offline.store.append("r-1", [*DOUBTED[:5], *more, end], lease=None)
            await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "I looked")
            with pytest.raises(StoreError, match="not in doubt, since `user:bob` has said `happened`"):
                await offline.resolve("r-1", "t1/call/1", "did_not_happen", "user:cy", "")
            with pytest.raises(StoreError, match="`t9` of run `r-1` is not in doubt; no call of it is"):
                await offline.resolve("r-1", "t9", "happened", "user:bob", "")
            run = await offline.run("r-1")
            assert run.status in ENDED
            assert not run.calls  # all of them have their result

    asyncio.run(scenario())


def test_nobody_says_what_became_of_a_call_while_somebody_is_at_it(
    project: Path, database: Callable[[], str | None]
) -> None:
    async def scenario() -> None:
        with open_offline(config(kept_in(project, database()))) as offline:
            await offline.store.append("r-1", [*UNDER_WAY, TOLD], lease=None, changes=RESERVED)
            lease = await offline.store.acquire("r-1", owner_name(), 3600.0)
            assert lease is not None
            await offline.cancel("r-1", "user:ann")
            with pytest.raises(StoreError, match="`t1/call/1` of run `r-1` is under way: "):
                await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "")
            await offline.store.release(lease)  # he could not write it down
            await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "")
            assert [(row.used, row.reserved) for row in await offline.store.booked(SHARED)] == [(1, 0)]
            names = [event_name(each.event) for each in await offline.events("r-1")]
            assert names[-3:] == ["cancelled", "doubted", "resolved"]

    asyncio.run(scenario())


def test_of_a_run_that_was_moved_away_it_is_said_where_it_is_now(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", [*DOUBTED, Cancelled("user:ann", "moved", "there.json")], lease=None)
            with pytest.raises(StoreError, match=r"was moved to there\.json"):
                await offline.resolve("r-1", "t1/call/1", "happened", "user:bob", "")

    asyncio.run(scenario())


def test_only_a_run_that_nobody_else_drives_is_noted_as_interrupted(project: Path) -> None:
    async def scenario() -> None:
        with open_offline(config(project)) as offline:
            await offline.store.append("r-1", DOUBTED[:2], lease=None)
            lease = await offline.store.acquire("r-1", owner_name(), 3600.0)
            await offline.interrupted("r-1")
            assert (await offline.run("r-1")).status == "running"
            assert lease is not None
            await offline.store.release(lease)
            await offline.interrupted("r-1")
            assert (await offline.run("r-1")).status == "paused"
            assert (await offline.store.run_row("r-1")).owner is None

    asyncio.run(scenario())
