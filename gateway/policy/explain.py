"""Why a decision is what it is: every line that it met, what each condition saw, the roles, and what was missing. Pure.

For people who write policies: it shows argument values and rules, so it is not for whoever asked for the call.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.policy.condition import Part, Path, holds
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.rows import Grant, Rule
from gateway.policy.scope import Query, Scope
from gateway.policy.wording import Effect

__all__ = ["Answer", "Explanation", "Hop", "Line", "Miss", "explain"]

Outcome = Literal["true", "false", "undecidable"]
_SHOWN = 80  # characters of a value
_MISSES = 3
_SOMEBODY = ("user:", "agent:")


@dataclass(frozen=True, slots=True)
class Line:
    """A rule whose who, tenant, tool and action match. `saw` holds what its condition looked at, as JSON text.

    `counts` says whether it takes part in the decision, `decides` whether it is the one that makes it.
    """

    rule: str
    text: str
    effect: Effect
    why: str
    when: str
    condition: Outcome
    saw: tuple[tuple[str, str], ...]
    counts: bool
    decides: bool


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a role path: the member has the role by this `g` line."""

    member: str
    role: str
    rule: str


@dataclass(frozen=True, slots=True)
class Miss:
    """An allow line that does not, and what keeps it from it: `user:eve does not have role:support`, say."""

    rule: str
    text: str
    missing: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one principal (the user, or the agent) gets. `path` leads to the name in the deciding line."""

    principal: str
    decision: Decision
    lines: tuple[Line, ...]
    path: tuple[Hop, ...]
    roles: tuple[str, ...]
    misses: tuple[Miss, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`decision` is the policy's own; `answers` has one for each principal that must be allowed."""

    query: Query
    decision: Decision
    digest: str
    answers: tuple[Answer, ...]

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        query, decision = self.query, self.decision
        return {
            "subject": {"user": query.subject.user, "agent": query.subject.agent, "tenant": query.subject.tenant},
            "action": query.action,
            "object": query.object,
            "effect": decision.effect,
            "rule": decision.rule,
            "why": decision.why,
            "undecided": decision.undecided,
            "decided_for": decision.principal,
            "policy_digest": self.digest,
            "answers": [_answer_json(answer) for answer in self.answers],
        }


def explain(policy: Policy, query: Query) -> Explanation:
    """The decision on this query, and everything that led to it."""
    answers = tuple(_answer(policy, query, principal) for principal in principals(query.subject))
    return Explanation(query, policy.decide(query), policy.digest, answers)


def _answer(policy: Policy, query: Query, principal: str) -> Answer:
    decision = policy.judge(query, principal)
    found = policy.candidates(query, principal)
    questions = [query, query.base] if query.base else [query]
    lines = tuple(line for asked in questions for line in _lines(policy, asked, principal, decision))
    scope = policy.scope(query.base or query, principal)
    tenant = query.subject.tenant
    decider = next((rule for rule in policy.rules if rule.where == decision.rule), None)
    path = policy.roles.path(principal, decider.who, tenant) if decider else ()
    misses = _misses(policy, query.base or query, scope) if decision.rule is None and not found.wrong else ()
    return Answer(principal, decision, lines, tuple(map(_hop, path)), tuple(sorted(scope.roles)), misses)


def _lines(policy: Policy, query: Query, principal: str, decision: Decision) -> Iterator[Line]:
    found, scope = policy.candidates(query, principal), policy.scope(query, principal)
    for rule in (*found.deny, *found.ask, *found.allow):
        yield _line(rule, scope, decision)


def _line(rule: Rule, scope: Scope, decision: Decision) -> Line:
    answer: Truth = rule.when.test(scope) if rule.when else True
    return Line(
        rule.where,
        rule.text,
        rule.effect,
        rule.why,
        rule.when.text if rule.when else "",
        _named(answer),
        _saw(rule.when.paths, scope) if rule.when else (),
        holds(rule.effect, answer),
        rule.where == decision.rule,
    )


def _hop(grant: Grant) -> Hop:
    return Hop(grant.member, grant.role, grant.where)


def _named(answer: Truth) -> Outcome:
    return "undecidable" if answer is UNDECIDED else "true" if answer else "false"


def _saw(paths: Sequence[Path], scope: Scope) -> tuple[tuple[str, str], ...]:
    return tuple((path.text, _shown(path, path.run(scope))) for path in paths)


def _shown(path: Path, value: Any) -> str:
    if value is UNDECIDED:
        return "not known" if path.text.startswith("tool.") else "not given"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


# ---- nearest misses: the allow lines that lack least, those that are most about this tool first ----


def _misses(policy: Policy, query: Query, scope: Scope) -> tuple[Miss, ...]:
    found = [
        (len(missing), rule, missing) for rule in policy.rules if (missing := _missing(policy, rule, query, scope))
    ]
    least = min((count for count, _, _ in found), default=0)
    near = sorted((one for one in found if one[0] == least), key=lambda one: one[1].tool.text.count("*"))
    return tuple(Miss(rule.where, rule.text, ", and ".join(missing)) for _, rule, missing in near[:_MISSES])


def _missing(policy: Policy, rule: Rule, query: Query, scope: Scope) -> list[str]:
    """What keeps an allow line from granting; empty for lines that are about something else."""
    server, _, name = query.object.partition("/")
    if (rule.effect, rule.action) != ("allow", query.action) or not rule.tool.matches(server, name):
        return []
    if rule.who.startswith(_SOMEBODY) and rule.who != scope.principal:
        return []  # nobody becomes another user or agent
    missing = []
    if rule.who not in ("*", scope.principal) and rule.who not in scope.roles:
        missing.append(_without(policy, rule.who, query, scope))
    if rule.tenant not in ("*", query.subject.tenant):
        missing.append(f"it is for tenant {rule.tenant}, not {query.subject.tenant}")
    return missing + list(_failing(rule, scope))


def _without(policy: Policy, role: str, query: Query, scope: Scope) -> str:
    tenants = [tenant for tenant in sorted(policy.roles.grants) if policy.roles.path(scope.principal, role, tenant)]
    if tenants:
        return f"{scope.principal} has {role} only in tenant {', '.join(tenants)}, not in {query.subject.tenant}"
    return f"{scope.principal} does not have {role}"


def _failing(rule: Rule, scope: Scope) -> Iterator[str]:
    for part in rule.when.parts if rule.when else ():
        answer = part.test(scope)
        if answer is not True:
            yield _unmet(part, answer, scope)


def _unmet(part: Part, answer: Truth, scope: Scope) -> str:
    values = ", ".join(f"{name} is {value}" for name, value in _saw(part.paths, scope))
    if part.text in [path.text for path in part.paths]:
        return values  # `tool.read_only is false` says all
    verdict = "can't be decided" if answer is UNDECIDED else "does not hold"
    return f"`{part.text}` {verdict}" + (f" ({values})" if values else "")


# ---- JSON ----


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "principal": answer.principal,
        "effect": answer.decision.effect,
        "rule": answer.decision.rule,
        "why": answer.decision.why,
        "roles": list(answer.roles),
        "role_path": [_fields(hop) for hop in answer.path],
        "lines": [_fields(line) | {"saw": dict(line.saw)} for line in answer.lines],
        "nearest": [_fields(miss) for miss in answer.misses],
    }


def _fields(value: Line | Hop | Miss) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
