"""Lines that are doubtful by themselves: too wide, or with a condition that is always the same. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from gateway.duties import Duties
from gateway.errors import Problem
from gateway.policy.bounds import only_bounded_above
from gateway.policy.compiler import compile_condition
from gateway.policy.lint.finding import CONDITION, DUTIES, WHO, warning
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.outcomes import outcomes
from gateway.policy.rows import Obligation, Rule

__all__ = ["doubtful", "idle"]

_OWN = "subject.is_requester"  # `p or not p` about it is how a line says that it is meant for one's own requests


def doubtful(rule: Rule) -> Iterator[Problem]:
    """What can be said of a line without looking at any other."""
    if rule.effect == "allow" and rule.who == "*" and rule.when is None and rule.tool.text.endswith("/*"):
        hint = "name who, or add a condition such as `tool.read_only and tool.trusted`"
        yield warning(rule, WHO, "everybody", f"everybody may {rule.action} {rule.tool.text}", hint)
    yield from _constant(rule)
    yield from _negative(rule)


def idle(obligation: Obligation) -> Iterator[Problem]:
    """Duties that another one of the same line leaves nothing to do."""
    duties = obligation.duties
    if duties.dry_run and replace(duties, dry_run=False, rules=()) != Duties():
        message = "of a dry run there is no result, and nothing takes time: the other duties of this line do nothing"
        yield warning(obligation.rule, DUTIES, "idle-duty", message, "write `dry_run` alone, or take it out")


def _constant(rule: Rule) -> Iterator[Problem]:
    if rule.when is None or rule.when.mentions(_OWN):
        return
    found = _outcomes(rule.when.text)
    if True not in found:
        yield _never(rule, found)
    elif found == {True}:
        hint = "leave the column `when` empty, if always is meant"
        yield warning(rule, CONDITION, "always-true", f"the condition `{rule.when.text}` is always true", hint)


@lru_cache(4096)
def _outcomes(text: str) -> frozenset[Truth]:
    return outcomes(compile_condition(text))


def _never(rule: Rule, found: frozenset[Truth]) -> Problem:
    text = rule.when.text if rule.when else ""
    if found == {UNDECIDED}:
        what, then = "can never be decided", "never allows" if rule.effect == "allow" else "always restricts"
    elif UNDECIDED in found and rule.effect != "allow":
        what, then = "can never be true", "only restricts what it can't decide"
    else:
        what, then = "can never be true", "never does anything"
    hint = "no values meet all of it at once; was `or` meant?" if " and " in text else "mend it, or delete the line"
    return warning(rule, CONDITION, "never-true", f"the condition `{text}` {what}: this line {then}", hint)


def _negative(rule: Rule) -> Iterator[Problem]:
    """Who may pay back up to 100 may pay back -5000: to a shop that is a sale without goods."""
    for path in only_bounded_above(rule.when) if rule.when and rule.effect == "allow" else ():
        message = f"`{path}` has a highest value and no lowest: this line also allows negative numbers"
        yield warning(rule, CONDITION, "only-above", message, f"write `0 <= {path} <= ...`, if they are not meant")
