"""Why a decision is what it is: every line that it met, what each condition saw, the roles, and what was missing. Pure.

For people who write policies: it shows argument values and rules, so it is not for whoever asked for the call.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gateway.policy.custom_misses import misses_under
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.listing import listed
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.misses import Miss, misses
from gateway.policy.rows import Grant, Rule
from gateway.policy.saw import saw
from gateway.policy.scope import ANY_RUN, Query, Scope, use_of
from gateway.policy.ways import nearest
from gateway.policy.wording import Effect

__all__ = ["Answer", "Explanation", "Hop", "Line", "Miss", "Way", "explain"]

Outcome = Literal["true", "false", "undecidable"]
_STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}


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
class Way:
    """Values with which the answer would be milder, and the line that gives it then: `args.amount = 100`."""

    change: str
    effect: Effect
    rule: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one principal (the user, or the agent) gets. `path` leads to the name in the deciding line.

    `misses` says what the nearest allow lines lack where none allows; `way` with which values it would be milder.
    """

    principal: str
    decision: Decision
    lines: tuple[Line, ...]
    path: tuple[Hop, ...]
    roles: tuple[str, ...]
    misses: tuple[Miss, ...]
    way: Way | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`decision` is the policy's own; `answers` has one for each principal that must be allowed.

    `custom`: under a model of one's own, of which not every near miss can be told.
    """

    query: Query
    decision: Decision
    digest: str
    answers: tuple[Answer, ...]
    custom: bool = False

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
            "duties": decision.duties.to_json() if decision.duties else {},
            "obliged_by": list(decision.duties.rules) if decision.duties else [],
            "decided_for": decision.principal,
            "policy_digest": self.digest,
            "answers": [_answer_json(answer) for answer in self.answers],
        }


def explain(policy: Policy, query: Query) -> Explanation:
    """The decision on this query, and everything that led to it.

    For the action `list` that is whether it is listed: whether its use could be allowed or asked for with some
    arguments, and no `list` line hides it.
    """
    if query.action == "list":
        answers = tuple(_listing(policy, query, principal) for principal in principals(query.subject))
        decision = max((answer.decision for answer in answers), key=lambda found: _STRICTNESS[found.effect])
        return Explanation(query, decision, policy.digest, answers, policy.custom)
    answers = tuple(_answer(policy, query, principal) for principal in principals(query.subject))
    return Explanation(query, policy.decide(query), policy.digest, answers, policy.custom)


def _answer(policy: Policy, query: Query, principal: str) -> Answer:
    decision = policy.judge(query, principal)
    others = query.readings
    questions = [query, *others, query.base or query] if others or query.base else [query]
    return _told(policy, questions, principal, decision)


def _listing(policy: Policy, query: Query, principal: str) -> Answer:
    use = replace(query, action=use_of(query.tool) if query.tool else "call", args=None, run=ANY_RUN)
    return _told(policy, [query, *use.readings, use], principal, listed(policy, use, principal))


def _told(policy: Policy, questions: Sequence[Query], principal: str, decision: Decision) -> Answer:
    """The last of the questions is the one that lines can allow."""
    first, last = questions[0], questions[-1]
    listing = first.action == "list"
    lines = tuple(_of_all(line for asked in questions for line in _lines(policy, asked, principal, decision)))
    lines = tuple(_as_listed(line) for line in lines) if listing else lines
    scope = policy.scope(last, principal)
    decider = next((rule for rule in policy.rules if rule.where == decision.rule), None)
    path = policy.roles.path(principal, decider.who, first.subject.tenant) if decider else ()
    wrong = policy.candidates(first, principal).wrong
    near = (
        (misses_under if policy.custom else misses)(policy, last, scope) if decision.rule is None and not wrong else ()
    )
    way = _way(policy, first, principal, decision)
    return Answer(principal, decision, lines, tuple(map(_hop, path)), tuple(sorted(scope.roles)), near, way)


def _lines(policy: Policy, query: Query, principal: str, decision: Decision) -> Iterator[Line]:
    found, scope = policy.candidates(query, principal), policy.scope(query, principal)
    counting = policy.counting(query, principal)
    for rule in (*found.deny, *found.ask, *found.allow):
        yield _line(rule, scope, decision, counts=rule.where in counting)


def _line(rule: Rule, scope: Scope, decision: Decision, *, counts: bool) -> Line:
    answer: Truth = rule.when.test(scope) if rule.when else True
    return Line(
        rule.where,
        rule.text,
        rule.effect,
        rule.why,
        rule.when.text if rule.when else "",
        _named(answer),
        saw(rule.when.paths, scope) if rule.when else (),
        counts,
        rule.where == decision.rule,
    )


def _of_all(lines: Iterable[Line]) -> Iterable[Line]:
    """Each line once, though several readings of a URI meet it: as the one in which it counts has it."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.rule not in found or (line.counts and not found[line.rule].counts):
            found[line.rule] = line
    return found.values()


def _as_listed(line: Line) -> Line:
    """A list does not look at arguments: what they decide may come out for the one who asks."""
    if line.condition != "undecidable" or not any(name.startswith("args") for name, _ in line.saw):
        return line
    return replace(line, counts=line.effect == "allow")


def _hop(grant: Grant) -> Hop:
    return Hop(grant.member, grant.role, grant.where)


def _named(answer: Truth) -> Outcome:
    return "undecidable" if answer is UNDECIDED else "true" if answer else "false"


# ---- what would do ----


def _way(policy: Policy, query: Query, principal: str, decision: Decision) -> Way | None:
    """Tries other values, for an answer that is milder: allowed, if there is one, else asked for."""
    if decision.effect == "allow" or query.action == "list":
        return None
    found = policy.candidates(query.base or query, principal)
    conditions = [rule.when.text for rule in (*found.deny, *found.ask, *found.allow) if rule.when]
    for effect in ("allow", "ask") if decision.effect == "deny" else ("allow",):
        changed = nearest(conditions, query, lambda asked: policy.judge(asked, principal).effect == effect)  # noqa: B023
        if changed:
            then = policy.judge(changed.query, principal)
            return Way(changed.text, then.effect, then.rule)
    return None


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
        "way": _fields(answer.way) if answer.way else None,
    }


def _fields(value: Line | Hop | Miss | Way) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
