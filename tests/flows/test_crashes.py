"""A worker is killed at every moment at which it could matter; another one takes the run up.

Nothing is lost, and what may not be done twice is not. Run with `-s` to see the table of moments.
"""

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.deferring import MAX_ATTEMPTS
from gateway.events import Admitted, Resolution, Resolved
from gateway.run import ENDED, Run, fold
from gateway.store import run_account
from gateway.store.sqlite import SqliteStore
from providers import message_from_json
from tests.fixtures.parts import ROOT, arrivals, dangling, queued

MOST_DRIVES = 8
FEWEST = 0.75  # of the points of one drive, in another one
TOLD = "No answer came from the tool, but user:bob confirms that the call took effect: I looked."

Kill = Callable[[Path, str, int | str | None], int]


@pytest.fixture(scope="module")
def drive() -> Iterator[Kill]:
    """`drive(folder, story, die_at)`: lets a process drive `run-1`; returns the signal that ended it, 0 for none."""
    command = [sys.executable, "-m", "tests.fixtures.worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as worker:  # type: ignore[call-overload]  # of pipes

        def one(folder: Path, story: str, die_at: int | str | None) -> int:
            job = {"folder": str(folder), "story": story, "die_at": die_at}
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
            result = json.loads(worker.stdout.readline())
            assert result["code"] in (0, -9), "the worker failed by itself; its traceback is on stderr"
            return int(result["signal"])

        yield one
        worker.stdin.close()


def with_store(folder: Path, work: Callable[[SqliteStore], Coroutine[Any, Any, Any]]) -> Any:
    async def scenario() -> Any:
        store = SqliteStore(folder / "toolgate.db")
        try:
            return await work(store)
        finally:
            store.close()

    return asyncio.run(scenario())


def begin(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with_store(folder, lambda store: store.append("run-1", [queued()], lease=None))


def state(folder: Path) -> Run:
    async def read(store: SqliteStore) -> Run:
        run = fold("run-1", await store.events("run-1"))
        told = replace(run.spend + run.reserved, millis=0)
        assert await store.spend(run_account("run-1")) == told, "account and events disagree"
        return run

    run: Run = with_store(folder, read)
    return run


def attend(folder: Path, answer: Resolution | None = None) -> None:
    """What a person does: agrees to what waits, and says what became of a call in doubt (the truth, if not told)."""

    async def work(store: SqliteStore) -> None:
        for approval in await store.approvals():
            await store.decide(approval.id, "approved", "user:bob", "")
        run = fold("run-1", await store.events("run-1"))
        for call in run.calls.values():
            if call.status == "doubted":
                happened: Resolution = "happened" if reached(folder, call.key) else "did_not_happen"
                resolved = Resolved(call.key, answer or happened, "user:bob", "I looked")
                await store.append("run-1", [resolved], lease=None)

    with_store(folder, work)


def reached(folder: Path, key: str) -> bool:
    return any(arrived["meta"]["toolgate/idempotency-key"] == f"run-1/{key}" for arrived in arrivals(folder))


def see_through(drive: Kill, folder: Path, story: str, *deaths: int) -> Run:
    """Drives a run to its end with workers that die at these points if they get so far, people answering in between."""
    for die_at in (*deaths, *[None] * MOST_DRIVES):
        drive(folder, story, die_at)
        run = state(folder)
        if run.status in ENDED:
            return run
        if run.status == "waiting":
            attend(folder)
    raise AssertionError(f"the run did not end: {run.status}, {run.cause}")


def points(folder: Path) -> list[str]:
    return (folder / "points.txt").read_text(encoding="utf-8").splitlines()


def texts(run: Run) -> list[str]:
    """All that was said. A person's word that a call took effect counts as the tool's; folders are left out."""
    parts = [part for message in run.messages for part in message["parts"]]
    said = [str(part.get("text") or part.get("arguments") or part["content"][0]["text"]) for part in parts]
    return ["send done" if text == TOLD else re.sub(r"rule \S*/", "rule ", text) for text in said]


def wrongs(folder: Path, run: Run, whole: Run) -> list[str]:
    """What is not as it should be, however often the workers died."""
    keys = [arrived["meta"]["toolgate/idempotency-key"] for arrived in arrivals(folder)]
    story = with_store(folder, lambda store: store.events("run-1"))
    admitted = {f"run-1/{each.event.key}" for each in story if isinstance(each.event, Admitted)}
    checks = {
        f"it ended {run.status}: {run.cause}": run.status == "succeeded" and run.output == "Done.",
        f"it says {texts(run)}": texts(run) == texts(whole),
        "a tool call has no result": dangling([message_from_json(message) for message in run.messages]) == [],
        f"sent {keys.count('run-1/t2/call/1')} times": keys.count("run-1/t2/call/1") == 1,
        f"{keys} arrived": set(keys) == {f"run-1/t{key}" for key in ("1/call/1", "1/call/2", "2/call/1", "2/call/2")},
        "what was denied arrived": not arrivals(folder, "die"),
        "something arrived that was not admitted": set(keys) <= admitted,
        f"it took {run.turn} turns": (run.turn, run.spend.turns) == (3, 3),
        f"it made {run.spend.tool_calls} calls": run.spend.tool_calls in (4, 5),
        f"{run.reserved} is held back": replace(run.reserved, millis=0) == replace(whole.reserved, millis=0),
        f"{run.denials} denials": run.denials == 1,
    }
    return [wrong for wrong, right in checks.items() if not right]


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_any_moment_a_run_ends_as_it_would_have_and_nothing_is_sent_twice(
    drive: Kill, tmp_path: Path, every: int
) -> None:
    """At each sixth moment, and with `./dev test --all` at each."""
    begin(tmp_path / "whole")
    whole = see_through(drive, tmp_path / "whole", "desk")
    assert wrongs(tmp_path / "whole", whole, whole) == []
    failures, table = [], []
    # the first worker goes as far as the question to people, the second one from the answer to the end
    for attended, moments in enumerate(drives(points(tmp_path / "whole"))):
        for number in range(0, len(moments), every):
            folder = tmp_path / f"{attended}-{number}"
            begin(folder)
            if attended:
                drive(folder, "desk", None)
                attend(folder)
            if drive(folder, "desk", number) != signal.SIGKILL:  # what calls side by side share a commit, differs
                assert number >= FEWEST * len(moments), f"{number} of {moments} was not reached"
                continue
            moment = f"in drive {attended + 1}, {points(folder)[-1]}"  # side by side, the order may differ
            attend(folder)
            wrong = wrongs(folder, see_through(drive, folder, "desk"), whole)
            table.append(f"{'FAILED' if wrong else 'ok':>7}  killed {moment}")
            failures += [f"killed {moment}: {each}" for each in wrong]
    print("\n" + "\n".join(table))  # noqa: T201 - the table is what one wants to see
    assert len(table) > 36 / every
    assert failures == []


def drives(moments: list[str]) -> list[list[str]]:
    """The points of each worker: everyone begins by taking the lease."""
    found: list[list[str]] = []
    for name in moments:
        if name == "before leasing":
            found.append([])
        found[-1].append(name)
    return found


@pytest.mark.parametrize("deaths", [(2, 2), (6, 2, 4), (12, 3), (18, 7, 2, 2), (23, 5, 1)])
def test_workers_that_die_one_after_the_other_leave_no_more_behind_than_one(
    drive: Kill, tmp_path: Path, deaths: tuple[int, ...]
) -> None:
    begin(tmp_path / "whole")
    whole = see_through(drive, tmp_path / "whole", "desk")
    begin(tmp_path / "run")
    run = see_through(drive, tmp_path / "run", "desk", *deaths)
    assert wrongs(tmp_path / "run", run, whole) == []


def test_a_call_that_kills_its_worker_each_time_is_not_tried_for_ever(drive: Kill, tmp_path: Path) -> None:
    begin(tmp_path)
    run = see_through(drive, tmp_path, "desk", 11, 11, 11, 11, 11)
    assert run.status == "succeeded"
    for tool in ("put", "look"):
        keys = [arrived["meta"]["toolgate/idempotency-key"] for arrived in arrivals(tmp_path, tool)]
        assert all(keys.count(key) <= MAX_ATTEMPTS for key in keys)


def in_doubt(drive: Kill, folder: Path, moment: str) -> Run:
    """A run whose worker died at this moment of an approved call that may not be repeated, as the next one left it."""
    begin(folder)
    drive(folder, "send", None)
    attend(folder)
    assert drive(folder, "send", f"{moment} sending desk/send") == signal.SIGKILL
    assert drive(folder, "send", None) == 0
    return state(folder)


@pytest.mark.parametrize(("moment", "arrived"), [("before", 0), ("after", 1)])
def test_a_call_that_may_not_be_repeated_waits_for_a_person_who_knows(
    drive: Kill, tmp_path: Path, moment: str, arrived: int
) -> None:
    run = in_doubt(drive, tmp_path, moment)
    assert (run.status, run.cause) == ("waiting", "doubt")
    drive(tmp_path, "send", None)
    assert len(arrivals(tmp_path)) == arrived
    assert run.spend.tool_calls == 1


@pytest.mark.parametrize(
    ("resolution", "times", "result"),
    [
        ("happened", 1, (TOLD, False)),
        ("give_up", 1, ("Nobody knows whether this call took effect; user:bob gave it up: I looked.", True)),
        ("did_not_happen", 2, ("send done", False)),
    ],
)
def test_what_the_person_says_is_what_follows(
    drive: Kill, tmp_path: Path, resolution: Resolution, times: int, result: tuple[str, bool]
) -> None:
    in_doubt(drive, tmp_path, "after")
    attend(tmp_path, resolution)
    run = see_through(drive, tmp_path, "send")
    assert run.status == "succeeded"
    assert len(arrivals(tmp_path)) == times
    part = run.messages[2]["parts"][0]
    assert part["content"][0]["text"].startswith(result[0])
    assert part["is_error"] is result[1]


def test_a_call_that_did_not_happen_needs_a_new_yes(drive: Kill, tmp_path: Path) -> None:
    in_doubt(drive, tmp_path, "before")
    attend(tmp_path, "did_not_happen")
    drive(tmp_path, "send", None)
    run = state(tmp_path)
    assert (run.status, run.cause) == ("waiting", "approval")
    assert arrivals(tmp_path) == []


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_where_a_tool_knows_what_became_of_a_call_no_person_is_asked_wherever_a_worker_dies(
    drive: Kill, tmp_path: Path, every: int
) -> None:
    begin(tmp_path / "whole")
    assert drive(tmp_path / "whole", "found", None) == 0
    moments = len(points(tmp_path / "whole"))
    assert moments > 10
    for number in range(0, moments, every):
        folder = tmp_path / str(number)
        begin(folder)
        if drive(folder, "found", number) != signal.SIGKILL:  # what shares a commit differs
            assert number >= FEWEST * moments, f"{number} of {moments} was not reached"
            continue
        second = drive(folder, "found", 8 + number % 5)  # it dies too, perhaps while it asks
        assert second in (0, signal.SIGKILL)
        while state(folder).status not in ENDED:
            assert state(folder).status == "running", f"killed {points(folder)[-1]}: it waits for {state(folder).cause}"
            drive(folder, "found", None)
        run = state(folder)
        assert (run.status, run.output) == ("succeeded", "Done.")
        keys = [arrived["meta"]["toolgate/idempotency-key"] for arrived in arrivals(folder, "send")]
        assert keys == ["run-1/t1/call/1"], f"killed at {number}"
        assert run.reserved.items() == ()


def orders(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(folder / "shop.db")) as shop_db:
        return shop_db.execute("SELECT customer_id, sku, quantity FROM orders").fetchall()


@pytest.mark.parametrize("story", ["shop", "untrusted shop"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_shop_has_exactly_one_order_in_its_database(drive: Kill, tmp_path: Path, story: str, moment: str) -> None:
    """Trusted, it is asked again, with the key that it knows; else a person looks into its books."""
    begin(tmp_path)
    assert drive(tmp_path, story, f"{moment} sending shop/create_order") == signal.SIGKILL
    drive(tmp_path, story, None)
    if story != "shop":
        assert state(tmp_path).cause == "doubt"
        attend(tmp_path, "happened" if orders(tmp_path) else "did_not_happen")
        drive(tmp_path, story, None)
    assert state(tmp_path).status == "succeeded"
    assert orders(tmp_path) == [("C-1", "BELL-BRASS", 2)]
