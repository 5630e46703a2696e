"""The allow lines that come nearest to a question that none allows, and what each lacks. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.policy.condition import Part
from gateway.policy.decide import Policy
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.rows import Rule
from gateway.policy.saw import saw
from gateway.policy.scope import Query, Scope
from gateway.policy.ways import nearest

__all__ = ["MOST", "SOMEBODY", "Miss", "failing", "misses", "values"]

MOST = 3
SOMEBODY = ("user:", "agent:")


@dataclass(frozen=True, slots=True)
class Miss:
    """An allow line that does not, and what keeps it from it: `user:eve does not have role:support`, say.

    `change` is what would do: a `g` line, another value; empty where none was found.
    """

    rule: str
    text: str
    missing: str
    change: str


def misses(policy: Policy, query: Query, scope: Scope) -> tuple[Miss, ...]:
    """Those that lack least; those that are most about this tool first."""
    found = [
        (len(missing), rule, missing) for rule in policy.rules if (missing := _missing(policy, rule, query, scope))
    ]
    least = min((count for count, _, _ in found), default=0)
    near = sorted((one for one in found if one[0] == least), key=lambda one: one[1].tool.text.count("*"))
    return tuple(
        Miss(rule.where, rule.text, ", and ".join(missing), _change(rule, query, scope))
        for _, rule, missing in near[:MOST]
    )


def _missing(policy: Policy, rule: Rule, query: Query, scope: Scope) -> list[str]:
    """What keeps an allow line from granting; empty for lines that are about something else."""
    server, _, name = query.object.partition("/")
    if (rule.effect, rule.action) != ("allow", query.action) or not rule.tool.matches(server, name):
        return []
    if rule.who.startswith(SOMEBODY) and rule.who != scope.principal:
        return []  # nobody becomes another user or agent
    missing = []
    if _is_without(rule, scope):
        missing.append(_without(policy, rule.who, query, scope))
    if rule.tenant not in ("*", query.subject.tenant):
        missing.append(f"it is for tenant {rule.tenant}, not {query.subject.tenant}")
    return missing + list(failing(rule, scope))


def _is_without(rule: Rule, scope: Scope) -> bool:
    return rule.who not in ("*", scope.principal) and rule.who not in scope.roles


def _without(policy: Policy, role: str, query: Query, scope: Scope) -> str:
    tenants = [tenant for tenant in sorted(policy.roles.grants) if policy.roles.path(scope.principal, role, tenant)]
    if tenants:
        return f"{scope.principal} has {role} only in tenant {', '.join(tenants)}, not in {query.subject.tenant}"
    return f"{scope.principal} does not have {role}"


def failing(rule: Rule, scope: Scope) -> Iterator[str]:
    """The parts of its condition that don't hold, and what they saw."""
    for part in rule.when.parts if rule.when else ():
        answer = part.test(scope)
        if answer is not True:
            yield _unmet(part, answer, scope)


def _unmet(part: Part, answer: Truth, scope: Scope) -> str:
    values = ", ".join(f"{name} is {value}" for name, value in saw(part.paths, scope))
    if part.text in [path.text for path in part.paths]:
        return values  # `tool.read_only is false` says all
    verdict = "can't be decided" if answer is UNDECIDED else "does not hold"
    return f"`{part.text}` {verdict}" + (f" ({values})" if values else "")


# ---- what would do


def _change(rule: Rule, query: Query, scope: Scope) -> str:
    changes = []
    if _is_without(rule, scope):
        tenant = query.subject.tenant if rule.tenant == "*" else rule.tenant
        changes.append(f"the line `g, {scope.principal}, {rule.who}, {tenant}`")
    if rule.tenant not in ("*", query.subject.tenant):
        changes.append(f"tenant {rule.tenant}")
    found = values(rule, query, scope)
    return "" if found is None else " and ".join([*changes, *found])


def values(rule: Rule, query: Query, scope: Scope) -> list[str] | None:
    """With which its condition holds; None: none were found."""
    unmet = [part for part in rule.when.parts if part.test(scope) is not True] if rule.when else []
    said = [text for part in unmet if (text := _of_tool(part))]
    rest = [part for part in unmet if not _of_tool(part)]
    if not rest:
        return said

    def holds(changed: Query) -> bool:
        there = Scope(changed, scope.principal, scope.roles)
        return all(part.test(there) is True for part in rest)

    found = nearest([part.text for part in rest], replace(query, args=query.args or {}), holds)
    return [*said, found.text] if found else None


def _of_tool(part: Part) -> str:
    """What a part that is nothing but `tool.read_only`, or `not tool.read_only`, needs of the tool."""
    if len(part.paths) != 1 or part.paths[0].root != "tool":
        return ""
    name = part.paths[0].text
    return {name: f"{name} = true", f"not {name}": f"{name} = false"}.get(part.text, "")
