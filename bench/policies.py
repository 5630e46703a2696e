"""A policy as a whole: loading it, what it weighs, a list of 1,000 tools, and 100,000 subjects that nobody knows."""

import ast
import csv
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable

from bench.decisions import NOW
from bench.rules import SERVERS, policy_text
from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.call import Subject, Tool
from gateway.policy import Policy, Query, RunFacts
from gateway.policy.load import parse

__all__ = ["policies"]

SIZES = (1_000, 10_000, 100_000)
LOAD_LIMIT, LIST_LIMIT = {10_000: 500.0}, {1_000: 5.0}  # milliseconds, by the number of rules
WEIGHED = (1_000, 10_000)
LISTED = 1_000
STRANGERS = {True: 100_000, False: 6_000}  # with and without what takes long; either is more than is remembered

_COLUMNS = (
    Column("load", "load, CPU ms", 0),
    Column("load_of_limit", "load / limit"),
    Column("load_times", "load / least", 1),
    Column("weight", "MB", 1),
    Column("new_list", "new list, CPU ms", 1),
    Column("list_of_limit", "new list / limit"),
    Column("list", "list, CPU ms", 1),
    Column("growth", "strangers, MB", 1),
    Column("growth_half", "half of them, MB", 1),
)
_NOTES = (
    "The best of several. limit of a load: 500 ms at 10,000 rules; least: Python's csv over the text and its parser",
    "over each different condition, and nothing looked at. limit of a list: 5 ms at 1,000 rules.",
    "list: which of 1,000 tools somebody may see; new: the first time for somebody with these roles.",
    "strangers: what was kept after 100,000 subjects had each asked once, at as many tools; MB: as Python counts them.",
)
_TOOLS = [Tool(f"s{n % SERVERS}", f"t{n // SERVERS}", {"name": f"t{n}"}, f"pin {n}") for n in range(LISTED)]


def policies(scale: Scale) -> Table:
    parse(policy_text(10))  # what is imported only now is not part of a load
    return Table("A policy", _COLUMNS, [_row(size, scale) for size in SIZES[: 1 + 2 * scale.slowest]], _NOTES)


def _row(rules: int, scale: Scale) -> Row:
    text = policy_text(rules)
    loaded = [_load(text) for _ in range(scale.repeats if rules < SIZES[-1] else 1)]
    load = min(took for took, _ in loaded)
    least = min(_ms(lambda: _read_by_python(text)) for _ in range(scale.repeats))
    rounds = [_all_lists(policy) for _, policy in loaded]
    new, again = (min(found[turn] for found in rounds) for turn in range(2))
    del loaded
    values = {"load": load, "load_times": load / least, "new_list": new, "list": again}
    values |= {"load_of_limit": load / LOAD_LIMIT[rules]} if rules in LOAD_LIMIT else {}
    values |= {"list_of_limit": new / LIST_LIMIT[rules]} if rules in LIST_LIMIT else {}
    weighed = _memory(text, STRANGERS[scale.slowest]) if rules in WEIGHED else {}  # to count objects takes its time
    return Row(f"{rules:,} rules", values | weighed)


def _all_lists(policy: Policy) -> tuple[float, float]:
    """The median of twenty people's first list, and of their second."""
    new, again = zip(*[_lists(policy, Subject(f"user:u{number}", "acme")) for number in range(20)], strict=True)
    return statistics.median(new), statistics.median(again)


def _load(text: str) -> tuple[float, Policy]:
    """Milliseconds, and the policy: to throw an earlier one away is no part of it."""
    gc.collect()
    kept: list[Policy] = []
    return _ms(lambda: kept.append(parse(text))), kept[0]


def _read_by_python(text: str) -> None:
    rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
    for condition in {row[5] for row in rows if row[0] == "p"} - {""}:
        ast.parse(condition, mode="eval")


def _lists(policy: Policy, subject: Subject) -> tuple[float, float]:
    """Milliseconds of the first, and of the second."""

    def listed() -> int:
        return sum(policy.visible(subject, tool, NOW) for tool in _TOOLS)

    return _ms(listed), _ms(listed)


def _memory(text: str, strangers: int) -> dict[str, float]:
    gc.collect()
    tracemalloc.start()
    try:
        policy = parse(text)
        weight = _kept()
        for number in range(strangers):
            policy.decide(_strange(number))
            if number == strangers // 2:
                half = _kept() - weight
        return {"weight": weight / 1e6, "growth": (_kept() - weight) / 1e6, "growth_half": half / 1e6}
    finally:
        tracemalloc.stop()


def _kept() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _strange(number: int) -> Query:
    subject = Subject(f"user:stranger{number}", f"tenant{number}")
    return Query(subject, "call", f"s1/unknown{number}", {}, None, RunFacts(), NOW)


def _ms(run: Callable[[], object]) -> float:
    """Of CPU: nothing here waits, and what else the machine does is not meant."""
    begin = time.process_time_ns()
    run()
    return (time.process_time_ns() - begin) / 1e6
