"""A backtest: recorded calls decided again by another policy, read from the store. Alone in a process."""

import contextlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.program import rss_mb
from bench.rules import SERVERS, TOOLS, USERS, policy_text
from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.call import Subject, Tool
from gateway.events import Admitted, Denied, Event, Queued, Returned, Started, event_to_json
from gateway.policy import Decision, Policy, Query, RunFacts
from gateway.policy.backtest import Backtest
from gateway.policy.load import parse
from gateway.recalling import recalled
from gateway.store.record import Period, opened
from gateway.store.sqlite import SqliteStore

__all__ = ["backtests"]

CALLS, QUICK_CALLS = 100_000, 2_000
LIMIT = 10.0 / CALLS  # seconds for each
RULES = 1_000
SHAPES = {"ten calls a run": 10, "all in one run": None}
_WORKER = "bench/1/process.1"
_COLUMNS = (
    Column("calls", "calls", 0),
    Column("seconds", "seconds"),
    Column("cpu", "CPU s"),
    Column("of_limit", "CPU / limit"),
    Column("rate", "calls a second", 0),
    Column("changed", "changed", 0),
    Column("grown", "MB more", 1),
)
_NOTES = (
    f"{RULES:,} rules, whose limits are higher in the new policy; each is decided by both. limit: 10 s for 100,000.",
)


def backtests(scale: Scale) -> Table:
    calls = CALLS if scale.slowest else QUICK_CALLS
    rows = [_measured(label, calls, of_run or calls) for label, of_run in SHAPES.items()]
    return Table("A backtest of recorded calls", _COLUMNS, rows, _NOTES)


def _measured(label: str, calls: int, of_run: int) -> Row:
    text = policy_text(RULES)
    old, new = parse(text), parse(text.replace("args.amount <= ", "args.amount <= 1"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toolgate.db"
        _record(path, calls, of_run, old)
        before, begin, cpu = rss_mb() or 0.0, time.perf_counter(), time.process_time()
        found = Backtest(old, new)
        with opened(path) as record:
            for run_id, call, seen in recalled(record, Period()):
                found.add(run_id, call, seen)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    decided = sum(found.decided.values())
    if decided != calls:
        raise RuntimeError(f"{decided} of {calls} calls were decided again")
    changed = sum(group.count for group in found.tally.groups)
    if found.check.reproduced != found.check.same:
        raise RuntimeError(f"not as recorded: {found.check.differing}")
    values = {"calls": decided, "seconds": seconds, "cpu": cpu, "rate": decided / seconds, "changed": changed}
    values |= {"of_limit": cpu / calls / LIMIT}
    return Row(label, {**values, "grown": (rss_mb() or 0.0) - before})


def _record(path: Path, calls: int, of_run: int, policy: Policy) -> None:
    """A store in which so many calls were made, each with an answer."""
    SqliteStore(path).close()
    tools = {f"s{s}/t{t}": [f"pin-{s}-{t}", True, {}] for s in range(SERVERS) for t in range(TOOLS)}
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        seen = json.dumps({"tools": tools, "prompts": {}, "resources": {}})
        db.execute("INSERT INTO catalogues VALUES ('all', ?)", (seen,))
        db.execute("INSERT INTO sightings VALUES (?, 0, 'all')", (_WORKER.rpartition(".")[0],))
        runs = [(f"r-{first:08}", range(first, min(first + of_run, calls))) for first in range(0, calls, of_run)]
        db.executemany(
            "INSERT INTO runs (id, status, driver, user, tenant, title, created, updated, seq)"
            " VALUES (?, 'succeeded', 'client', ?, 'acme', 'bench', ?, 0, 0)",
            ((run_id, _user(made), made[0]) for run_id, made in runs),
        )
        events = ((run_id, *event) for run_id, made in runs for event in _events(made, policy))
        db.executemany("INSERT INTO events (run_id, seq, at, body) VALUES (?, ?, ?, ?)", events)


def _events(made: range, policy: Policy) -> Iterator[tuple[int, int, str]]:
    told: list[Event] = [Queued("client", _user(made), "acme"), Started(_WORKER)]
    result = {"kind": "answered", "result": {"content": [{"type": "text", "text": "x" * 200}]}}
    for number in made:
        server, tool = number % SERVERS, number // SERVERS % TOOLS
        arguments = json.dumps({"amount": number % 1000, "kind": "a", "path": "notes/a.txt"})
        path, pin = f"s{server}/t{tool}", f"pin-{server}-{tool}"
        said = _said(policy, _user(made), path, arguments)
        if said.effect == "deny":
            told.append(Denied(f"call/{number}", path, arguments, "permitted", said.why, said.rule))
            continue
        approval = "A-1" if said.effect == "ask" else None
        told.append(
            Admitted(f"call/{number}", path, arguments, pin, policy.digest, {"tool_calls": 1}, 1, said.rule, approval)
        )
        told.append(Returned(f"call/{number}", result, {"tool_calls": 1}))
    for seq, event in enumerate(told, 1):
        yield seq, made[0] + seq, json.dumps(event_to_json(event))


def _said(policy: Policy, user: str, path: str, arguments: str) -> Decision:
    """What the policy in force said then."""
    server, _, name = path.partition("/")
    tool = Tool(server, name, {}, "", True)
    return policy.decide(
        Query(Subject(user, "acme"), "call", path, json.loads(arguments), tool, RunFacts(), datetime.now(UTC))
    )


def _user(made: range) -> str:
    return f"user:u{made[0] // 10 % USERS}"
