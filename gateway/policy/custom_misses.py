"""Under a model of one's own: the allow lines that come nearest to a question that none allows. Pure.

What a matcher looks at only Casbin knows. So nothing is concluded from what a line says: each line is asked alone, as
it is, with one more `g` line, or in its own tenant; and only what makes the matcher match is told.
"""

from collections.abc import Iterator
from dataclasses import replace

from gateway.policy.decide import Policy
from gateway.policy.misses import MOST, SOMEBODY, Miss, failing, would_do
from gateway.policy.rows import Grant, Rule
from gateway.policy.scope import Query, Scope

__all__ = ["misses_under"]

_ASKED = 50  # lines; each is an engine of its own


def misses_under(policy: Policy, query: Query, scope: Scope) -> tuple[Miss, ...]:
    """Those that lack least."""
    found = [miss for rule in _near(policy, query, scope) if (miss := _miss(policy, rule, query, scope))]
    least = min((count for count, _ in found), default=0)
    return tuple(miss for count, miss in found if count == least)[:MOST]


def _near(policy: Policy, query: Query, scope: Scope) -> list[Rule]:
    """What can be about this tool; those that are most about it first."""
    server, _, name = query.object.partition("/")
    lines = [
        rule
        for rule in policy.rules
        if (rule.effect, rule.action) == ("allow", query.action)
        and (not rule.tool.server or rule.tool.matches(server, name))
        and not (rule.who.startswith(SOMEBODY) and rule.who != scope.principal)
    ]
    return sorted(lines, key=lambda rule: rule.tool.text.count("*"))[:_ASKED]


def _miss(policy: Policy, rule: Rule, query: Query, scope: Scope) -> tuple[int, Miss] | None:
    """How much it lacks, and what; None where that can't be told."""
    for lacks, change, there, asked in _lacks(policy, rule, query, scope):
        missing = [*([lacks] if lacks else []), *failing(rule, scope)]
        if not missing:  # it matches, and yet it is not what counts
            return None
        would = would_do(there, rule, asked, scope.principal, [change] if change else [])
        return len(missing), Miss(rule.where, rule.text, ", and ".join(missing), would)
    return None


def _lacks(policy: Policy, rule: Rule, query: Query, scope: Scope) -> Iterator[tuple[str, str, Policy, Query]]:
    """What else the matcher would have to see, and what would do: the first with which it matches. With the policy and
    the question that there are then.
    """
    principal, tenant = scope.principal, query.subject.tenant
    if policy.alone(rule).candidates(query, principal).allow:
        yield "", "", policy, query
    if rule.who not in (principal, "*", *scope.roles):
        for where, written in ((tenant, f", {tenant}"), ("*", "")):  # roles by tenant, and roles without
            grant = Grant("", 0, principal, rule.who, where)
            if policy.alone(rule, grant).candidates(query, principal).allow:
                line = f"the line `g, {principal}, {rule.who}{written}`"
                yield f"{principal} does not have {rule.who}", line, policy.granting(grant), query
    if rule.tenant not in ("*", tenant):
        there = replace(query, subject=replace(query.subject, tenant=rule.tenant))
        if policy.alone(rule).candidates(there, principal).allow:
            yield f"it is for tenant {rule.tenant}, not {tenant}", f"tenant {rule.tenant}", policy, there
