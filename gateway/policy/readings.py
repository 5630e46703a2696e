"""What a line says while not everything is known: in a list, the same for all arguments and for all runs. Pure.

A list must show what some call could get, and a call must never get what no list showed. So an `allow` line counts if
it holds for some arguments, a `deny` line only if it holds for all.
"""

from gateway.policy.condition import Condition, holds
from gateway.policy.logic import UNDECIDED
from gateway.policy.rows import Rule
from gateway.policy.scope import Scope

__all__ = ["always", "depends_on_time", "sometimes"]


def always(rule: Rule, scope: Scope | None) -> bool:
    """Whether the rule takes part whatever the arguments are, and whatever the run has done, as far as `scope` does not
    say. `scope` None: the rule has no condition.
    """
    if rule.when is None or scope is None:
        return True
    answer = rule.when.test(scope)
    if answer is not UNDECIDED:
        return holds(rule.effect, answer)
    return _settled(rule.when, scope) and rule.effect != "allow"


def sometimes(rule: Rule, scope: Scope | None) -> bool:
    """Whether the rule takes part for some arguments and runs, as far as can be known without them."""
    if rule.when is None or scope is None:
        return True
    answer = rule.when.test(scope)
    if answer is not UNDECIDED:
        return holds(rule.effect, answer)
    return not _settled(rule.when, scope) or rule.effect != "allow"


def depends_on_time(when: Condition) -> bool:
    """Whether time alone may change its answer."""
    return when.mentions("now") or when.mentions("subject.auth_age")


def _settled(when: Condition, scope: Scope) -> bool:
    """Whether no arguments change anything, nor another run, where the question is about none in particular."""
    return not (when.mentions("args") or (not scope.query.run.known and when.mentions("run")))
