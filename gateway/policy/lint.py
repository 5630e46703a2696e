"""What is doubtful about policy files that can be read: findings for `toolgate policy check`.

Without servers: everybody may do everything, lines that can never decide, conditions that are always the same. With a
catalogue of the servers' tools: patterns that match no tool, and arguments that the matching tools do not take. An
`ask` or `deny` line whose condition looks at an argument that a tool lacks always restricts that tool, which is safe
and often not what was meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.errors import PolicyError, Problem
from gateway.policy.bounds import only_bounded_above
from gateway.policy.decide import Policy
from gateway.policy.files import writable_by_all
from gateway.policy.globs import is_wild
from gateway.policy.load import load
from gateway.policy.rows import Rule
from gateway.wording import did_you_mean

__all__ = ["check", "findings"]

_CALLS = ("call", "list", "approve")  # the actions whose objects are tools
_NAMED = 3  # tools that a message names


def check(model: str | Path, policy: str | Path, catalogue: Catalogue | None = None) -> list[Problem]:
    """Every error if the files can't be used; else every warning. Never raises for what the files say."""
    try:
        found = load(model, policy)
    except PolicyError as error:
        return list(error.problems)
    open_files = [problem for path in (model, policy) for problem in writable_by_all(Path(path))]
    return sorted([*found.warnings, *open_files, *findings(found, catalogue)], key=_place)


def findings(policy: Policy, catalogue: Catalogue | None = None) -> list[Problem]:
    """The lints alone. Pure."""
    found = [*_for_everybody(policy), *_constant(policy), *_negative(policy), *_never_decides(policy)]
    if catalogue is not None:
        strange = _of_strange_servers(policy, catalogue)
        found += [_strange(server, rules) for server, rules in strange.items()]
        grouped = [rule for rules in strange.values() for rule in rules]
        for rule in policy.rules:
            found += [] if rule in grouped else _against(rule, catalogue)
    return found


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def _warning(rule: Rule, cell: int, message: str, hint: str = "") -> Problem:
    column = rule.columns[cell] if cell < len(rule.columns) else 1
    return Problem(rule.file, rule.line, column, message, hint, "warning")


def _for_everybody(policy: Policy) -> Iterator[Problem]:
    for rule in policy.rules:
        if rule.effect == "allow" and rule.who == "*" and rule.when is None and rule.tool.text.endswith("/*"):
            hint = "name who, or add a condition such as `tool.read_only and tool.trusted`"
            yield _warning(rule, 1, f"everybody may {rule.action} {rule.tool.text}", hint)


def _constant(policy: Policy) -> Iterator[Problem]:
    for rule in policy.rules:
        if rule.when and not rule.when.paths:
            yield _warning(rule, 5, f"the condition `{rule.when.text}` looks at nothing: it is always the same")


def _negative(policy: Policy) -> Iterator[Problem]:
    """Who may pay back up to 100 may pay back -5000: to a shop that is a sale without goods."""
    for rule in policy.rules:
        for path in only_bounded_above(rule.when) if rule.when and rule.effect == "allow" else ():
            message = f"`{path}` has a highest value and no lowest: this line also allows negative numbers"
            yield _warning(rule, 5, message, f"write `0 <= {path} <= ...`, if they are not meant")


def _never_decides(policy: Policy) -> Iterator[Problem]:
    """Lines below a line that denies, or asks for, everything that they match; and the same line made narrower."""
    absolute = [rule for rule in policy.rules if rule.when is None]
    for rule in policy.rules:
        over = next((other for other in absolute if other is not rule and _overrules(other, rule)), None)
        if over:
            verb = {"allow": "allows", "ask": "asks for", "deny": "denies"}[over.effect]
            message = f"this line never changes anything: {over.where} {verb} everything that it matches"
            yield _warning(rule, 1, message, "delete it, or narrow the other")


def _overrules(over: Rule, rule: Rule) -> bool:
    stricter = over.effect in (rule.effect, "deny")
    wider = over.who in ("*", rule.who) and over.tenant in ("*", rule.tenant) and over.tool.covers(rule.tool)
    return stricter and wider and over.action == rule.action and over.key != rule.key


# ---- against the servers' tools ----


def _of_strange_servers(policy: Policy, catalogue: Catalogue) -> Mapping[str, Sequence[Rule]]:
    """The lines about each server that is not there, where several are: a line for each would hide the rest."""
    there = {tool.server for tool in catalogue.tools.values()} | catalogue.missing.keys()
    found: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        server = rule.tool.text.partition("/")[0]
        if rule.action in _CALLS and not is_wild(server) and server not in there:
            found.setdefault(server, []).append(rule)
    return {server: rules for server, rules in found.items() if len(rules) > 1}


def _strange(server: str, rules: Sequence[Rule]) -> Problem:
    message = f"{len(rules)} lines are about `{server}`, which is not connected"
    return _warning(rules[0], 3, message, "take the lines out, or connect the server in .mcp.json")


def _against(rule: Rule, catalogue: Catalogue) -> list[Problem]:
    if rule.action not in _CALLS:
        return []
    matching = [tool for tool in catalogue.tools.values() if rule.tool.matches(tool.server, tool.name)]
    if matching:
        return list(_arguments(rule, matching))
    if any(rule.tool.matches_server(server) for server in catalogue.missing):
        return []  # nobody knows what they offer
    offers = [*catalogue.prompts.values(), *catalogue.resources.values(), *(offer for _, offer in catalogue.templates)]
    if rule.action != "call" and any(rule.tool.matches(offer.server, offer.name) for offer in offers):
        return []  # hidden, or approved: not only tools are
    return [_warning(rule, 3, f"`{rule.tool.text}` matches no tool", _tool_hint(rule, catalogue))]


def _tool_hint(rule: Rule, catalogue: Catalogue) -> str:
    if is_wild(rule.tool.text):
        return "take the line out, or connect the server"
    return did_you_mean(rule.tool.text, catalogue.tools)


def _arguments(rule: Rule, matching: Sequence[Tool]) -> Iterator[Problem]:
    """Each argument once: that no tool takes it, or that some do not and are restricted for it."""
    paths = rule.when.paths if rule.when else ()
    guarded = {path.key for path in paths if path.guarded}
    for key in dict.fromkeys(path.key for path in paths if path.key):
        lacking = [tool for tool in matching if not _takes(tool, key)]
        if len(lacking) == len(matching):
            known = {name for tool in matching for name in _properties(tool)}
            yield _warning(
                rule, 5, f"no tool that `{rule.tool.text}` matches has the argument `{key}`", did_you_mean(key, known)
            )
        elif lacking and rule.effect != "allow" and key not in guarded:
            some = ", ".join(tool.path for tool in lacking[:_NAMED]) + (", ..." if len(lacking) > _NAMED else "")
            hint = f"write `has(args.{key}) and ...` if they should be free"
            yield _warning(rule, 5, f"{some} has no argument `{key}`, so this line always restricts it", hint)


def _properties(tool: Tool) -> Sequence[str]:
    found = tool.input_schema.get("properties")
    return list(found) if isinstance(found, dict) else []


def _takes(tool: Tool, key: str) -> bool:
    """Whether the schema names the argument, or does not name its arguments at all."""
    properties = _properties(tool)
    return key in properties or (not properties and tool.input_schema.get("additionalProperties") is not False)
