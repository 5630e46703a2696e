"""Spans as facts in the past tense: what happened, from when to when, below what. Pure.

A span is made when its work has ended, never before. So a wait of three days, a process that died in the middle, or
a run that was resumed elsewhere needs no open object: ids are derived from the run and the span's key, and the parts
that different processes emit meet in one tree. W3C Trace Context: https://www.w3.org/TR/trace-context/.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Literal, get_args

from gateway.values import value

__all__ = [
    "ROOT",
    "SPAN_NAMES",
    "Attributes",
    "Event",
    "Kind",
    "Link",
    "Span",
    "SpanName",
    "Value",
    "link_to",
    "span_id",
    "trace_id",
    "traceparent",
]

Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value]
Kind = Literal["internal", "client", "server"]
SpanName = Literal["agent.run", "agent.step", "llm.call", "tool.call", "policy.check", "policy.reload", "approval.wait"]
SPAN_NAMES: tuple[SpanName, ...] = get_args(SpanName)

ROOT = ""  # the key of a run's root span
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII)


@value(frozen=True, slots=True)
class Event:
    """Something that happened at one moment within a span (`retry`). `time_ns` counts from the Unix epoch."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)


@value(frozen=True, slots=True)
class Link:
    """A span elsewhere that this one has to do with, without being its child: the trace of an MCP client."""

    trace_id: int
    span_id: int


@value(frozen=True, slots=True)
class Span:
    """One finished piece of a run. Times are nanoseconds since the Unix epoch.

    `key` names it within its run and never changes (`t1`, `t1/model`, `t1/call/c1`, `t1/call/c1/policy`); `parent` is
    its parent's key. The root has the key `ROOT` and the parent None; what hangs from the root has the parent `ROOT`.
    `error` is a low-cardinality word (`error.type`), never a message. `kind` is `client` for `llm.call`.
    """

    name: SpanName
    run_id: str
    key: str
    parent: str | None
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
    kind: Kind = "internal"
    links: Sequence[Link] = ()
    events: Sequence[Event] = ()


def trace_id(run_id: str) -> int:
    """128 bits, the same for a run in every process, never 0."""
    return _bits(run_id, 16)


def span_id(run_id: str, key: str) -> int:
    """64 bits, the same for a key of a run in every process, never 0."""
    return _bits(f"{run_id}\x1f{key}", 8)


def traceparent(run_id: str, key: str) -> str:
    """The W3C header that goes to an upstream server in `_meta` (MCP SEP-414). Tracestate and baggage never go."""
    return f"{_of_trace(run_id)}{span_id(run_id, key):016x}-01"


@lru_cache(1024)
def _of_trace(run_id: str) -> str:
    return f"00-{trace_id(run_id):032x}-"


def link_to(header: object) -> Link | None:
    """The span that a caller's `traceparent` means; None for anything that is not one.

    A caller's trace is linked to, never joined: who may choose the trace id may write into somebody else's trace.
    """
    match = _TRACEPARENT.fullmatch(header) if isinstance(header, str) else None
    if match is None:
        return None
    link = Link(int(match[1], 16), int(match[2], 16))
    return link if link.trace_id and link.span_id else None


def _bits(text: str, size: int) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:size], "big") or 1
