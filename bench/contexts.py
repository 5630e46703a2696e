"""What it costs to put a request together from a long conversation: at first, in the next turn, and when it is cut."""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.agents import Agent
from gateway.agents.compaction import BYTES_A_TOKEN, Room, planned, settled, weigh
from gateway.agents.context import assemble
from gateway.agents.history import History
from gateway.agents.offering import Offer, Offered
from gateway.conversation import WHOLE
from gateway.run import Run
from gateway.weight import weight

__all__ = ["contexts"]

TOKENS = (2_000, 20_000, 200_000)
LIMIT = 50.0  # ms, for 200,000 tokens from nothing

_COLUMNS = (
    Column("json", "json.loads ms", 3),
    Column("cold", "from nothing ms", 3),
    Column("times", "/ json", 1),
    Column("warm", "next turn us", 1),
    Column("growth", "/ smallest", 1),
    Column("cut", "compacted ms", 2),
    Column("limit", "limit ms", 0),
)
_NOTES = (
    "CPU time. From nothing: a run that is taken up again, its events folded. json.loads: the same text, only parsed.",
    "next turn: two messages more. It must not grow with what came before. Compacted: old results, then a summary.",
)
_AGENT = Agent("assistant", "Help.", "tiny")
_OFFER = Offer(Offered(), Offered())


def contexts(scale: Scale) -> Table:
    rows = [_row(tokens, scale.repeats * 5) for tokens in TOKENS]
    first = rows[0].values["warm"] or 1.0
    grown = [Row(row.label, {**row.values, "growth": (row.values["warm"] or 0.0) / first}) for row in rows]
    return Table("A request from a conversation", _COLUMNS, grown, _NOTES)


def _row(tokens: int, repeats: int) -> Row:
    run = _run(tokens)
    text = json.dumps(run.messages)
    parsed = _timed(lambda: json.loads(text), repeats)
    cold = _timed(lambda: _request(History(), run), repeats)
    history = History()
    _request(history, run)
    values = {
        "json": parsed * 1e3,
        "cold": cold * 1e3,
        "times": cold / parsed,
        "warm": _warm(history, run, repeats) * 1e6,
        "cut": _timed(lambda: _cut(history), repeats) * 1e3,
        "limit": LIMIT if tokens == TOKENS[-1] else None,
    }
    return Row(f"{tokens:,} tokens", values)


def _run(tokens: int) -> Run:
    """A conversation of so many tokens, by our estimate: each exchange has words, a call and a result of 2 KB."""
    messages: list[Mapping[str, Any]] = [_said("user", {"kind": "text", "text": "Find out why the build is red."})]
    size, number = weight(messages[0]), 0
    while size < tokens * BYTES_A_TOKEN:
        number += 1
        added = _exchange(number)
        messages += added
        size += sum(map(weight, added))
    return replace(Run("r-bench"), messages=tuple(messages), size=size)


def _exchange(number: int) -> list[Mapping[str, Any]]:
    call = {"kind": "tool_call", "id": f"c{number}", "name": "files__read", "arguments": f'{{"line":{number}}}'}
    block = {"type": "text", "text": "0123456789abcdef" * 128}
    result = {"kind": "tool_result", "call_id": f"c{number}", "content": [block], "is_error": False}
    words = {"kind": "text", "text": "Let me look at the next one. " * 8}
    return [_said("assistant", words, call), _said("tool", result)]


def _said(role: str, *parts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"role": role, "parts": list(parts)}


def _request(history: History, run: Run) -> None:
    history.keep_up(run.messages, run.compaction)
    assemble(_AGENT, run, "tiny-1", _OFFER, history.shown)


def _warm(history: History, run: Run, repeats: int) -> float:
    """Seconds, of the request alone: that the run grows is the fold's affair."""
    samples, messages = [], list(run.messages)
    for number in range(max(20, repeats)):
        messages += _exchange(100_000 + number)
        grown = replace(run, messages=tuple(messages))
        samples.append(_once(lambda grown=grown: _request(history, grown)))  # type: ignore[misc]
    return statistics.median(samples)


def _cut(history: History) -> None:
    room = Room.of(weigh(history.messages) / BYTES_A_TOKEN, 0.8)
    wanted = planned(history.messages, WHOLE, 4, room)
    settled(history.messages, replace(wanted, summary="In short."), room)


def _timed(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(_once(work) for _ in range(repeats))


def _once(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
