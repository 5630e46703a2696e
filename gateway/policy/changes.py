"""A decision that two policies make differently, and the lines that are the cause. Pure.

A line is known by what it says (`Rule.key`), not by where it stands: moving lines changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gateway.duties import Duties
from gateway.policy.condition import holds
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.loosening import loosens, same
from gateway.policy.rows import Grant, Obligation, Rule
from gateway.policy.scope import Query, use_of
from gateway.policy.wording import Effect

__all__ = ["STRICTNESS", "BothDuties", "Cause", "Change", "Pair", "permits_more"]

STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}

Side = Literal["old", "new"]
_Key = tuple[object, ...]
_Met = dict[_Key, Rule]  # by what the line says
BothDuties = tuple[Duties | None, Duties | None]
"""Before and after."""


def permits_more(before: Effect, after: Effect, duties: BothDuties) -> bool:
    """Whether the effect is milder, or lets the call through with looser duties."""
    if STRICTNESS[after] < STRICTNESS[before]:
        return True
    return after != "deny" and loosens(*duties)


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """A line that only one of the two policies has, or that is somebody's in only one of them."""

    side: Side
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is what the old policy says to the query, `after` what the new one says. `looks_at` are the names
    (`args.amount`, `tool.read_only`) that the lines which the query meets look at: nothing else matters to it.
    """

    query: Query
    before: Decision
    after: Decision
    causes: tuple[Cause, ...]
    looks_at: frozenset[str]

    @property
    def duties(self) -> BothDuties:
        return self.before.duties, self.after.duties

    @property
    def kind(self) -> tuple[object, ...]:
        """What makes two changes one of a kind."""
        effects = self.before.effect, self.after.effect
        return *effects, permits_more(*effects, self.duties), self.causes


@dataclass(frozen=True, slots=True)
class _Known:
    """What a policy says, wherever it says it."""

    rules: frozenset[_Key]
    grants: frozenset[_Key]


class Pair:
    """Two policies side by side. `only_old` and `only_new` are the lines that the other one does not have."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self.old, self.new = old, new
        self._key = _key if _columns(old) == _columns(new) else _key_in_any_columns
        self._known = {"old": _known(old, self._key), "new": _known(new, self._key)}
        before, after = self._known["old"], self._known["new"]
        self.only_old = tuple(rule for rule in old.lines if self._key(rule) not in after.rules)
        self.only_new = tuple(rule for rule in new.lines if self._key(rule) not in before.rules)
        self.grants_changed = before.grants != after.grants
        self.model_changed = _model(old) != _model(new)

    @property
    def same(self) -> bool:
        """Whether they say the same, in whatever order and with whatever explanations, under the same model."""
        return not (self.only_old or self.only_new or self.grants_changed or self.model_changed)

    def change(self, query: Query) -> Change | None:
        """None where both decide the same."""
        decide = _said_of_list if query.action == "list" else Policy.decide
        before, after = decide(self.old, query), decide(self.new, query)
        if before.effect == after.effect and same(before.duties, after.duties):
            return None
        return Change(query, before, after, self.causes(query, before, after), self.looks_at(query))

    def looks_at(self, query: Query) -> frozenset[str]:
        """The names that the lines look at which this query meets."""
        both, asking = (self.old, self.new), principals(query.subject)
        lines = [rule for policy in both for _, rule in _lines(policy, query)]
        lines += [rule for policy in both for who in asking for rule in policy.that_may_oblige(query, who)]
        return frozenset(path.text for rule in lines if rule.when for path in rule.when.paths)

    def causes(self, query: Query, before: Decision, after: Decision) -> tuple[Cause, ...]:
        """The lines that came or went, without which it would not have changed."""
        if before.effect == after.effect:
            return tuple(sorted(set(self._of_duties(query, before, after))))
        listed = (before.effect, after.effect) if query.action == "list" else None
        moved = [(who, *one) for who in principals(query.subject) for one in self._moved(query, who, listed)]
        found = {cause for who, side, rule in moved for cause in self._named(side, who, rule, query)}
        return tuple(sorted(found)) or _deciding(before, after)

    def _of_duties(self, query: Query, before: Decision, after: Decision) -> Iterator[Cause]:
        """The `o` lines that hold in only one of the policies, and whose duties the other one does not see to."""
        was, now = _obliging(self.old, query), _obliging(self.new, query)
        gone = [one for key, one in was.items() if key not in now and loosens(one.duties, after.duties)]
        come = [one for key, one in now.items() if key not in was and loosens(one.duties, before.duties)]
        sides: tuple[tuple[Side, Policy, list[Obligation]], ...] = ("old", self.old, gone), ("new", self.new, come)
        for side, policy, obligations in sides:
            for rule in (one.rule for one in obligations):
                for who in principals(query.subject):
                    if rule in policy.that_may_oblige(query, who):
                        yield from self._named(side, who, rule, query)

    def _moved(self, query: Query, who: str, listed: tuple[Effect, Effect] | None) -> Iterator[tuple[Side, Rule]]:
        """Those that take part for this principal in only one of the policies, if his answer changes by them."""
        was, now = (_met(policy, query, who, self._key) for policy in (self.old, self.new))
        before, after = listed or (_answer(was), _answer(now))
        if before != after:
            gone = [rule for key, rule in was.items() if key not in now]
            come = [rule for key, rule in now.items() if key not in was]
            yield from (("old", rule) for rule in gone if _matters(rule, now, before, after))
            yield from (("new", rule) for rule in come if _matters(rule, was, after, before))

    def _named(self, side: Side, who: str, rule: Rule, query: Query) -> Iterator[Cause]:
        """The line; or, if it is not this principal's in the other policy, the `g` lines by which it is here."""
        mine, other = (self.old, self.new) if side == "old" else (self.new, self.old)
        tenant = query.subject.tenant
        path = mine.roles.path(who, rule.who, tenant)
        grants = () if other.roles.path(who, rule.who, tenant) else path
        theirs = self._known["new" if side == "old" else "old"].grants
        named = [Cause(side, grant.where, _text(grant)) for grant in grants if grant.key not in theirs]
        yield from named or [Cause(side, rule.where, rule.text)]


def _model(policy: Policy) -> object:
    """What a model of one's own says, without its comments; None for the shipped one."""
    return getattr(policy, "model", None)


def _columns(policy: Policy) -> object:
    return getattr(_model(policy), "policy", None)


def _key(rule: Rule) -> _Key:
    return rule.key


def _key_in_any_columns(rule: Rule) -> _Key:
    """What a line says in those columns that Toolgate knows: where the models have not the same ones."""
    return rule.key[:-1]


def _known(policy: Policy, key: Callable[[Rule], _Key]) -> _Known:
    return _Known(frozenset(key(rule) for rule in policy.lines), frozenset(grant.key for grant in policy.grants))


def _said_of_list(policy: Policy, query: Query) -> Decision:
    """Whether the query's thing is listed, as a decision: `deny` is hidden."""
    seen = query.tool is not None and policy.visible(query.subject, query.tool, query.now)
    return Decision("allow" if seen else "deny", None, "listed" if seen else "hidden", query.subject.user)


def _obliging(policy: Policy, query: Query) -> dict[_Key, Obligation]:
    return {one.key: one for one in policy.obliging(query)}


def _met(policy: Policy, query: Query, principal: str, key: Callable[[Rule], _Key]) -> _Met:
    """The lines that take part for this principal. Of lists, where arguments are open: all lines."""
    found: _Met = {}
    for who, rule in _lines(policy, query):
        if who == principal:
            scope = policy.scope(query.base or query, who)
            if query.action == "list" or rule.when is None or holds(rule.effect, rule.when.test(scope)):
                found[key(rule)] = rule
    return found


def _answer(met: _Met) -> Effect:
    """What these lines say together."""
    effects = {rule.effect for rule in met.values()}
    if "deny" in effects or "allow" not in effects:
        return "deny"
    return "ask" if "ask" in effects else "allow"


def _matters(rule: Rule, other: _Met, here: Effect, there: Effect) -> bool:
    """Whether a line that only this side has is why it says something else than the other one.

    A line that restricts is, where this side is the stricter one and by its effect; one that grants, where the other
    side denies and nothing grants there.
    """
    if STRICTNESS[here] > STRICTNESS[there]:
        return rule.effect == here
    return rule.effect == "allow" and there == "deny" and all(one.effect != "allow" for one in other.values())


def _lines(policy: Policy, query: Query) -> Iterator[tuple[str, Rule]]:
    """Those that the query meets, whatever its facts are, and for whom."""
    asked = [query, query.base] if query.base else [query]
    if query.action == "list" and query.tool is not None:
        asked.append(replace(query, action=use_of(query.tool)))
    for one in asked:
        for who in principals(query.subject):
            found = policy.candidates(one, who)
            yield from ((who, rule) for rule in (*found.deny, *found.ask, *found.allow))


def _text(grant: Grant) -> str:
    return f"g, {grant.member}, {grant.role}, {grant.tenant}"


def _deciding(before: Decision, after: Decision) -> tuple[Cause, ...]:
    """Where no line came or went for this query: those that decide."""
    old = [Cause("old", before.rule, before.why)] if before.rule else []
    new = [Cause("new", after.rule, after.why)] if after.rule else []
    return (*old, *new)
