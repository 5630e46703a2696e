"""Calls that people agreed to again and again -> the `ask` line that asked, with these calls taken out. Pure.

An `ask` line only restricts, and beats `allow`: no `allow` line would spare anybody the question, and the calls have
one already. So what is suggested is the line itself as it would have to read. Nothing is suggested where anybody said
no to one of these calls.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.decide import Policy
from gateway.policy.rows import Rule
from gateway.policy.suggest.lines import asking_lines, parsed
from gateway.policy.suggest.narrowing import Shape, narrow, shape_of
from gateway.policy.suggest.recorded import Answered
from gateway.policy.suggest.writing import Unwritable, literal, row

__all__ = ["LEAST", "Agreed", "Relief", "Reliefs", "reliefs"]

LEAST = 3  # times that people must have agreed
_UNSAID = "no line can be shown to spare them the question: is something known about their tool?"


@dataclass(frozen=True, slots=True)
class Agreed:
    """Calls of one kind to which people always said yes. `condition` holds of them."""

    calls: tuple[Answered, ...]
    condition: str
    notes: tuple[str, ...]

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(sorted({call.by for call in self.calls}))


@dataclass(frozen=True, slots=True)
class Relief:
    """`row` is to stand in the place of `rule`. `also` are other calls that were asked about, and would not be."""

    rule: str
    text: str
    row: str
    agreed: tuple[Agreed, ...]
    also: tuple[Answered, ...]


@dataclass(frozen=True, slots=True)
class Reliefs:
    """What came of the answers of people. `left_out` says why nothing is suggested for how many others."""

    suggested: tuple[Relief, ...]
    left_out: tuple[tuple[str, int], ...]
    answers: int

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        return {
            "answers": self.answers,
            "suggestions": [_relief_json(one) for one in self.suggested],
            "left_out": [{"reason": reason, "calls": count} for reason, count in self.left_out],
        }


@dataclass(frozen=True, slots=True)
class _Key:
    user: str
    agent: str
    tenant: str
    action: str
    path: str
    shape: Shape


def reliefs(policy: Policy, calls: Sequence[Answered], who: str | None = None) -> Reliefs:
    """For all answers, or for those to calls of one user or agent."""
    left_out: dict[str, int] = defaultdict(int)
    groups: dict[_Key, list[Answered]] = defaultdict(list)
    mine = [call for call in calls if who is None or who in (call.query.subject.user, call.query.subject.agent)]
    for call in mine:
        key = _key(policy, call)
        if isinstance(key, str):
            left_out[key] += 1
        else:
            groups[key].append(call)
    agreed: dict[str, list[Agreed]] = defaultdict(list)
    for key, group in groups.items():
        _sort(policy, key, group, agreed, left_out)
    rules = {rule.where: rule for rule in policy.rules}
    made: list[Relief] = []
    for where, found in sorted(agreed.items()):
        one = _relief(policy, rules[where], found, calls)
        made += [one] if one else []
        left_out[_UNSAID] += 0 if one else sum(len(group.calls) for group in found)
    return Reliefs(tuple(made), tuple((why, count) for why, count in sorted(left_out.items()) if count), len(mine))


def _key(policy: Policy, call: Answered) -> _Key | str:
    """Which calls this one belongs to; or, in words, why to none."""
    query = call.query
    subject = query.subject
    if query.args is None:
        return "the record does not have their arguments whole"
    if policy.decide(query).effect != "ask":
        return "the policy does not ask about them today"
    shape = shape_of(query.args)
    return _Key(subject.user, subject.agent or "", subject.tenant, query.action, query.object, shape)


def _sort(
    policy: Policy,
    key: _Key,
    calls: Sequence[Answered],
    agreed: dict[str, list[Agreed]],
    left_out: dict[str, int],
) -> None:
    """The group to each line that asks about one of its calls, if people agreed to all of them."""
    reason = _reason(calls)
    if reason:
        left_out[reason] += len(calls)
        return
    lines = {rule.where: rule for call in calls for rule in asking_lines(policy, call.query)}
    for where, rule in lines.items():
        try:
            agreed[where].append(_agreed(key, rule, calls))
        except Unwritable as error:
            left_out[f"no line can say it: {error}"] += len(calls)


def _reason(calls: Sequence[Answered]) -> str:
    if not all(call.yes for call in calls):
        return "people said no to one of the kind"
    return "" if len(calls) >= LEAST else f"people agreed fewer than {LEAST} times"


def _agreed(key: _Key, rule: Rule, calls: Sequence[Answered]) -> Agreed:
    """Says all that the line itself does not say already. Raises Unwritable."""
    narrowed = narrow(key.shape, [call.query.args or {} for call in calls])
    server, _, name = key.path.partition("/")
    facts: Mapping[str, str] = {"subject.user": key.user, "subject.agent": key.agent}
    if rule.tenant != key.tenant:
        facts = {**facts, "subject.tenant": key.tenant}
    if rule.tool.text != key.path:
        facts = {**facts, "tool.server": server, "tool.name": name}
    said = [f"{fact} == {literal(value)}" for fact, value in facts.items()]
    return Agreed(tuple(calls), " and ".join([*said, *narrowed.parts]), narrowed.notes)


def _relief(policy: Policy, rule: Rule, agreed: Sequence[Agreed], calls: Sequence[Answered]) -> Relief | None:
    """The line as it would have to read; None where that would not spare all of its calls the question."""
    old = [f"({rule.when.text})"] if rule.when else []
    when = " and ".join([*old, *(f"not ({one.condition})" for one in agreed)])
    text = row(["p", rule.who, rule.tenant, rule.tool.text, rule.action, when, rule.effect, rule.why])
    try:
        before, after = Policy([rule], policy.grants), Policy(parsed([text]), policy.grants)
    except Unwritable:
        return None
    spared = [call for call in calls if asking_lines(before, call.query) and not asking_lines(after, call.query)]
    own = {id(call) for one in agreed for call in one.calls}
    also = tuple(call for call in spared if id(call) not in own)
    return Relief(rule.where, rule.text, text, tuple(agreed), also) if len(spared) - len(also) == len(own) else None


def _relief_json(one: Relief) -> dict[str, Any]:
    return {
        "replaces": one.rule,
        "text": one.text,
        "row": one.row,
        "agreed": [
            {
                "user": group.calls[0].query.subject.user,
                "agent": group.calls[0].query.subject.agent,
                "tenant": group.calls[0].query.subject.tenant,
                "action": group.calls[0].query.action,
                "object": group.calls[0].query.object,
                "approved": len(group.calls),
                "of": len(group.calls),
                "by": list(group.by),
                "condition": group.condition,
                "notes": list(group.notes),
            }
            for group in one.agreed
        ],
        "also": len(one.also),
    }
