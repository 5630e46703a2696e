"""Lines against the tools that there are: patterns that match none, arguments that none takes. Pure.

An `ask` or `deny` line whose condition looks at an argument that a tool lacks always restricts that tool, which is safe
and often not what was meant.
"""

from collections.abc import Iterator, Mapping, Sequence

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.errors import Problem
from gateway.policy.decide import Policy
from gateway.policy.globs import is_wild
from gateway.policy.lint.finding import CONDITION, OBJECT, warning
from gateway.policy.lint.kinds import mismatches
from gateway.policy.lint.schemas import Place, Places
from gateway.policy.lint.uses import Use, uses
from gateway.policy.rows import Rule
from gateway.wording import did_you_mean

__all__ = ["against", "named_tools"]

_CALLS = ("call", "list", "approve")  # the actions whose objects are tools
_NAMED = 3  # tools that a message names


def against(policy: Policy, catalogue: Catalogue) -> Iterator[Problem]:
    """Everything that does not fit to the tools."""
    strange = _of_strange_servers(policy, catalogue)
    yield from (_strange(server, rules) for server, rules in strange.items())
    grouped = {id(rule) for rules in strange.values() for rule in rules}
    matching = _Matching(catalogue)
    for rule in policy.lines:
        if id(rule) not in grouped and rule.action in _CALLS:
            yield from _of_rule(rule, matching)


def named_tools(tools: Sequence[Tool]) -> str:
    """`shop/order, shop/refund, ...`"""
    return ", ".join(tool.path for tool in tools[:_NAMED]) + (", ..." if len(tools) > _NAMED else "")


class _Matching:
    """The tools of each pattern, found once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.places = Places()
        self._found: dict[str, Sequence[Tool]] = {}

    def of(self, rule: Rule) -> Sequence[Tool]:
        if rule.tool.text not in self._found:
            self._found[rule.tool.text] = [
                tool for tool in self.catalogue.tools.values() if rule.tool.matches(tool.server, tool.name)
            ]
        return self._found[rule.tool.text]


# ---- patterns


def _of_strange_servers(policy: Policy, catalogue: Catalogue) -> Mapping[str, Sequence[Rule]]:
    """The lines about each server that is not there, where several are: a line for each would hide the rest."""
    there = {tool.server for tool in catalogue.tools.values()} | catalogue.missing.keys()
    found: dict[str, list[Rule]] = {}
    for rule in policy.lines:
        server = rule.tool.text.partition("/")[0]
        if rule.action in _CALLS and not is_wild(server) and server not in there:
            found.setdefault(server, []).append(rule)
    return {server: rules for server, rules in found.items() if len(rules) > 1}


def _strange(server: str, rules: Sequence[Rule]) -> Problem:
    message = f"{len(rules)} lines are about `{server}`, which is not connected"
    hint = "take the lines out, or connect the server in .mcp.json"
    return warning(rules[0], OBJECT, "unknown-server", message, hint)


def _of_rule(rule: Rule, known: _Matching) -> Iterator[Problem]:
    matching, catalogue = known.of(rule), known.catalogue
    if matching:
        yield from _arguments(rule, matching, known.places)
        yield from mismatches(rule, matching, known.places)
        return
    if any(rule.tool.matches_server(server) for server in catalogue.missing):
        return  # nobody knows what they offer
    offers = [*catalogue.prompts.values(), *catalogue.resources.values(), *(offer for _, offer in catalogue.templates)]
    if rule.effect != "allow" and is_wild(rule.tool.server) and is_wild(rule.tool.text.partition("/")[2]):
        return  # a precaution, whichever server comes
    if rule.action != "call" and any(rule.tool.matches(offer.server, offer.name) for offer in offers):
        return  # hidden, or approved: not only tools are
    yield warning(rule, OBJECT, "unknown-tool", f"`{rule.tool.text}` matches no tool", _tool_hint(rule, catalogue))


def _tool_hint(rule: Rule, catalogue: Catalogue) -> str:
    if is_wild(rule.tool.text):
        return "take the line out, or connect the server"
    return did_you_mean(rule.tool.text, catalogue.tools)


# ---- arguments


def _arguments(rule: Rule, matching: Sequence[Tool], known: Places) -> Iterator[Problem]:
    """Each argument once: that no tool takes it, or that some do not and are restricted for it."""
    found = uses(rule.when) if rule.when else ()
    guarded = {use.steps for use in found if use.guard}
    seen: set[tuple[str | int, ...]] = set()
    for use in found:
        if use.steps in seen or not use.steps:
            continue
        seen.add(use.steps)
        places = [(tool, known.of(tool, use.steps)) for tool in matching]
        yield from _of_use(rule, use, places, guarded=use.steps in guarded)


def _of_use(rule: Rule, use: Use, places: Sequence[tuple[Tool, Place]], *, guarded: bool) -> Iterator[Problem]:
    lacking = [tool for tool, place in places if place.absent]
    named = use.text.removeprefix("args.")
    if len(lacking) == len(places):
        hint = did_you_mean(str(places[0][1].lacks), _siblings(place for _, place in places))
        message = f"no tool that `{rule.tool.text}` matches has the argument `{named}`"
        yield warning(rule, (CONDITION, use.text), "unknown-argument", message, hint)
    elif lacking and rule.effect != "allow" and not guarded:
        hint = f"write `has({use.text}) and ...` if they should be free"
        message = f"{named_tools(lacking)} has no argument `{named}`, so this line always restricts it"
        yield warning(rule, (CONDITION, use.text), "unknown-argument", message, hint)


def _siblings(places: Iterator[Place]) -> set[str]:
    return {name for place in places for name in place.siblings}
