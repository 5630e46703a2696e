"""What is reserved is never lost and never counted twice: killed at every moment, and over several gateways at once."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.events import Resolved
from gateway.run import ENDED, Run, fold
from gateway.tracing import IDEMPOTENCY_KEY as KEY
from tests.fixtures.parts import ROOT, arrivals, queued
from tests.fixtures.project import Project
from tests.fixtures.served import ECHO, PATIENCE, Wire
from tests.fixtures.stores import execute, place_in, put_into, store_at
from tests.fixtures.told import tell

BUDGETS = """\
[budgets.calls]
server = "desk"
tool_calls = 99
usd = 99
errors = 9
[budgets.slides]
tool_calls = 99
per = "month"
sliding = true
[budgets.models]
model = "*"
model_calls = 99
tokens = "9m"
output_tokens = "9m"
[prices]
"desk/*" = "$0.10"
"""

FEWEST = 0.75  # of the points of one drive, in another one
Kill = Callable[[Path, int | None], int]


@pytest.fixture(scope="module")
def drive() -> Iterator[Kill]:
    """`drive(folder, die_at)`: a process drives `run-1` under the budgets; the signal that ended it, 0 for none."""
    command = [sys.executable, "-m", "tests.fixtures.worker"]
    worker = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    into, out = worker.stdin, worker.stdout

    def one(folder: Path, die_at: int | None) -> int:
        job = {"folder": str(folder), "story": "count", "die_at": die_at, "budgets": BUDGETS}
        into.write(json.dumps(job) + "\n")
        into.flush()
        result = json.loads(out.readline())
        assert result["code"] in (0, -9), "the worker failed by itself; its traceback is on stderr"
        return int(result["signal"])

    try:
        yield one
    finally:
        into.close()
        worker.wait()
        out.close()


def begin(folder: Path, database: str | None) -> Path:
    store = store_at(place_in(put_into(folder, database)))
    try:
        asyncio.run(store.append("run-1", [queued()], lease=None))
    finally:
        store.close()
    return folder


def attend(folder: Path) -> Run:
    """A person says of each call in doubt what is true."""

    async def scenario() -> Run:
        store = store_at(place_in(folder))
        try:
            run = fold("run-1", await store.events("run-1"))
            for call in run.calls.values():
                if call.status == "doubted":
                    sent = any(one["tool"] == call.path.partition("/")[2] for one in arrivals(folder))
                    word = Resolved(call.key, "happened" if sent else "give_up", "user:bob", "I looked")
                    await store.append("run-1", [word], lease=None)
            return fold("run-1", await store.events("run-1"))
        finally:
            store.close()

    return asyncio.run(scenario())


def see_through(drive: Kill, folder: Path) -> Run:
    for _ in range(6):
        drive(folder, None)
        run = attend(folder)
        if run.status in ENDED:
            return run
    raise AssertionError(f"the run did not end: {run.status}, {run.cause}")


def books(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """What the accounts of budgets say is spent, and what is reserved: by budget and unit."""
    used, reserved = Counter[str](), Counter[str]()
    sql = "SELECT account, unit, used, reserved FROM accounts WHERE account LIKE 'budget:%'"
    for account, unit, settled, held in execute(place_in(folder), sql):
        name = f"{account.partition('|')[0].removeprefix('budget:')}/{unit}"
        used[name] += settled
        reserved[name] += held
    return used, reserved


def held_back(folder: Path) -> Counter[str]:
    """What the record says is reserved and not settled."""
    rows = execute(place_in(folder), "SELECT body FROM events WHERE run_id = 'run-1' ORDER BY seq")
    held: dict[str, Mapping[str, Mapping[str, int]]] = {}
    for event in (json.loads(body) for (body,) in rows):
        key = event.get("key") or f"t{event.get('turn')}/model"
        if event["event"] == "budgeted":
            held[key] = event["accounts"]
        elif event["event"] in ("returned", "doubted", "model_answered", "model_failed"):
            held.pop(key, None)
    found = Counter[str]()
    for accounts in held.values():
        for account, amounts in accounts.items():
            name = account.partition("|")[0].removeprefix("budget:")
            found.update({f"{name}/{unit}": amount for unit, amount in amounts.items()})
    return found


def test_killed_in_each_state_of_a_reservation_nothing_is_lost_and_nothing_counts_twice(
    drive: Kill, tmp_path: Path, database: Callable[[], str | None]
) -> None:
    whole = begin(tmp_path / "whole", database())
    see_through(drive, whole)
    moments = (whole / "points.txt").read_text().splitlines()
    right, left_over = books(whole)
    assert not +left_over
    assert (right["calls/tool_calls"], right["calls/nanos"], right["calls/errors"]) == (2, 200_000_000, 1)
    kept = "in PostgreSQL" if isinstance(place_in(whole), str) else "in SQLite"
    tell(f"state of the reservation when the process was killed ({kept}) | reserved then | spent in the end")
    wrong = []
    for number in range(0, len(moments), 1 if kept == "in SQLite" else 3):
        folder = begin(tmp_path / str(number), database())
        if drive(folder, number) != signal.SIGKILL:  # what shares a commit differs
            assert number >= FEWEST * len(moments), f"{number} of {moments} was not reached"
            continue
        moment = (folder / "points.txt").read_text().splitlines()[-1]
        _, reserved = books(folder)
        if +reserved != +held_back(folder):
            wrong.append(f"killed {moment}: the accounts hold {+reserved}, the record {+held_back(folder)}")
        run = see_through(drive, folder)
        used, rest = books(folder)
        made = run.spend.tool_calls
        checks = {
            f"it ended {run.status}": run.status == "succeeded",
            f"{+rest} is still reserved": not +rest,
            f"{used} against {made} calls": used["calls/tool_calls"] == used["slides/tool_calls"] == made,
            f"{used['calls/nanos']} nanos": used["calls/nanos"] == made * 100_000_000,
            f"{made} calls": made in (2, 3),  # one that may be repeated counts again where its answer was lost
            f"{used['models/model_calls']} questions": used["models/model_calls"] == run.spend.model_calls,
            f"{used['models/tokens']} tokens": used["models/tokens"] == run.spend.tokens,
            "less than what was done": all(used[name] >= right[name] for name in right if "errors" not in name),
            "a call arrived that does not count": len({one["meta"][KEY] for one in arrivals(folder)}) <= made,
        }
        wrong += [f"killed {moment}: {what}" for what, fine in checks.items() if not fine]
        then = ", ".join(f"{name} {amount}" for name, amount in sorted((+reserved).items())) or "nothing"
        tell(f"{moment:>34} | {then} | {made} calls, {used['models/tokens']} tokens")
    assert len(moments) > 15
    assert wrong == []


def test_of_200_parallel_calls_through_two_gateways_against_a_limit_of_10_exactly_10_are_made(tmp_path: Path) -> None:
    echo = {key: value for key, value in ECHO.items() if key != "trusted"}  # which is said in toolgate.toml
    project = Project.of(tmp_path / "project", {"echo": echo}, "[servers.echo]\ntrusted = true\n")
    limits = '[budgets.b]\neach = "subject"\ntool_calls = 10\nper = "day"\n'
    (project.folder / "policies" / "budgets.toml").write_text(limits)
    with ExitStack() as opened:
        gateways = [opened.enter_context(project.serve()) for _ in range(2)]
        http = opened.enter_context(httpx2.Client(timeout=PATIENCE))
        wires = [Wire(gateway.url, "modern", http) for gateway in gateways]

        def call(number: int) -> Any:
            return wires[number % 2].call("echo__add", {"a": number, "b": 1})

        with ThreadPoolExecutor(40) as crowd:
            answers = list(crowd.map(call, range(200)))
    made = [answer for answer in answers if not answer.get("isError")]
    refused = [answer for answer in answers if answer.get("isError")]
    assert (len(made), len(refused)) == (10, 190)
    assert all("budget `b`" in answer["content"][0]["text"] for answer in refused)
    assert all(0 < answer["_meta"]["toolgate/verdict"]["retry_after"] <= 86_400 for answer in refused)
    assert all(0 <= left["left"] < 10 for answer in made for left in answer["_meta"]["toolgate/budgets"])
    with closing(sqlite3.connect(project.folder / ".toolgate" / "toolgate.db")) as db:
        rows = db.execute("SELECT unit, used, reserved FROM accounts WHERE account LIKE 'budget:b|%'").fetchall()
    assert rows == [("tool_calls", 10, 0)]
