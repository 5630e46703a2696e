"""The allow lines that come nearest to a question that none allows, and what each lacks. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.call import Tool
from gateway.offer import Offer
from gateway.policy.condition import Part
from gateway.policy.decide import Policy
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.rows import Grant, Rule
from gateway.policy.saw import saw
from gateway.policy.scope import Query, Scope
from gateway.policy.ways import nearest

__all__ = ["MOST", "SOMEBODY", "Miss", "failing", "misses", "would_do"]

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
        Miss(rule.where, rule.text, ", and ".join(missing), _change(policy, rule, query, scope))
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


def _change(policy: Policy, rule: Rule, query: Query, scope: Scope) -> str:
    said, there = [], policy
    if _is_without(rule, scope):
        tenant = query.subject.tenant if rule.tenant == "*" else rule.tenant
        said.append(f"the line `g, {scope.principal}, {rule.who}, {tenant}`")
        there = policy.granting(Grant("", 0, scope.principal, rule.who, tenant))
    if rule.tenant not in ("*", query.subject.tenant):
        said.append(f"tenant {rule.tenant}")
        query = replace(query, subject=replace(query.subject, tenant=rule.tenant))
    return would_do(there, rule, query, scope.principal, said)


def would_do(policy: Policy, rule: Rule, query: Query, principal: str, said: Sequence[str]) -> str:
    """What is `said` to be other already, and values with which this line allows it and none denies it: each of them is
    put to the policy. Empty: none were found.
    """

    def permits(asked: Query) -> bool:
        permitted = policy.judge(asked, principal).effect != "deny"
        return permitted and rule.where in policy.counting(asked, principal)

    scope = policy.scope(query, principal)
    unmet = [part for part in rule.when.parts if part.test(scope) is not True] if rule.when else []
    hints = dict(hint for part in unmet if (hint := _of_tool(part)))
    asked, said = _with_hints(query, hints), [*said, *_hints_said(query, hints)]
    if permits(asked):
        return " and ".join(said)
    asked = replace(asked, args=asked.args or {})
    candidates = policy.candidates(asked, principal)
    lines = (*candidates.allow, *candidates.ask, *candidates.deny)
    of_all = [line.when.text for line in lines if line.when]
    for conditions in ([part.text for part in unmet if not _of_tool(part)], of_all):
        if found := nearest(conditions, asked, permits):
            return " and ".join([*said, found.text])
    return ""


# What a tool that is not trusted is taken for (`Tool`), and the hint that says otherwise.
_HINTS = {
    "read_only": ("readOnlyHint", False),
    "destructive": ("destructiveHint", True),
    "idempotent": ("idempotentHint", False),
    "open_world": ("openWorldHint", True),
}


def _of_tool(part: Part) -> tuple[str, bool] | None:
    """What a part that is nothing but `tool.read_only`, or `not tool.read_only`, needs of the tool."""
    name = part.paths[0].text.removeprefix("tool.") if len(part.paths) == 1 else ""
    if name != "trusted" and name not in _HINTS:
        return None
    return {f"tool.{name}": (name, True), f"not tool.{name}": (name, False)}.get(part.text)


def _hints_said(query: Query, hints: Mapping[str, bool]) -> list[str]:
    wanted = hints if _is_believed(query, hints) else {**hints, "trusted": True}
    return [f"tool.{name} = {str(value).lower()}" for name, value in wanted.items()]


def _is_believed(query: Query, hints: Mapping[str, bool]) -> bool:
    """Whether nothing is said of the tool that is only believed of one that is trusted."""
    known = query.tool is None or query.tool.trusted or "trusted" in hints
    return known or all(_HINTS[name][1] is value for name, value in hints.items())


def _with_hints(query: Query, hints: Mapping[str, bool]) -> Query:
    """The same question about a tool of which this is so, as far as it can be."""
    thing = query.tool
    if not hints or (isinstance(thing, Offer) and "trusted" not in hints):
        return query
    trusted = hints.get("trusted", True)
    if isinstance(thing, Offer):
        return replace(query, tool=replace(thing, trusted=trusted))
    server, _, name = query.object.partition("/")
    tool = thing or Tool(server, name, {"name": name}, "")
    told = tool.definition.get("annotations")
    notes = {_HINTS[name][0]: value for name, value in hints.items() if name in _HINTS}
    definition = {**tool.definition, "annotations": {**(told if isinstance(told, Mapping) else {}), **notes}}
    believed = trusted if "trusted" in hints or not _is_believed(query, hints) else tool.trusted or thing is None
    return replace(query, tool=Tool(tool.server, tool.name, definition, tool.pin, believed))
