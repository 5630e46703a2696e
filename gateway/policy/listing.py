"""Why something is listed for somebody, or not. `Policy.visible` is what counts; this names the lines. Pure."""

from dataclasses import replace

from gateway.policy.condition import holds
from gateway.policy.decide import Decision, Policy
from gateway.policy.logic import UNDECIDED
from gateway.policy.rows import Rule
from gateway.policy.scope import Query, Scope

__all__ = ["listed"]

_OPEN = ("args", "run")  # a list is the same for all of these that the question does not say


def listed(policy: Policy, use: Query, principal: str) -> Decision:
    """Whether one of the subject's principals is shown it. `use` asks for its use, without arguments.

    The line is the one that lets it be used with some arguments; or the one that hides it, or denies all of its use.
    """
    scope, found = policy.scope(use, principal), policy.candidates(use, principal)
    hiding = policy.candidates(replace(use, action="list"), principal).deny
    barred = next((rule for rule in (*hiding, *found.deny) if _always(rule, scope)), None)
    if barred:
        undecided = barred.when is not None and barred.when.test(scope) is UNDECIDED
        return Decision("deny", barred.where, barred.why, principal, undecided)
    line = next((rule for rule in found.allow if _sometimes(rule, scope)), None)
    if line:
        return Decision("allow", line.where, line.why, principal)
    why = found.wrong or f"no line allows {principal} to {use.action} {use.object}, whatever the arguments are"
    return Decision("deny", None, why, principal)


def _always(rule: Rule, scope: Scope) -> bool:
    """Whether it denies whatever the arguments are."""
    answer = rule.when.test(scope) if rule.when else True
    return holds("deny", answer) if answer is not UNDECIDED else not _is_open(rule)


def _sometimes(rule: Rule, scope: Scope) -> bool:
    """Whether it allows for some arguments, as far as can be known without them."""
    answer = rule.when.test(scope) if rule.when else True
    return answer is True or (answer is UNDECIDED and _is_open(rule))


def _is_open(rule: Rule) -> bool:
    return rule.when is not None and any(rule.when.mentions(root) for root in _OPEN)
