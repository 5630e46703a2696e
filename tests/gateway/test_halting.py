"""What people say about a run reaches what is under way in it: a reply, calls side by side, from any process."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway import halting
from gateway.call import Answered, InDoubt, outcome_from_json
from gateway.clients import ClientRun
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Cancelled, Denied, Event, ModelFailed, Paused, Queued, Resumed, Returned
from gateway.halting import Leaving, Lookout, halts, side_by_side
from gateway.store.sqlite import SqliteStore
from gateway.upstream import ServerSpec, Stdio
from providers import Request, StreamEvent, TextDelta
from tests.fixtures.parts import ANN, PATIENCE, Replies, Stage, calls, gate, opened, says, tally
from tests.fixtures.parts import arrivals as arrived
from tests.fixtures.served import WAITING, heard
from tests.fixtures.stores import place_in, store_at

DONE = says("Done.")
PAUSED = Paused("person", "lunch", by="user:ann")
RESUMED = Resumed("on", "user:ann")
AT_ONCE = Paused("person", "lunch", by="user:ann", at_once=True)


async def elsewhere(stage: Stage, event: Event) -> None:
    """Recorded as another process does: over a store of its own."""
    other = store_at(place_in(stage.folder))
    try:
        await other.append("run-1", [event], lease=None)
    finally:
        other.close()


@pytest.mark.parametrize(("event", "status"), [(Cancelled("user:ann"), "cancelled"), (AT_ONCE, "paused")])
def test_a_call_that_nobody_would_wait_for_any_more_is_left_and_its_outcome_is_in_doubt(
    tmp_path: Path, event: Event, status: str
) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port}), ("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived(2)
            await elsewhere(stage, event)
            run = await driving  # though the server has not answered
            assert run.status == status
            returned = [outcome_from_json(e.outcome) for e in await stage.events() if isinstance(e, Returned)]
            assert [type(outcome) for outcome in returned] == [InDoubt, InDoubt]
            assert (await stage.files.run_row("run-1")).owner is None
            assert (await stage.books()).tool_calls == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("event", [Cancelled("user:ann"), AT_ONCE])
def test_the_server_is_told_that_nobody_waits_for_its_answer_any_more(tmp_path: Path, event: Event) -> None:
    """`notifications/cancelled`: a server may stop then what it does."""
    began, cancelled = pipes = tmp_path / "began", tmp_path / "cancelled"
    for pipe in pipes:
        os.mkfifo(pipe)

    async def scenario() -> None:
        slow = ServerSpec("slow", Stdio(WAITING["command"], tuple(WAITING["args"])), trusted=True, era="legacy")
        async with opened(tmp_path, slow) as stage:
            wish = ("slow__wait", {"began": str(began), "cancelled": str(cancelled)})
            driving = asyncio.create_task(stage.drive(await stage.queued(), Replies(calls(wish), DONE)))
            assert await asyncio.to_thread(heard, began)
            await elsewhere(stage, event)
            assert await asyncio.to_thread(heard, cancelled)
            await driving

    asyncio.run(scenario())


class Endless(Replies):
    """It says a word, and never ends."""

    def __init__(self) -> None:
        super().__init__(DONE)
        self.speaking, self.closed = asyncio.Event(), False

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        self.requests.append(request)
        yield TextDelta("word " * 40)
        self.speaking.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.closed = True


@pytest.mark.parametrize(("event", "status"), [(Cancelled("user:ann"), "cancelled"), (AT_ONCE, "paused")])
def test_a_reply_that_nobody_waits_for_any_more_is_left_and_what_was_seen_of_it_is_billed(
    tmp_path: Path, event: Event, status: str
) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as stage:
            model = Endless()
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            async with asyncio.timeout(PATIENCE):
                await model.speaking.wait()
            await elsewhere(stage, event)
            run = await driving
            assert (run.status, model.closed, run.asked) == (status, True, None)
            (failed,) = [e for e in await stage.events() if isinstance(e, ModelFailed)]
            assert (failed.kind, failed.turn) == ("lost", 1)
            assert failed.spent["output_tokens"] >= 40
            assert failed.spent["input_tokens"] > 0
            books = await stage.books()  # nothing is held back any more
            assert (books.turns, books.tokens) == (1, failed.spent["tokens"])

    asyncio.run(scenario())


def test_a_paused_run_lets_calls_end_that_are_under_way_and_makes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "EVERY", 0.001)  # it is looked at often: and still the calls are not left

    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
            wishes = calls(("desk__hold", {"port": held.port}), ("desk__send", {}), ("desk__put", {"word": "a"}))
            model = Replies(wishes, DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            await elsewhere(stage, PAUSED)
            before = await stage.story()
            held.open.set()
            run = await driving
            assert (run.status, run.cause, run.paused) == ("paused", "lunch", "person")
            assert (await stage.story())[len(before) :].count("returned") >= 1
            assert "in_doubt" not in str(await stage.events())
            for _ in range(2):  # whoever drives it does not take it up
                assert (await stage.drive("run-1", model)).seq == run.seq
            await elsewhere(stage, Resumed("it was resumed", "user:ann"))
            assert (await stage.drive("run-1", model)).status == "waiting"  # for the one that is to be sent
            assert len(arrived(tmp_path, "hold")) == len(arrived(tmp_path, "put")) == 1

    asyncio.run(scenario())


def test_a_run_that_is_paused_in_the_moment_before_a_call_is_made_goes_on_with_it_later(tmp_path: Path) -> None:
    class Pausing(Replies):
        async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
            if not any(message.role == "tool" for message in request.messages):
                await elsewhere(self.stage, PAUSED)
            async for event in super().stream(request):
                yield event

        stage: Stage

    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage:
            model = Pausing(calls(("desk__put", {})), DONE)
            model.stage = stage
            run = await stage.drive(await stage.queued(), model)
            assert (run.status, arrived(tmp_path)) == ("paused", [])
            assert (await stage.story())[-2:] == ["paused", "model_answered"]  # the reply was not in vain
            await elsewhere(stage, Resumed("it was resumed", "user:ann"))
            assert (await stage.drive("run-1", model)).status == "succeeded"
            assert (len(model.requests), len(arrived(tmp_path))) == (2, 1)

    asyncio.run(scenario())


def test_only_what_ends_a_run_or_says_so_halts_what_is_under_way() -> None:
    assert [halts(event) for event in (Cancelled("user:ann"), AT_ONCE, PAUSED, Resumed("x"))] == [
        True, True, False, False,
    ]  # fmt: skip


async def opened_run(folder: Path) -> SqliteStore:
    store = SqliteStore(folder / "toolgate.db")
    await store.append("r-1", [Queued("loop", "user:ann", "acme")], lease=None)
    return store


def test_what_a_step_knew_of_does_not_halt_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halting, "EVERY", 0.0)

    async def scenario() -> None:
        store = await opened_run(tmp_path)
        seq = await store.append("r-1", [AT_ONCE, Resumed("on")], lease=None)
        looks = asyncio.Semaphore(0)

        class Counted:
            async def version(self) -> int:
                looks.release()
                return await store.version()

            async def events(self, *about: int) -> object:
                return await store.events("r-1", 0)

        async def step() -> None:
            for _ in range(5):
                await looks.acquire()

        lookout = Lookout(Counted())  # type: ignore[arg-type] # all that is asked of it
        async with lookout.watched("r-1") as halt:
            await halt.through(step(), seq)
        store.close()

    asyncio.run(scenario())


def test_who_cancels_the_driver_himself_stops_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await opened_run(tmp_path)
        begun = asyncio.Event()

        async def step() -> None:
            begun.set()
            await asyncio.Event().wait()

        async def drive() -> None:
            async with Lookout(store).watched("r-1") as halt:
                await halt.through(step(), 1)

        driving = asyncio.create_task(drive())
        await begun.wait()
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        store.close()

    asyncio.run(scenario())


def test_side_by_side_one_that_may_not_be_made_stops_no_other_and_one_that_breaks_stops_all() -> None:
    async def scenario() -> None:
        ended: list[str] = []

        async def slow() -> str:
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                ended.append("slow")
            except asyncio.CancelledError:
                ended.append("stopped")
                raise
            return "slow"

        async def raising(error: Exception) -> str:
            raise error

        assert await side_by_side([slow(), slow()]) == ["slow", "slow"]
        with pytest.raises(IllegalEvent):
            await side_by_side([slow(), raising(IllegalEvent("no"))])
        assert ended == ["slow"] * 3
        with pytest.raises(StoreError):
            await side_by_side([slow(), raising(StoreError("full"))])
        assert ended[3:] == ["stopped"]

    asyncio.run(scenario())


def test_one_looks_out_for_all_that_are_driven_and_goes_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "EVERY", 0.01)

    def looking() -> int:
        return sum(task.get_name() == "toolgate.lookout" for task in asyncio.all_tasks())

    async def scenario() -> None:
        store = await opened_run(tmp_path)
        await store.append("r-2", [Queued("loop", "user:ann", "acme")], lease=None)
        lookout, begun, whole = Lookout(store), asyncio.Semaphore(0), []

        async def step() -> None:
            begun.release()
            await asyncio.Event().wait()

        async def drive(run_id: str) -> None:
            async with lookout.watched(run_id) as halt:
                seen = (await store.run_row(run_id)).seq
                whole.append((run_id, await halt.through(step(), seen)))

        for _ in range(2):  # also when all were gone in between
            drives = [asyncio.create_task(drive(run_id)) for run_id in ("r-1", "r-2")]
            async with asyncio.timeout(PATIENCE):
                await begun.acquire()
                await begun.acquire()
                assert looking() == 1
                await elsewhere_to(tmp_path, "r-1")
                await drives[0]
                assert (looking(), drives[1].done()) == (1, False)
                await elsewhere_to(tmp_path, "r-2")
                await drives[1]
        assert whole == [("r-1", False), ("r-2", False)] * 2
        assert looking() == 0
        store.close()

    asyncio.run(scenario())


# ---- calls of clients


ENOUGH = Cancelled("user:bob", "that is enough")
STOPPED = InDoubt("user:bob has stopped the run before the answer came: that is enough")


async def stopped(stage: Stage, client: ClientRun) -> None:
    """Somebody ends its run, in another process."""
    other = store_at(place_in(stage.folder))
    try:
        await other.stop(client.run_id, ENOUGH)
    finally:
        other.close()


def test_a_call_of_a_client_whose_run_is_ended_is_left_and_its_outcome_is_in_doubt(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
            client = await stage.clients().open(ANN, "x")
            first = client.run_id
            calling = [asyncio.create_task(client.call("desk/hold", {"port": held.port})) for _ in range(2)]
            await held.arrived(2)
            await stopped(stage, client)
            async with asyncio.timeout(PATIENCE):  # though the server has not answered
                told = await asyncio.gather(*calling)
            assert [outcome_from_json(each.outcome) for each in told if isinstance(each, Returned)] == [STOPPED] * 2
            returned = [outcome_from_json(e.outcome) for e in await stage.events(first) if isinstance(e, Returned)]
            assert [type(outcome) for outcome in returned] == [InDoubt, InDoubt]
            await client.close()  # nothing is wrong with that
            rows = await stage.files.run_rows()
            assert [(row.id, row.status, row.owner) for row in rows] == [(first, "cancelled", None)]

    asyncio.run(scenario())


def test_the_server_of_a_client_s_call_is_told_too(tmp_path: Path) -> None:
    began, cancelled = pipes = tmp_path / "began", tmp_path / "cancelled"
    for pipe in pipes:
        os.mkfifo(pipe)

    async def scenario() -> None:
        slow = ServerSpec("slow", Stdio(WAITING["command"], tuple(WAITING["args"])), trusted=True, era="legacy")
        async with opened(tmp_path, slow) as stage:
            client = await stage.clients().open(ANN, "x")
            wish = {"began": str(began), "cancelled": str(cancelled)}
            calling = asyncio.create_task(client.call("slow/wait", wish))
            assert await asyncio.to_thread(heard, began)
            await stopped(stage, client)
            assert await asyncio.to_thread(heard, cancelled)
            await calling
            refused = await client.call("slow/wait", wish)
            assert isinstance(refused, Denied)
            assert "user:bob has stopped it: that is enough" in refused.why
            await client.close()

    asyncio.run(scenario())


def test_an_answer_that_comes_after_the_end_of_its_run_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "EVERY", 3600.0)  # it comes before anybody looks

    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
            client = await stage.clients().open(ANN, "x")
            calling = asyncio.create_task(client.call("desk/hold", {"port": held.port}))
            await held.arrived()
            await stopped(stage, client)
            held.open.set()
            answered = await calling
            assert isinstance(answered, Returned)
            assert isinstance(outcome_from_json(answered.outcome), Answered)
            await client.close()
            assert (await stage.files.run_row(client.run_id)).owner is None

    asyncio.run(scenario())


class Ended:
    """A store in which these runs were ended; it counts who asks."""

    def __init__(self, *runs: str) -> None:
        self.runs, self.asked = frozenset(runs), asyncio.Semaphore(0)

    async def stopped(self) -> frozenset[str]:
        self.asked.release()
        return self.runs


def test_a_call_that_its_client_calls_off_as_well_is_called_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halting, "EVERY", 0.0)

    async def scenario() -> None:
        leaving, store, left = Leaving(), Ended("r-1"), list[bool]()

        async def call(run_id: str) -> None:
            task = leaving.begin(run_id, store)  # type: ignore[arg-type] # all that is asked of it
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                left.append(leaving.end(task))
                raise

        tasks = [asyncio.create_task(call(run_id)) for run_id in ("r-1", "r-2")]
        await store.asked.acquire()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert left == [False, False]

    asyncio.run(scenario())


def test_nobody_asks_the_store_when_no_call_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halting, "EVERY", 0.0)

    async def scenario() -> None:
        leaving, store = Leaving(), Ended()
        task = leaving.begin("r-1", store)  # type: ignore[arg-type] # all that is asked of it
        await store.asked.acquire()
        assert not leaving.end(task)
        for _ in range(10):
            await asyncio.sleep(0)
        while not store.asked.locked():  # one may have been under way
            await store.asked.acquire()
        for _ in range(10):
            await asyncio.sleep(0)
        assert store.asked.locked()

    asyncio.run(scenario())


async def elsewhere_to(folder: Path, run_id: str) -> None:
    """Another process stops it."""
    other = SqliteStore(folder / "toolgate.db")
    await other.append(run_id, [AT_ONCE] if (await other.run_row(run_id)).seq == 1 else [RESUMED, AT_ONCE], lease=None)
    other.close()
