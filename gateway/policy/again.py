"""A recorded call as the question that it was, and a policy that is asked it again. Pure.

Nothing is guessed: where a line that is about the call looks at a fact that the record does not hold, the answer is
which one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject, Tool
from gateway.dates import dated
from gateway.offer import Offer
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.history import Recalled
from gateway.policy.rows import Rule
from gateway.policy.scope import AUTH_AGE, Query
from gateway.policy.seen import thing_of

__all__ = ["Again", "Facts", "facts_of"]

_RECORDED: Mapping[str, tuple[str, ...]] = {  # what may be added to the language is not in the record by itself
    "tool": ("read_only", "destructive", "idempotent", "open_world", "trusted", "server", "name", "pin"),
    "subject": ("id", "user", "agent", "tenant", "roles", "is_requester"),
    "run": ("calls", "tokens", "usd", "seconds", "tainted", "servers"),
}
_LACK: Mapping[str, str] = {
    "tool": "what its tool was like is not in the record",
    "args": "its arguments were too long to be kept whole",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A recorded call as a query, and those roots of conditions (`tool`, `args`) of which nobody knows.

    `aged`: it is on record since when its subject had been recognised.
    """

    query: Query
    lacking: tuple[str, ...] = ()
    aged: bool = False


def facts_of(call: Recalled, seen: Mapping[str, Any] | None) -> Facts:
    """The question that the policy was asked. `seen` is the catalogue of then (`gateway.policy.seen`)."""
    thing = _thing(call, seen) if seen is not None else None
    args = _read(call.arguments)
    lacking = tuple(name for name, known in (("tool", thing), ("args", args)) if known is None)
    now = dated(call.at)
    query = Query(call.subject, call.action, call.path, args, thing, call.run, now)
    return Facts(query, lacking, call.aged)


def _thing(call: Recalled, seen: Mapping[str, Any]) -> Tool | Offer | None:
    """None too where what was judged is not what was seen."""
    thing = thing_of(seen, call.action, call.path)
    return None if isinstance(thing, Tool) and call.pin and call.pin != thing.pin else thing


def _read(text: str | None) -> JsonObject | None:
    try:
        value = json.loads(text) if text is not None else None
    except ValueError:  # what could not be read then, either
        return None
    return value if isinstance(value, dict) else None


class Again:
    """A policy that is asked about recorded calls."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        conditional = [(rule, rule.when) for rule in policy.lines if rule.when]
        self._roots = {id(rule): frozenset(path.root for path in when.paths) for rule, when in conditional}
        self._strange = {id(rule): names for rule, _ in conditional if (names := _unrecorded(rule))}

    def decide(self, facts: Facts) -> Decision | str:
        """The decision; or, in words, what a line wants to know and nobody knows."""
        if facts.lacking or self._strange:
            lacks = next(self._lacks(facts), None)
            if lacks is not None:
                return lacks
        return self.policy.decide(facts.query)

    def _lacks(self, facts: Facts) -> Iterator[str]:
        if facts.query.action == "complete" and "tool" in facts.lacking:  # of a prompt or of a resource: who knows?
            yield _LACK["tool"]
        for rule in self._about(facts.query):
            for name in self._strange.get(id(rule), ()):
                if not (facts.aged and name == AUTH_AGE):
                    yield f"`{name}` is not in the record"
            roots = self._roots.get(id(rule), frozenset())
            yield from (_LACK[root] for root in facts.lacking if root in roots)

    def _about(self, query: Query) -> Iterator[Rule]:
        for asked in [query, query.base] if query.base else [query]:
            for principal in principals(query.subject):
                found = self.policy.candidates(asked, principal)
                if found.conditional:
                    yield from (*found.deny, *found.ask, *found.allow)
                yield from self.policy.that_may_oblige(asked, principal)


def _unrecorded(rule: Rule) -> tuple[str, ...]:
    """What its condition looks at that no record holds, or not each one."""
    fixed = [path for path in (rule.when.paths if rule.when else ()) if path.root not in ("args", "now")]
    known = {f"{root}.{name}" for root, names in _RECORDED.items() for name in names}
    return tuple(path.text for path in fixed if path.text not in known)
