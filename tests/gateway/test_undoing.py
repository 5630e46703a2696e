"""What a run has done is undone: each call at most once, the newest first, through all gates."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Call, InDoubt, Outcome
from gateway.catalogue import Catalogue
from gateway.effects import Effects, Recipe, ToolWord
from gateway.errors import StoreError
from gateway.events import Cancelled, Event, ModelAnswered, ModelAsked, Paused, Resolved, Returned, Succeeded
from gateway.orphans import sweep
from gateway.parties import CallSettings
from gateway.reversal import Undo
from gateway.store.lease import machine
from gateway.store.sqlite import SqliteStore
from gateway.undoing import Undoing
from gateway.upstream import Upstreams
from tests.fixtures.parts import ANN, BOB, RULES, Replies, Stage, arrivals, calls, opened, says, tally

EFFECTS = Effects({"desk/send": ToolWord(undo=Recipe("desk/put", {"word": "{key}", "amount": "{arguments.amount}"}))})
FREE = RULES.replace(" ask, ", " allow, ")
OTHERS = f"p, user:bob, *, desk/put, call, , allow, bob mends\n{FREE}"


class Servers:
    """Servers of which the next answer to `desk/put` may be another, or get lost."""

    def __init__(self, servers: Upstreams) -> None:
        self._servers, self.next = servers, None

    next: Outcome | BaseException | None

    @property
    def catalogue(self) -> Catalogue:
        return self._servers.catalogue

    async def forward(self, call: Call, **how: Any) -> Outcome:
        said, self.next = (self.next, None) if call.path == "desk/put" else (None, self.next)
        if isinstance(said, BaseException):
            raise said
        outcome = await self._servers.forward(call, **how)
        return said or outcome

    def wake(self, server: str) -> None:
        self._servers.wake(server)


def on_stage(folder: Path, scenario: Callable[[Stage, Undoing, Servers], Any], **more: Any) -> None:
    made: list[Servers] = []

    def around(servers: Upstreams) -> Servers:
        made.append(Servers(servers))
        return made[0]

    async def play() -> None:
        trusted = more.pop("trusted", True)
        settings, rules = CallSettings(effects=EFFECTS), more.pop("rules", OTHERS)
        spec = tally(folder, trusted=trusted)
        async with opened(folder, spec, settings=settings, rules=rules, around_upstream=around) as stage:
            sends = [("desk__send", {"amount": 1}), ("desk__look", {}), ("desk__send", {"amount": 2})]
            await stage.drive(await stage.queued(), Replies(*[calls(send) for send in sends], says("Done.")))
            await scenario(stage, Undoing(stage.store, stage.pipeline, EFFECTS), made[0])

    asyncio.run(play())


ALL = ["t3/call/1", "t1/call/1"]


def sent(folder: Path) -> list[Any]:
    return [each["arguments"] for each in arrivals(folder, "put")]


def states(found: Sequence[Undo]) -> list[str]:
    return [each.state for each in found]


def test_a_run_is_undone_once_the_newest_first_and_by_whoever_asks(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        assert [each.key for each in await undoing.listed("run-1")] == ALL
        before = await stage.story()
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]
        assert sent(tmp_path) == [
            {"word": "run-1/t3/call/1", "amount": 2},
            {"word": "run-1/t1/call/1", "amount": 1},
        ]
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]
        assert len(sent(tmp_path)) == 2
        row = await stage.files.run_row("undo-run-1")
        assert (row.user, row.agent, row.status) == ("user:bob", None, "succeeded")
        assert await stage.story() == before  # a run that has ended stays as it is

    on_stage(tmp_path, scenario)


def test_one_call_can_be_undone_alone(tmp_path: Path) -> None:
    async def scenario(_stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        assert states(await undoing.undo("run-1", ["t1/call/1"], BOB)) == ["open", "undone"]
        assert sent(tmp_path) == [{"word": "run-1/t1/call/1", "amount": 1}]

    on_stage(tmp_path, scenario)


def test_what_the_policy_denies_is_not_undone_and_nothing_after_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        found = await undoing.undo("run-1", ALL, BOB)
        assert states(found) == ["refused", "open"]
        assert sent(tmp_path) == []
        stage.rule(OTHERS)
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]

    on_stage(tmp_path, scenario, rules=FREE)


def test_a_rehearsed_call_is_not_undone_by_a_real_one(tmp_path: Path) -> None:
    async def scenario(_stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        assert arrivals(tmp_path, "send") == []
        assert await undoing.listed("run-1") == []
        assert await undoing.undo("run-1", ALL, BOB) == []
        assert sent(tmp_path) == []

    on_stage(tmp_path, scenario, rules=f"{OTHERS}o, *, *, desk/send, call, , dry_run, rehearse\n")


def test_what_undoes_a_call_is_not_done_by_a_rehearsal(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        found = await undoing.undo("run-1", ALL, BOB)
        assert (states(found), sent(tmp_path)) == (["refused", "open"], [])
        assert "only as a dry run" in found[0].why
        stage.rule(OTHERS)
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]
        assert len(sent(tmp_path)) == 2

    on_stage(tmp_path, scenario, rules=f"{OTHERS}o, *, *, desk/put, call, , dry_run, rehearse\n")


def test_a_run_that_was_moved_away_is_undone_where_it_is_now(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        await stage.queued("run-2")
        await stage.files.append("run-2", [Paused("person", "", by="user:ann")], lease=None)
        pack = await stage.files.pack("run-2", moves=True)
        await stage.files.move(pack, "user:ann", "there.json")
        assert await undoing.listed("run-2") == []
        with pytest.raises(StoreError, match=r"`run-2` was moved to there\.json"):
            await undoing.undo("run-2", ["t1/call/1"], BOB)

    on_stage(tmp_path, scenario)


def test_a_call_of_which_nobody_knows_is_not_undone_and_nothing_before_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        story = [each.event for each in await stage.store.events("run-1")]
        cut = [event for event in story if not isinstance(event, Returned) or event.key != "t3/call/1"]
        cut = [event for event in cut if not isinstance(event, ModelAsked | ModelAnswered) or event.turn < 4]
        ends = [event for event in cut if not isinstance(event, Succeeded)]
        await stage.store.append("run-2", [*ends, Cancelled("user:ann")], lease=None)
        assert states(await undoing.undo("run-2", ALL, BOB)) == ["in_doubt", "open"]
        assert sent(tmp_path) == []
        assert await stage.store.events("undo-run-2") == []  # nothing has begun
        assert states(await undoing.undo("run-2", ["t1/call/1"], BOB)) == ["in_doubt", "undone"]
        await stage.store.append("run-2", [Resolved("t3/call/1", "happened", "user:bob")], lease=None)
        assert states(await undoing.undo("run-2", ALL, BOB)) == ["undone", "undone"]
        assert [each["amount"] for each in sent(tmp_path)] == [1, 2]

    on_stage(tmp_path, scenario)


def test_people_are_asked_about_it_as_about_every_call(tmp_path: Path) -> None:
    rules = RULES.replace(
        "p, *,           *, desk/send, call,    , ask, ", "p, *,           *, desk/put, call,    , ask, "
    )

    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        for key in ALL:
            found = {each.key: each for each in await undoing.undo("run-1", [key], ANN)}
            assert (found[key].state, bool(found[key].approval)) == ("held", True)
            await stage.approving.decide(BOB, str(found[key].approval), "approved")
            found = {each.key: each for each in await undoing.undo("run-1", [key], ANN)}
            assert found[key].state == "undone"
        assert len(sent(tmp_path)) == 2

    on_stage(tmp_path, scenario, rules=rules)


@pytest.mark.parametrize(
    ("trusted", "after", "times"), [(True, ["undone", "undone"], 3), (False, ["in_doubt", "open"], 1)]
)
def test_what_nobody_knows_of_is_tried_again_only_where_that_does_no_harm(
    tmp_path: Path, trusted: bool, after: list[str], times: int
) -> None:
    async def scenario(_stage: Stage, undoing: Undoing, servers: Servers) -> None:
        servers.next = InDoubt("the answer was lost")
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["in_doubt", "open"]
        assert states(await undoing.undo("run-1", ALL, BOB)) == after
        assert len(sent(tmp_path)) == times

    on_stage(tmp_path, scenario, trusted=trusted)


class Dying(Exception):
    """The worker is killed."""


@pytest.mark.parametrize(
    ("trusted", "after", "times"), [(True, ["undone", "undone"], 2), (False, ["in_doubt", "open"], 0)]
)
def test_who_dies_while_he_undoes_leaves_what_he_was_at_in_doubt(
    tmp_path: Path, trusted: bool, after: list[str], times: int
) -> None:
    async def scenario(stage: Stage, undoing: Undoing, servers: Servers) -> None:
        servers.next = Dying()
        with pytest.raises(Dying):
            await undoing.undo("run-1", ALL, BOB)
        assert (await stage.files.events("undo-run-1"))[-1].event.key == "undo/t3/call/1"  # type: ignore[union-attr]
        assert states(await undoing.undo("run-1", ALL, BOB)) == after
        assert len(sent(tmp_path)) == times
        keys = [each["meta"]["toolgate/idempotency-key"] for each in arrivals(tmp_path, "put")]
        assert len(set(keys)) == times

    on_stage(tmp_path, scenario, trusted=trusted)


def test_who_dies_when_all_is_undone_leaves_it_to_the_next_to_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        append = stage.store.append

        async def full(run_id: str, events: Sequence[Event], **how: Any) -> int:
            if any(isinstance(event, Succeeded) for event in events):
                raise StoreError("the disk is full")
            return await append(run_id, events, **how)

        with monkeypatch.context() as patch:
            patch.setattr(stage.store, "append", full)
            with pytest.raises(StoreError, match="full"):
                await undoing.undo("run-1", ALL, BOB)
        assert (await stage.files.run_row("undo-run-1")).status == "running"
        for _ in range(2):
            assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]
            assert (await stage.files.run_row("undo-run-1")).status == "succeeded"
        assert len(sent(tmp_path)) == 2

    on_stage(tmp_path, scenario)


def test_who_comes_to_undo_when_another_has_just_done_it_all_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        acquire = stage.store.acquire

        async def late(*given: Any) -> Any:
            monkeypatch.undo()
            await undoing.undo("run-1", ALL, BOB)
            return await acquire(*given)

        monkeypatch.setattr(stage.store, "acquire", late)
        assert states(await undoing.undo("run-1", ALL, BOB)) == ["undone", "undone"]
        assert len(sent(tmp_path)) == 2
        events = [each.event for each in await stage.files.events("undo-run-1")]
        assert sum(isinstance(event, Succeeded) for event in events) == 1

    on_stage(tmp_path, scenario)


def test_a_record_that_an_earlier_version_has_cancelled_says_that_it_takes_no_more(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        await undoing.undo("run-1", ["t1/call/1"], BOB)
        await stage.files.append("undo-run-1", [Cancelled("user:ann")], lease=None)
        with pytest.raises(StoreError, match=r"`undo-run-1` .* is cancelled: no more can be undone by it"):
            await undoing.undo("run-1", ALL, BOB)
        assert len(sent(tmp_path)) == 1

    on_stage(tmp_path, scenario)


def test_the_runs_in_which_calls_are_undone_are_not_swept_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _servers: Servers) -> None:
        await undoing.undo("run-1", ["t1/call/1"], BOB)
        await stage.files.acquire("undo-run-1", f"{machine()}/999999999/aa", 60.0)
        assert await sweep(stage.clients()) == 0
        assert (await stage.files.run_row("undo-run-1")).status == "running"

    on_stage(tmp_path, scenario)


def test_the_record_of_what_was_undone_goes_with_its_run_and_not_before(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _: Servers) -> None:
        await undoing.undo("run-1", ALL, ANN)
        removal, later = stage.files.removal, round(time.time() * 1000) + 1_000_000
        with pytest.raises(StoreError, match="it is deleted with that one"):
            await removal.remove("undo-run-1", "user:ann")
        await undoing.undo("run-1", ALL, ANN)
        assert len(sent(tmp_path)) == 2
        assert await removal.clear("runs", later, "user:ann") == 1
        assert await stage.files.run_rows() == []
        assert [await stage.files.events(name) for name in ("run-1", "undo-run-1")] == [[], []]

    on_stage(tmp_path, scenario)


def test_what_was_undone_since_keeps_its_run_as_long_as_its_record(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _: Servers) -> None:
        await undoing.undo("run-1", ALL, ANN)
        undone = (await stage.files.events("undo-run-1"))[-1].at
        assert await stage.files.removal.clear("runs", undone, "user:ann") == 0
        assert await stage.files.removal.clear("runs", undone + 1, "user:ann") == 1

    on_stage(tmp_path, scenario)


def test_a_copy_of_a_run_is_not_undone_once_more_before_somebody_has_looked(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _: Servers) -> None:
        pack = json.loads(json.dumps(await stage.files.pack("run-1")))
        assert states(await undoing.undo("run-1", ALL, ANN)) == ["undone", "undone"]
        elsewhere = SqliteStore(tmp_path / "elsewhere.db")
        try:
            await elsewhere.unpack(pack, "user:ann")
            there = Undoing(elsewhere, stage.pipeline, EFFECTS)
            assert states(await there.undo("run-1", ALL, BOB)) == ["in_doubt", "in_doubt"]
            assert len(sent(tmp_path)) == 2  # those of the first
        finally:
            elsewhere.close()

    on_stage(tmp_path, scenario, trusted=False)


def test_a_copy_of_a_run_is_undone_where_that_does_no_harm_with_the_same_keys(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _: Servers) -> None:
        pack = json.loads(json.dumps(await stage.files.pack("run-1")))
        await undoing.undo("run-1", ALL, ANN)
        before = sent(tmp_path)
        await stage.files.removal.remove("run-1", "user:ann")
        other = json.loads(json.dumps(pack).replace("run-1", "run-2"))
        await stage.files.unpack(other, "user:ann")
        assert states(await undoing.undo("run-2", ALL, BOB)) == ["undone", "undone"]
        told = json.dumps(sent(tmp_path)[len(before) :])
        assert json.loads(told.replace("run-2", "run-1")) == before

    on_stage(tmp_path, scenario)


def test_a_copy_of_a_run_elsewhere_knows_what_was_undone_of_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage, undoing: Undoing, _: Servers) -> None:
        await undoing.undo("run-1", ALL, ANN)
        pack = json.loads(json.dumps(await stage.files.pack("run-1")))
        elsewhere = SqliteStore(tmp_path / "elsewhere.db")
        try:
            for forged in (
                {**pack, "run": "undo-run-2"},
                {**pack, "run": "t-2"},
                {**pack, "undo": [*pack["undo"][1:]]},
                {**pack, "undo": [{**pack["undo"][0], "tenant": "evil"}, *pack["undo"][1:]]},
            ):
                with pytest.raises(StoreError):
                    await elsewhere.unpack(forged, "user:ann")
            assert await elsewhere.unpack(pack, "user:ann") is True
            there = Undoing(elsewhere, stage.pipeline, EFFECTS)
            assert states(await there.listed("run-1")) == ["undone", "undone"]
            assert await elsewhere.unpack(pack, "user:ann") is False
        finally:
            elsewhere.close()

    on_stage(tmp_path, scenario)
