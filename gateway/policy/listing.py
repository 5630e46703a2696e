"""Why something is listed for somebody, or not. `Policy.visible` is what counts; this names the lines. Pure."""

from dataclasses import replace

from gateway.policy.decide import Decision, Policy
from gateway.policy.logic import UNDECIDED
from gateway.policy.readings import always, sometimes
from gateway.policy.scope import Query

__all__ = ["listed"]


def listed(policy: Policy, use: Query, principal: str) -> Decision:
    """Whether one of the subject's principals is shown it. `use` asks for its use, without arguments.

    The line is the one that lets it be used with some arguments; or the one that hides it, or denies all of its use.
    """
    scope, found = policy.scope(use, principal), policy.candidates(use, principal)
    questions = [asked for one in (use, *use.readings) for asked in (replace(one, action="list"), one)]
    barring = [
        (rule, policy.scope(one, principal)) for one in questions for rule in policy.candidates(one, principal).deny
    ]
    barred, scope_there = next(((rule, there) for rule, there in barring if always(rule, there)), (None, scope))
    if barred:
        undecided = barred.when is not None and barred.when.test(scope_there) is UNDECIDED
        return Decision("deny", barred.where, barred.why, principal, undecided)
    line = next((rule for rule in found.allow if sometimes(rule, scope)), None)
    if line:
        return Decision("allow", line.where, line.why, principal)
    why = found.wrong or f"no line allows {principal} to {use.action} {use.object}, whatever the arguments are"
    return Decision("deny", None, why, principal)
