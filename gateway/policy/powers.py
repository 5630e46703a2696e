"""Who can do what: the answer for each principal, whatever the arguments, the run and the time. Pure.

Where they matter, the answer is `depends`, with the conditions that it depends on. For a role or a team it is that of
somebody who has it and nothing else, and for `*` that of somebody whom the policy does not know.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.call import Subject, Tool
from gateway.policy.condition import holds
from gateway.policy.decide import Policy, Summary, principals
from gateway.policy.outcomes import outcomes
from gateway.policy.readings import depends_on_time
from gateway.policy.rows import Grant, Rule
from gateway.policy.scope import ANY_RUN, Query, RunFacts
from gateway.policy.wording import GROUPS, Effect

__all__ = ["ELSEWHERE", "Because", "Power", "Standing", "can", "who_can"]

ELSEWHERE = "(other)"  # a tenant that the policy does not name
_ANYBODY, _SOMEBODY = "user:(anybody)", "user:(somebody)"  # no names that a policy or a key could hold
_STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}
_ORDER: Mapping[Summary, int] = {"allow": 0, "ask": 1, "depends": 2, "deny": 3}
_KINDS = ("*", "team", "role", "user", "agent")
_GROUPS = tuple(f"{group}:" for group in GROUPS)
_NAMED = re.compile(r"'((?:user|agent):[^'\s*,]+)'|\"((?:user|agent):[^\"\s*,]+)\"")


@dataclass(frozen=True, slots=True)
class Because:
    """A line that has to do with the answer. `when` is what is still open of its condition; empty: it always counts.

    `path` are the roles by which the line is about this principal.
    """

    principal: str
    effect: Effect
    rule: str
    when: str
    why: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What one principal gets, in these tenants; `*`: in every one. No lines: none allows it."""

    principal: str
    tenants: tuple[str, ...]
    verdict: Summary
    because: tuple[Because, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "principal": self.principal,
            "tenants": list(self.tenants),
            "verdict": self.verdict,
            "lines": [_fields(line) for line in self.because],
        }


@dataclass(frozen=True, slots=True)
class Power:
    """What one subject may do with one tool, and whether he is shown it."""

    tool: str
    verdict: Summary
    listed: bool
    because: tuple[Because, ...]

    def to_json(self) -> dict[str, Any]:
        lines = [_fields(line) for line in self.because]
        return {"tool": self.tool, "verdict": self.verdict, "listed": self.listed, "lines": lines}


def who_can(policy: Policy, query: Query, tenant: str | None = None) -> list[Standing]:
    """Everybody whom the policy names, and `*`, on this question, whose subject does not matter: allowed ones first.

    In every tenant, or in this one. `args` None: the arguments are open.
    """
    probed = _Probed(policy)
    tenants = [tenant] if tenant else probed.tenants()
    query = replace(query, requester=_SOMEBODY) if query.action == "approve" else query
    found: list[Standing] = []
    for name in probed.names():
        by_answer: dict[tuple[Summary, tuple[Because, ...]], list[str]] = {}
        for place in tenants:
            by_answer.setdefault(probed.answer(query, name, place), []).append(place)
        for (verdict, because), places in by_answer.items():
            everywhere = tenant is None and len(places) == len(tenants)
            found.append(Standing(name, ("*",) if everywhere else tuple(places), verdict, because))
    return sorted(found, key=lambda one: (_ORDER[one.verdict], _KINDS.index(_kind(one.principal)), one.principal))


def can(policy: Policy, subject: Subject, tools: Iterable[Tool], now: datetime) -> list[Power]:
    """Every tool, by its path, for this subject; through an agent both must be allowed."""
    found = []
    for tool in sorted(tools, key=lambda tool: tool.path):
        query = Query(subject, "call", tool.path, None, tool, RunFacts(), now)
        looked = [_Look(policy, query, principal) for principal in principals(subject)]
        best = max((look.best() for look in looked), key=_strictness)
        worst = max((look.worst() for look in looked), key=_strictness)
        verdict: Summary = best if best == worst else "depends"
        because = tuple(line for look in looked for line in look.because(verdict))
        found.append(Power(tool.path, verdict, policy.visible(subject, tool, now), because))
    return found


class _Probed:
    """The policy with one more user for each group, who has it and nothing else."""

    def __init__(self, policy: Policy) -> None:
        groups = {rule.who for rule in policy.rules if rule.who.startswith(_GROUPS)} | {g.role for g in policy.grants}
        probes = [Grant("", 0, f"user:({group})", group, "*") for group in sorted(groups)]
        self._given = policy
        self._policy = policy.granting(*probes)

    def tenants(self) -> list[str]:
        """All that the policy names, also in a matcher of its own, and one that it does not."""
        rows: list[Rule | Grant] = [*self._given.rules, *self._given.grants]
        named = {row.tenant for row in rows} | {text for column, text in _compared_in(self._given) if column == "r.dom"}
        return [*sorted(name for name in named if name != "*" and not name.startswith("p.")), ELSEWHERE]

    def names(self) -> set[str]:
        """Everybody who is named, also within conditions, and in a matcher of one's own."""
        named = {rule.who for rule in self._given.rules} | {"*"}
        for grant in self._given.grants:
            named |= {grant.member, grant.role}
        texts = {rule.when.text for rule in self._given.rules if rule.when} | {_matcher_of(self._given)}
        return named | {found[1] or found[2] for text in texts for found in _NAMED.finditer(text)}

    def answer(self, query: Query, name: str, tenant: str) -> tuple[Summary, tuple[Because, ...]]:
        principal = _ANYBODY if name == "*" else f"user:({name})" if name.startswith(_GROUPS) else name
        agent = principal if principal.startswith("agent:") else None
        asked = replace(query, subject=Subject(_SOMEBODY if agent else principal, tenant, agent))
        look = _Look(self._policy, asked, principal, of_many=principal != name)
        verdict, own = look.verdict(), name.startswith(_GROUPS)  # whoever has the role got it by a line of ours
        because = look.because(verdict)
        return verdict, tuple(replace(line, principal=name, path=line.path[own:]) for line in because)


def _matcher_of(policy: Policy) -> str:
    """Of a model of one's own, which may name people."""
    model = getattr(policy, "model", None)
    return str(model.matcher.text) if model else ""


def _compared_in(policy: Policy) -> frozenset[tuple[str, str]]:
    model = getattr(policy, "model", None)
    return model.matcher.compared if model else frozenset()


class _Look:
    """One principal's lines, and of each whether it always counts, sometimes, or never."""

    def __init__(self, policy: Policy, query: Query, principal: str, *, of_many: bool = False) -> None:
        self._policy, self._query, self._principal, self._of_many = policy, query, principal, of_many
        self._scope = policy.scope(query, principal)
        found = policy.candidates(query, principal)
        self._counts = [(rule, self._counting(rule)) for rule in (*found.deny, *found.ask, *found.allow)]
        self._said = self._bounds()

    def verdict(self) -> Summary:
        best, worst = self.best(), self.worst()
        return best if best == worst else "depends"

    def _bounds(self) -> tuple[Effect, Effect] | None:
        """What Casbin says under a model of one's own, of any run, as far as time has no say in it."""
        timed = any(rule.when is not None and depends_on_time(rule.when) for rule, _ in self._counts)
        if not self._policy.custom or timed:
            return None
        return self._policy.bounds_of(replace(self._query, run=ANY_RUN), self._principal)

    def best(self) -> Effect:
        if self._said:
            return self._said[0]
        if self._always("deny") or not self._sometimes("allow"):
            return "deny"
        return "ask" if self._always("ask") else "allow"

    def worst(self) -> Effect:
        if self._said:
            return self._said[1]
        if self._sometimes("deny") or not self._always("allow"):
            return "deny"
        return "ask" if self._sometimes("ask") else "allow"

    def because(self, verdict: Summary) -> Iterator[Because]:
        """The line that decides; or all on which it depends."""
        if verdict != "depends":
            yield from map(self._line, self._always(verdict)[:1])
            return
        for effect in ("allow", "ask", "deny"):
            yield from map(self._line, self._sometimes(effect))

    def _always(self, effect: Effect) -> list[Rule]:
        return [rule for rule, counts in self._counts if rule.effect == effect and counts == {True}]

    def _sometimes(self, effect: Effect) -> list[Rule]:
        return [rule for rule, counts in self._counts if rule.effect == effect and True in counts]

    def _counting(self, rule: Rule) -> frozenset[bool]:
        if rule.when is None:
            return frozenset({True})
        return frozenset(holds(rule.effect, answer) for answer in outcomes(rule.when, self._scope, self._open(rule)))

    def _open(self, rule: Rule) -> frozenset[str]:
        names = ("subject.user", "subject.id", "subject.agent")
        by_name = self._of_many and rule.when is not None and any(map(rule.when.mentions, names))
        by_name = by_name or (rule.when is not None and rule.when.mentions("subject.auth_age"))  # of this very moment
        unknown = {"args": self._query.args is None, "tool": self._query.tool is None, "subject": by_name}
        return frozenset(name for name, is_open in unknown.items() if is_open) | {"run", "now"}

    def _line(self, rule: Rule) -> Because:
        path = self._policy.roles.path(self._principal, rule.who, self._query.subject.tenant)
        roles = tuple(grant.role for grant in path)
        return Because(self._principal, rule.effect, rule.where, self._left(rule), rule.why, roles)

    def _left(self, rule: Rule) -> str:
        """The parts of the condition that are not settled."""
        if rule.when is None or self._counting(rule) == {True}:
            return ""
        unknown = self._open(rule)
        parts = [part for part in rule.when.parts if any(path.root in unknown for path in part.paths)]
        return " and ".join(part.text for part in parts) or rule.when.text


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _strictness(effect: Effect) -> int:
    return _STRICTNESS[effect]


def _fields(line: Because) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__dataclass_fields__} | {"path": list(line.path)}
