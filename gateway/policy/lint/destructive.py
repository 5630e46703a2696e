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
from gateway.policy.logic import Truth
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
    calls = [rule for rule in policy.rules if rule.action == "call"]
    lines = _Lines([tool for tool in catalogue.tools.values() if destroys(tool)], calls)
    for rule in calls:
        if rule.effect == "allow" and not rule.who.startswith("agent:"):  # those are ceilings: nobody gets in by them
            yield from _of_rule(rule, lines)


def _of_rule(rule: Rule, lines: "_Lines") -> Iterator[Problem]:
    if rule.when is not None and rule.when.mentions("args"):
        return
    free = [tool for tool in lines.tools_of(rule) if tool.path not in lines.stopped]
    bare = [tool for tool in free if tool.path not in lines.restricted]
    if rule.who == "*" and free:
        message = f"everybody may call {named_tools(free)}, which {_they(free, 'destroy')}, and nobody is asked"
        hint = "name who, or add a line that asks: `p, *, *, " + rule.tool.text + ", call, , ask, ...`"
        yield warning(rule, WHO, "everybody-destructive", message, hint)
    elif bare:
        message = f"{named_tools(bare)} {_they(bare, 'destroy')}, and no line asks or denies"
        hint = "add a line that asks a person, such as `p, *, *, */*, call, tool.destructive, ask, ...`"
        yield warning(rule, OBJECT, "unguarded-destructive", message, hint)


class _Lines:
    """Which destructive tools are `restricted` for somebody, and which for all (`stopped`), by their paths."""

    def __init__(self, tools: Sequence[Tool], calls: Sequence[Rule]) -> None:
        self._tools = tools
        self._matching: dict[str, list[Tool]] = {}
        self._answers: dict[tuple[str, str], frozenset[Truth]] = {}
        restrictions = [rule for rule in calls if rule.effect != "allow"]
        self.restricted = {tool.path for rule in restrictions for tool in self.tools_of(rule)}
        self.stopped = {tool.path for rule in restrictions for tool in self._stopped_by(rule)}

    def tools_of(self, rule: Rule) -> list[Tool]:
        """Those in whose calls the line can take part."""
        text = rule.tool.text
        if text not in self._matching:
            self._matching[text] = [tool for tool in self._tools if rule.tool.matches(tool.server, tool.name)]
        found = self._matching[text]
        return [tool for tool in found if True in self._counts(rule, tool)] if rule.when else found

    def _stopped_by(self, rule: Rule) -> list[Tool]:
        """Those of which it restricts every call."""
        if (rule.who, rule.tenant) != ("*", "*"):
            return []
        return [tool for tool in self.tools_of(rule) if self._counts(rule, tool) == {True}]

    def _counts(self, rule: Rule, tool: Tool) -> set[bool]:
        if rule.when is None:
            return {True}
        key = (rule.when.text, tool.path if rule.when.mentions("tool") else "")
        if key not in self._answers:
            self._answers[key] = outcomes(rule.when, _scope(tool), _OPEN)
        return {holds(rule.effect, answer) for answer in self._answers[key]}


def _they(tools: Sequence[Tool], verb: str) -> str:
    return f"{verb}s" if len(tools) == 1 else verb


def _scope(tool: Tool) -> Scope:
    query = Query(Subject("", ""), "call", tool.path, None, tool, RunFacts(), _NO_TIME)
    return Scope(query, "", frozenset())
