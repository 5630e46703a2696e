"""Lines that let somebody destroy things, and no line stands in between. Pure.

A tool counts as destructive here if it says so itself, whoever its server is; or if it says nothing of the kind, and
its name begins with a word that destroys.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from gateway.call import Subject, Tool
from gateway.catalogue import Catalogue
from gateway.errors import Problem
from gateway.policy.condition import holds
from gateway.policy.decide import Policy
from gateway.policy.lint.finding import OBJECT, WHO, warning
from gateway.policy.lint.tools import named_tools
from gateway.policy.outcomes import outcomes
from gateway.policy.rows import Rule
from gateway.policy.scope import ROOTS, Query, RunFacts, Scope

__all__ = ["destroys", "unguarded"]

_DESTROYS = re.compile(r"(?:delete|remove|drop|destroy|purge|wipe|erase|truncate|revoke)(?:[_.-]|[A-Z]|$)")
_NO_TIME = datetime(2026, 1, 7, tzinfo=UTC)  # what conditions say of it stays open
_OPEN = frozenset(ROOTS) - {"tool"}


def destroys(tool: Tool) -> bool:
    """By its own word, or by its name."""
    said = tool.definition.get("annotations")
    hints: Mapping[str, object] = said if isinstance(said, Mapping) else {}
    if hints.get("readOnlyHint") is True or hints.get("destructiveHint") is False:
        return False
    return hints.get("destructiveHint") is True or _DESTROYS.match(tool.name) is not None


def unguarded(policy: Policy, catalogue: Catalogue) -> Iterator[Problem]:
    """Lines that allow to call destructive tools: for everybody and unasked; or where no line at all restricts them."""
    tools = [tool for tool in catalogue.tools.values() if destroys(tool)]
    calls = [rule for rule in policy.rules if rule.action == "call"]
    held = {tool.path: [rule for rule in calls if rule.effect != "allow" and _about(rule, tool)] for tool in tools}
    for rule in calls:
        if rule.effect == "allow" and not rule.who.startswith("agent:"):  # those are ceilings: nobody gets in by them
            yield from _of_rule(rule, [tool for tool in tools if _about(rule, tool)], held)


def _of_rule(rule: Rule, tools: Sequence[Tool], held: Mapping[str, Sequence[Rule]]) -> Iterator[Problem]:
    free = [tool for tool in tools if not any(_stops_all(no, tool) for no in held[tool.path])]
    if rule.who == "*" and free and not _on_arguments(rule):
        message = f"everybody may call {named_tools(free)}, which destroys, and nobody is asked"
        hint = "name who, or add a line that asks: `p, *, *, " + rule.tool.text + ", call, , ask, ...`"
        yield warning(rule, WHO, "everybody-destructive", message, hint)
        return
    bare = [tool for tool in free if not held[tool.path]]
    if bare and not _on_arguments(rule):
        message = f"{named_tools(bare)} destroys, and no line asks or denies"
        hint = "add a line that asks a person, such as `p, *, *, */*, call, tool.destructive, ask, ...`"
        yield warning(rule, OBJECT, "unguarded-destructive", message, hint)


def _on_arguments(rule: Rule) -> bool:
    return rule.when is not None and rule.when.mentions("args")


def _about(rule: Rule, tool: Tool) -> bool:
    """Whether the line can take part in a call of this tool."""
    if not rule.tool.matches(tool.server, tool.name):
        return False
    return rule.when is None or any(holds(rule.effect, answer) for answer in outcomes(rule.when, _scope(tool), _OPEN))


def _stops_all(rule: Rule, tool: Tool) -> bool:
    if (rule.who, rule.tenant) != ("*", "*"):
        return False
    return rule.when is None or all(holds(rule.effect, answer) for answer in outcomes(rule.when, _scope(tool), _OPEN))


def _scope(tool: Tool) -> Scope:
    query = Query(Subject("", ""), "call", tool.path, None, tool, RunFacts(), _NO_TIME)
    return Scope(query, "", frozenset())
