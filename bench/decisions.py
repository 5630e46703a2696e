"""A policy decision, alone in a process: our index against stock Casbin over the same rows."""

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.rules import SERVERS, TOOLS, USERS, policy_text
from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.call import Subject, Tool
from gateway.policy import Policy, Query, RunFacts
from gateway.policy.load import parse
from gateway.policy.oracle import Oracle

__all__ = ["decisions"]

SIZES = (10, 1_000, 10_000)
STOCK_SIZES = (10, 1_000)
ASKED = 4_000  # questions of one repeat, all different
STOCK_ASKED = {10: 200, 1_000: 12}

_COLUMNS = (
    Column("p50", "p50 us", 1),
    Column("p99", "p99 us", 1),
    Column("new_p50", "new p50 us", 1),
    Column("stock_p50", "Casbin p50 us", 0),
    Column("times", "Casbin / ours", 0),
    Column("load", "load ms", 0),
)
_NOTES = (
    "new: the first time that this subject meets this tool; else what it may meet there is remembered.",
    "Casbin: two stock enforcers, because one knows no `ask`; conditions are functions of ours there too.",
)
_NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def decisions(scale: Scale) -> Table:
    parse(policy_text(10))  # what is imported only now is not part of a load
    return Table("A policy decision", _COLUMNS, [_row(size, scale) for size in SIZES[: 2 + scale.slowest]], _NOTES)


def _row(rules: int, scale: Scale) -> Row:
    text = policy_text(rules)
    begin = time.perf_counter_ns()
    policy = parse(text)
    loaded = time.perf_counter_ns() - begin
    questions = _questions(ASKED)
    new = _times(policy.decide, questions)
    known = [taken for _ in range(scale.repeats) for taken in _times(policy.decide, questions)]
    ours = statistics.median(known) / 1e3
    stock = _stock(policy, rules, questions)
    return Row(
        f"{rules:,} rules",
        {
            "p50": ours,
            "p99": sorted(known)[int(len(known) * 0.99)] / 1e3,
            "new_p50": statistics.median(new) / 1e3,
            "stock_p50": stock,
            "times": stock / ours if stock else None,
            "load": loaded / 1e6,
        },
    )


def _stock(policy: Policy, rules: int, questions: Sequence[Query]) -> float | None:
    if rules not in STOCK_SIZES:
        return None
    return statistics.median(_times(Oracle(policy).decide, questions[: STOCK_ASKED[rules]])) / 1e3


def _times(decide: Callable[[Query], object], questions: Sequence[Query]) -> list[int]:
    """Nanoseconds of each."""
    taken = []
    for question in questions:
        begin = time.perf_counter_ns()
        decide(question)
        taken.append(time.perf_counter_ns() - begin)
    return taken


def _questions(count: int) -> list[Query]:
    """All different: every user at every server, with one tool or another."""
    rounds = [divmod(number, USERS) for number in range(count)]
    return [_question(user, turn % SERVERS, (user + 11 * turn) % TOOLS) for turn, user in rounds]


def _question(user: int, server: int, tool: int) -> Query:
    path = f"s{server}/t{tool}"
    offered = Tool(f"s{server}", f"t{tool}", {"name": f"t{tool}"}, path)
    arguments = {"amount": user * 5, "path": "notes/a.txt", "kind": "a", "text": "ping"}
    return Query(Subject(f"user:u{user}", "acme"), "call", path, arguments, offered, RunFacts(), _NOW)
