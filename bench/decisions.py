"""A policy decision, alone in a process: our index against stock Casbin, Cedar and CEL over the same rows."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from bench.peers import Ask, cedar, cel_expressions
from bench.rules import SERVERS, TOOLS, USERS, policy_text
from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.call import Subject, Tool
from gateway.policy import Policy, Query, RunFacts
from gateway.policy.load import parse
from gateway.policy.oracle import Oracle

__all__ = ["NOW", "decisions"]

SIZES = (10, 1_000, 10_000, 100_000)
LIMITS = {1_000: 5.0, 10_000: 15.0, 100_000: 100.0}  # microseconds, for the median
ASKED = 4_000  # questions of one repeat, all different (of 10 rules, as many as there are)
PEERS_ASKED = {10: 100, 1_000: 12}
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)

_COLUMNS = (
    Column("p50", "p50 us", 1),
    Column("of_limit", "p50 / limit"),
    Column("p99", "p99 us", 1),
    Column("new_p50", "new p50 us", 1),
    Column("casbin_p50", "Casbin p50 us", 0),
    Column("cedar_p50", "Cedar p50 us", 0),
    Column("cel_p50", "CEL p50 us", 0),
    Column("casbin_times", "Casbin / ours", 0),
    Column("cedar_times", "Cedar / ours", 0),
    Column("cel_times", "CEL / ours", 0),
)
_NOTES = (
    "Each question meets a line with a condition; the best of several rounds. limit: what the median may be (5 us at",
    "1,000 rules, 15 at 10,000, 100 at 100,000). new: the first time that this subject meets this tool.",
    "Casbin, Cedar: two sets of rules, because they know no `ask`. CEL: three expressions. Their rules are parsed",
    "beforehand, and their answers are ours: one that differs ends the benchmark.",
)


def decisions(scale: Scale) -> Table:
    return Table("A policy decision", _COLUMNS, [_row(size, scale) for size in SIZES[: 2 + 2 * scale.slowest]], _NOTES)


def _row(rules: int, scale: Scale) -> Row:
    policy = parse(policy_text(rules))
    questions = _questions(policy)
    fresh = parse(policy_text(rules))
    new = _times([partial(fresh.decide, query) for query in questions])
    rounds = [_times([partial(policy.decide, query) for query in questions]) for _ in range(scale.repeats)]
    known = min(rounds, key=statistics.median)  # what else the machine does is not meant
    ours = statistics.median(known)
    peers = {name: _median(policy, make, questions) for name, make in _PEERS.items()} if rules in PEERS_ASKED else {}
    values = {"p50": ours / 1e3, "p99": sorted(known)[int(len(known) * 0.99)] / 1e3}
    values |= {"of_limit": ours / 1e3 / LIMITS[rules]} if rules in LIMITS else {}
    values |= {"new_p50": statistics.median(new) / 1e3}
    times = {f"{name}_times": peer / ours for name, peer in peers.items()}
    return Row(f"{rules:,} rules", values | {f"{name}_p50": peer / 1e3 for name, peer in peers.items()} | times)


def _casbin(policy: Policy) -> Callable[[Query], Ask]:
    oracle = Oracle(policy)
    return lambda query: partial(oracle.decide, query)


_PEERS: Mapping[str, Callable[[Policy], Callable[[Query], Ask]]] = {
    "casbin": _casbin,
    "cedar": cedar,
    "cel": cel_expressions,
}


def _median(policy: Policy, make: Callable[[Policy], Callable[[Query], Ask]], questions: Sequence[Query]) -> float:
    """Nanoseconds. Raises RuntimeError for an answer that is not ours."""
    engine = make(policy)
    asked = questions[: PEERS_ASKED[len(policy.rules)]]
    asks = [engine(query) for query in asked]
    for query, ask in zip(asked, asks, strict=True):
        if ask() != policy.decide(query).effect:
            raise RuntimeError(f"another answer for {query.subject.user} at {query.object}")
    return statistics.median(_times(asks))


def _times(asks: Sequence[Callable[[], object]]) -> list[int]:
    """Nanoseconds of each."""
    taken = []
    for ask in asks:
        begin = time.perf_counter_ns()
        ask()
        taken.append(time.perf_counter_ns() - begin)
    return taken


def _questions(policy: Policy) -> list[Query]:
    """Those of all users at all tools that meet a line with a condition."""
    meeting = (query for query in _all() if policy.candidates(query, query.subject.user).conditional)
    return list(itertools.islice(meeting, ASKED))


def _all() -> Iterator[Query]:
    for turn, user in itertools.product(range(SERVERS * TOOLS), range(USERS)):
        yield _question(user, turn % SERVERS, (turn // SERVERS + user) % TOOLS)


def _question(user: int, server: int, tool: int) -> Query:
    path = f"s{server}/t{tool}"
    offered = Tool(f"s{server}", f"t{tool}", {"name": f"t{tool}"}, path)
    arguments = {"amount": user * 5, "path": "notes/a.txt", "kind": "a", "text": "ping"}
    return Query(Subject(f"user:u{user}", "acme"), "call", path, arguments, offered, RunFacts(), NOW)
