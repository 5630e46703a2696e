"""Denied calls -> the narrowest `allow` lines that would have let them through. Pure.

A line is suggested only where nothing but the lack of one denied the call: over a `deny` line nothing is suggested, for
no `allow` line changes what it says. Each suggestion is put to the policy: it turns what it says that it turns.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject, Subject
from gateway.policy.condition import holds
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.rows import Rule, parse_lines
from gateway.policy.scope import Query
from gateway.policy.suggest.narrowing import Narrow, Shape, narrow, shape_of
from gateway.policy.suggest.recorded import Refused
from gateway.policy.suggest.writing import Unwritable, literal, row, tool_pattern

__all__ = ["Blocked", "Suggestion", "Suggestions", "asking_lines", "parsed", "suggestions"]

_EXAMPLES = 3
_Kind = tuple[Subject, str, str, Shape]  # with action and path: a line for one of them can turn no others


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`rows` are lines for the policy file: one for the user, one for the agent, as one or both lack it.

    `calls` are the denials that they turn; `asks` says which line makes how many of them a question to people. `also`
    are other recorded denials that they would turn.
    """

    rows: tuple[str, ...]
    calls: tuple[Refused, ...]
    notes: tuple[str, ...]
    asks: tuple[tuple[str, int], ...]
    also: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Denials that a line stands for: nothing is suggested over it."""

    rule: str
    why: str
    calls: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What came of `denials` of the record. `left_out` says why nothing is suggested for how many others; `allowed` of
    them the policy would let through today.
    """

    suggested: tuple[Suggestion, ...]
    blocked: tuple[Blocked, ...]
    left_out: tuple[tuple[str, int], ...]
    allowed: int
    denials: int

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        return {
            "denials": self.denials,
            "allowed_today": self.allowed,
            "suggestions": [_suggestion_json(one) for one in self.suggested],
            "blocked": [
                {"rule": one.rule, "why": one.why, "calls": len(one.calls), "examples": _names(one.calls)}
                for one in self.blocked
            ],
            "left_out": [{"reason": reason, "calls": count} for reason, count in self.left_out],
        }


@dataclass(frozen=True, slots=True)
class _Key:
    """Calls that one suggestion can speak for: `lacking` are those of user and agent that no line allows it."""

    lacking: tuple[str, ...]
    user: str
    agent: str
    tenant: str
    action: str
    path: str
    shape: Shape

    @classmethod
    def of(cls, lacking: tuple[str, ...], call: Refused, args: JsonObject) -> "_Key":
        query = call.query
        subject = query.subject
        return cls(
            lacking, subject.user, subject.agent or "", subject.tenant, query.action, query.object, shape_of(args)
        )


def suggestions(policy: Policy, calls: Sequence[Refused], who: str | None = None) -> Suggestions:
    """For all denials, or for those of one user or agent; what else a line turns is looked for among all."""
    sorted_out = _Sorting(policy)
    for call in calls:
        sorted_out.add(call, wanted=who is None or who in principals(call.query.subject))
    made = [one for key, group in sorted_out.groups.items() for one in _made(policy, sorted_out, key, group)]
    made.sort(key=lambda one: (-len(one.calls), one.rows))
    return Suggestions(
        tuple(made),
        tuple(Blocked(rule, why, tuple(found)) for (rule, why), found in sorted_out.blocked.items()),
        tuple(sorted(sorted_out.left_out.items())),
        sorted_out.allowed,
        sorted_out.denials,
    )


class _Sorting:
    """Denied calls, by what could be done about them."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.groups: dict[_Key, list[Refused]] = defaultdict(list)
        self.blocked: dict[tuple[str, str], list[Refused]] = defaultdict(list)
        self.left_out: dict[str, int] = defaultdict(int)
        self.turnable: dict[_Kind, list[tuple[tuple[str, ...], Refused]]] = defaultdict(list)
        self.allowed = self.denials = 0

    def add(self, call: Refused, *, wanted: bool) -> None:
        query = call.query
        answers = [self._policy.judge(query, principal) for principal in principals(query.subject)]
        lacking = tuple(one.principal for one in answers if one.effect == "deny" and one.rule is None)
        barring = next((one for one in answers if one.effect == "deny" and one.rule is not None), None)
        if lacking and not barring and query.args is not None:
            kind = (query.subject, query.action, query.object, shape_of(query.args))
            self.turnable[kind].append((lacking, call))
        if wanted:
            self.denials += 1
            self._sort(call, lacking, barring)

    def _sort(self, call: Refused, lacking: tuple[str, ...], barring: Decision | None) -> None:
        args = call.query.args
        if barring:
            self.blocked[str(barring.rule), barring.why].append(call)
        elif not lacking:
            self.allowed += 1
        elif args is None:
            self.left_out["the record does not have their arguments whole"] += 1
        else:
            self.groups[_Key.of(lacking, call, args)].append(call)


def _made(policy: Policy, found: _Sorting, key: _Key, calls: Sequence[Refused]) -> Iterator[Suggestion]:
    """The suggestion for one group, if there is one that holds."""
    try:
        narrowed = narrow(key.shape, [call.query.args or {} for call in calls])
        rows = [_row(key, principal, narrowed, len(calls)) for principal in key.lacking]
        rules = parsed(rows)
    except Unwritable as error:
        found.left_out[f"no line can say it: {error}"] += len(calls)
        return
    alone = Policy(rules)
    kind = (calls[0].query.subject, key.action, key.path, key.shape)
    turned = [call for lacking, call in found.turnable[kind] if _turns(alone, lacking, call)]
    mine = {id(call) for call in calls}
    if not mine <= {id(call) for call in turned}:
        found.left_out["nothing is known about their tool"] += len(calls)
        return
    also = tuple(call for call in turned if id(call) not in mine)
    yield Suggestion(tuple(rows), tuple(calls), narrowed.notes, _asks(policy, calls), also)


def _row(key: _Key, principal: str, narrowed: Narrow, count: int) -> str:
    """Raises Unwritable."""
    other = (
        f"subject.agent == {literal(key.agent)}" if principal == key.user else f"subject.user == {literal(key.user)}"
    )
    pattern = tool_pattern(key.path)
    exact = [] if pattern == key.path else [f"tool.name == {literal(key.path.partition('/')[2])}"]
    parts = [*exact, *narrowed.parts, other]
    why = f"as {count} call{'s' if count > 1 else ''} that {'were' if count > 1 else 'was'} denied"
    return row(["p", principal, key.tenant, pattern, key.action, " and ".join(parts), "allow", why])


def parsed(rows: Sequence[str]) -> list[Rule]:
    """The lines as the policy reads them. Raises Unwritable for one that it would refuse."""
    found, problems = parse_lines("suggested", "\n".join(rows))
    if problems:
        raise Unwritable(problems[0].message)
    return [one for one in found if isinstance(one, Rule)]


def _turns(alone: Policy, lacking: Sequence[str], call: Refused) -> bool:
    """Whether these lines alone allow it to everybody who lacks one."""
    return all(alone.judge(call.query, principal).effect == "allow" for principal in lacking)


def _asks(policy: Policy, calls: Sequence[Refused]) -> tuple[tuple[str, int], ...]:
    """The lines that would make these calls a question to people once they are allowed, and how many of them."""
    asking = [next(iter(asking_lines(policy, call.query)), None) for call in calls]
    return tuple(sorted(Counter(rule.where for rule in asking if rule).items()))


def asking_lines(policy: Policy, query: Query) -> list[Rule]:
    """The `ask` lines that take part, for the user or for the agent."""
    found = {
        rule.where: rule
        for principal in principals(query.subject)
        for rule in policy.candidates(query, principal).ask
        if rule.when is None or holds("ask", rule.when.test(policy.scope(query, principal)))
    }
    return list(found.values())


def _suggestion_json(one: Suggestion) -> dict[str, Any]:
    query = one.calls[0].query
    return {
        "rows": list(one.rows),
        "user": query.subject.user,
        "agent": query.subject.agent,
        "tenant": query.subject.tenant,
        "action": query.action,
        "object": query.object,
        "denials": len(one.calls),
        "examples": _names(one.calls),
        "asks": [{"rule": rule, "calls": count} for rule, count in one.asks],
        "also_allows": len(one.also),
        "also_examples": _names(one.also),
        "notes": list(one.notes),
    }


def _names(calls: Sequence[Refused]) -> list[str]:
    return [call.name for call in calls[-_EXAMPLES:]]
