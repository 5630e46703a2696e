"""A decision that two policies make differently, and the lines that are the cause. Pure.

A line is known by what it says (`Rule.key`), not by where it stands: moving lines changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.policy.condition import holds
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.rows import Grant, Rule
from gateway.policy.scope import Query
from gateway.policy.wording import Effect

__all__ = ["STRICTNESS", "Cause", "Change", "Pair"]

STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}

Side = Literal["old", "new"]
_Key = tuple[object, ...]
_Met = dict[tuple[str, _Key], Rule]  # by principal and what the line says
_Moved = list[tuple[str, Rule]]  # with the principal


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """A line that only one of the two policies has, or that is somebody's in only one of them."""

    side: Side
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is what the old policy says to the query, `after` what the new one says. `looks_at` are the roots of
    names (`args`, `tool`, `run`) that the lines which the query meets look at: nothing else matters to it.
    """

    query: Query
    before: Decision
    after: Decision
    causes: tuple[Cause, ...]
    looks_at: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a policy says, wherever it says it."""

    rules: frozenset[_Key]
    grants: frozenset[_Key]


class Pair:
    """Two policies side by side. `only_old` and `only_new` are the lines that the other one does not have."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self.old, self.new = old, new
        self._known = {"old": _known(old), "new": _known(new)}
        before, after = self._known["old"], self._known["new"]
        self.only_old = tuple(rule for rule in old.rules if rule.key not in after.rules)
        self.only_new = tuple(rule for rule in new.rules if rule.key not in before.rules)
        self.grants_changed = before.grants != after.grants

    @property
    def same(self) -> bool:
        """Whether they say the same, in whatever order and with whatever explanations."""
        return not (self.only_old or self.only_new or self.grants_changed)

    def change(self, query: Query) -> Change | None:
        """None where both decide the same."""
        decide = _said_of_list if query.action == "list" else Policy.decide
        before, after = decide(self.old, query), decide(self.new, query)
        if before.effect == after.effect:
            return None
        return Change(query, before, after, self.causes(query, before, after), self.looks_at(query))

    def looks_at(self, query: Query) -> frozenset[str]:
        """The roots of names that the lines look at which this query meets."""
        lines = [rule for policy in (self.old, self.new) for _, rule in _lines(policy, query)]
        return frozenset(path.root for rule in lines if rule.when for path in rule.when.paths)

    def causes(self, query: Query, before: Decision, after: Decision) -> tuple[Cause, ...]:
        """The lines without which it would not have changed: of those that came or went the deciding one, else all."""
        was, now = _met(self.old, query), _met(self.new, query)
        widens = STRICTNESS[after.effect] < STRICTNESS[before.effect]
        stricter = before.effect if widens else after.effect
        gone = [(who, rule) for (who, key), rule in was.items() if (who, key) not in now]
        come = [(who, rule) for (who, key), rule in now.items() if (who, key) not in was]
        gone = [one for one in gone if one[1].effect == (stricter if widens else "allow")]
        come = [one for one in come if one[1].effect == ("allow" if widens else stricter)]
        first = [one for one in gone if one[1].where == before.rule]
        last = [one for one in come if one[1].where == after.rule]
        if first or last:
            gone, come = (first, []) if first else ([], last)
        found = {*self._named("old", gone, query), *self._named("new", come, query)}
        return tuple(sorted(found)) or _deciding(before, after)

    def _named(self, side: Side, moved: _Moved, query: Query) -> Iterator[Cause]:
        """The line; or, where the other policy has it too, the `g` lines by which it is this principal's."""
        mine, other = (self.old, self._known["new"]) if side == "old" else (self.new, self._known["old"])
        for who, rule in moved:
            path = mine.roles.path(who, rule.who, query.subject.tenant) if rule.key in other.rules else ()
            grants = [grant for grant in path if grant.key not in other.grants]
            yield from (Cause(side, grant.where, _text(grant)) for grant in grants)
            if not grants:
                yield Cause(side, rule.where, rule.text)


def _known(policy: Policy) -> _Known:
    return _Known(frozenset(rule.key for rule in policy.rules), frozenset(grant.key for grant in policy.grants))


def _said_of_list(policy: Policy, query: Query) -> Decision:
    """Whether the query's thing is listed, as a decision: `deny` is hidden."""
    seen = query.tool is not None and policy.visible(query.subject, query.tool, query.now)
    return Decision("allow" if seen else "deny", None, "listed" if seen else "hidden", query.subject.user)


def _met(policy: Policy, query: Query) -> _Met:
    """The lines that take part."""
    found: _Met = {}
    for who, rule in _lines(policy, query):
        scope = policy.scope(query.base or query, who)
        if rule.when is None or holds(rule.effect, rule.when.test(scope)):
            found[who, rule.key] = rule
    return found


def _lines(policy: Policy, query: Query) -> Iterator[tuple[str, Rule]]:
    """Those that the query meets, whatever its facts are, and for whom."""
    for asked in [query, query.base] if query.base else [query]:
        for who in principals(query.subject):
            found = policy.candidates(asked, who)
            yield from ((who, rule) for rule in (*found.deny, *found.ask, *found.allow))


def _text(grant: Grant) -> str:
    return f"g, {grant.member}, {grant.role}, {grant.tenant}"


def _deciding(before: Decision, after: Decision) -> tuple[Cause, ...]:
    """Where no line came or went for this query: those that decide."""
    old = [Cause("old", before.rule, before.why)] if before.rule else []
    new = [Cause("new", after.rule, after.why)] if after.rule else []
    return (*old, *new)
