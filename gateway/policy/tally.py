"""Changed decisions, counted by the lines that cause them, with the shortest request of each kind. Pure.

What is kept does not grow with what is counted: a group for each line and kind of change, and in it the names of the
first thousand people.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.call import Tool
from gateway.duties import Duties
from gateway.offer import Offer
from gateway.policy.changes import BothDuties, Cause, permits_more
from gateway.policy.run_words import said_of
from gateway.policy.scope import Query, RunFacts
from gateway.policy.wording import Effect

__all__ = ["FAILS", "Counted", "Group", "Kind", "Tally", "query_json"]

FAILS = ("any", "widen", "none")  # what a command that compares ends badly for
_PEOPLE = 1_000

Kind = tuple[Effect, Effect]
_ORDER: Sequence[Kind] = (
    ("deny", "allow"),
    ("deny", "ask"),
    ("ask", "allow"),
    ("allow", "deny"),
    ("ask", "deny"),
    ("allow", "ask"),
    ("allow", "allow"),
    ("ask", "ask"),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A changed decision to be counted. `call` names it in the record, if it stands there: `RUN/KEY`. `looks_at`: what
    of its facts any line looks at (`Change.looks_at`). `unlike`: its tool is not known, or not to be so. Where the
    effect is the same, the `duties` are others.
    """

    query: Query
    before: Effect
    after: Effect
    causes: tuple[Cause, ...]
    call: str = ""
    looks_at: frozenset[str] = frozenset()
    unlike: bool = False
    duties: BothDuties = (None, None)

    @property
    def kind(self) -> Kind:
        return self.before, self.after

    @property
    def widens(self) -> bool:
        return permits_more(self.before, self.after, self.duties)

    @property
    def name(self) -> str:
        """`deny->allow`, or `duties loosened`."""
        if self.before != self.after:
            return f"{self.before}->{self.after}"
        return "duties loosened" if self.widens else "duties tightened"


@dataclass(slots=True)
class Group:
    """All changes of one kind by the same lines; `example` is the shortest."""

    example: Counted
    requests: int = 0  # that were made up
    recorded: int = 0  # calls of the record
    who: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.requests + self.recorded

    @property
    def widens(self) -> bool:
        return self.example.widens

    def to_json(self) -> dict[str, Any]:
        shown = self.example
        return {
            "before": shown.before,
            "after": shown.after,
            "widens": self.widens,
            "duties": dict(zip(("before", "after"), map(_said, shown.duties), strict=True)),
            "lines": [{"in": cause.side, "rule": cause.rule, "text": cause.text} for cause in shown.causes],
            "requests": self.requests,
            "recorded": self.recorded,
            "who": dict(self.who.most_common()),
            "call": shown.call or None,
            "request": query_json(shown.query),
            "looks_at": sorted(shown.looks_at),
        }


class Tally:
    """`add` each change, then look at `groups`."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Kind, bool, tuple[Cause, ...]], Group] = {}

    def add(self, change: Counted) -> None:
        key = change.kind, change.widens, change.causes
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(change)
        elif group.count < _PEOPLE and _length(change) < _length(group.example):
            group.example = change
        group.recorded += bool(change.call)
        group.requests += not change.call
        who = str(change.query.subject)
        group.who[who if who in group.who or len(group.who) < _PEOPLE else "others"] += 1

    @property
    def groups(self) -> list[Group]:
        """What widens first; then what there is most of."""
        return sorted(
            self._groups.values(),
            key=lambda group: (
                not group.widens,
                _ORDER.index(group.example.kind),
                -group.count,
                group.example.causes,
            ),
        )

    def fails(self, on: str) -> bool:
        """Whether something changed of which `on` (`FAILS`) says that nothing may."""
        return on != "none" and any(group.widens or on == "any" for group in self._groups.values())

    def counts(self) -> Mapping[str, int]:
        """`{"deny->allow": 3, "duties loosened": 1}`."""
        found: Counter[str] = Counter()
        for group in self.groups:
            found[group.example.name] += group.count
        return found


def query_json(query: Query) -> dict[str, Any]:
    """A request, as it can be put again. Of tool and run only what is not as it usually is."""
    subject = query.subject
    return {
        "user": subject.user,
        "agent": subject.agent,
        "tenant": subject.tenant,
        "action": query.action,
        "object": query.object,
        "args": query.args,
        "tool": _tool_json(query.tool),
        "run": _run_json(query.run),
        "now": query.now.isoformat(timespec="seconds"),
        "requester": query.requester,
    }


def _said(duties: Duties | None) -> str | None:
    return str(duties) if duties else None


def _tool_json(tool: Tool | Offer | None) -> dict[str, Any] | None:
    if tool is None:
        return None
    if isinstance(tool, Offer):
        return {"trusted": tool.trusted}
    hints = ("trusted", "read_only", "destructive", "idempotent", "open_world")
    return {name: getattr(tool, name) for name in hints}


def _length(change: Counted) -> tuple[bool, int, str]:
    """What can really be asked is shown before what can't."""
    text = json.dumps(query_json(change.query), default=str, sort_keys=True)
    return change.unlike, len(text), text


def _run_json(run: RunFacts) -> dict[str, Any]:
    """What it has done; and of origins what the user said, and whether an untrusted server has said the arguments."""
    told = {} if run.sources is None else {"said": run.sources.said, "read": bool(run.sources.heard)}
    return {**said_of(run), **told}
