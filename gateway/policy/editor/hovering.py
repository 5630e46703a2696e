"""What stands under the cursor, in words (Markdown). Pure."""

from collections.abc import Callable, Mapping

from gateway.policy.editor.cursor import WHEN, Cursor, cursor_at, whole_word
from gateway.policy.editor.words import DUTY_WORDS, ORIGIN_WORDS, Words
from gateway.policy.functions import FUNCTIONS
from gateway.policy.rows import Grant, Obligation, Rule, parse_lines
from gateway.policy.scope import NAMES
from gateway.policy.wording import Action
from gateway.visible import shortened

__all__ = ["about"]

_SHOWN = 8  # tools, or members
_WIDTH = 120
_DOES: Mapping[Action, str] = {
    "call": "call the tool",
    "list": "see",
    "read": "read the resource",
    "get": "get the prompt",
    "subscribe": "subscribe to",
    "complete": "complete",
    "approve": "approve calls of",
    "admin": "administer",
}
_UNDECIDED = {
    "allow": "If that can't be decided (an argument is missing, or of another kind), the line does not grant.",
    "ask": "If that can't be decided (an argument is missing, or of another kind), the line asks.",
    "deny": "If that can't be decided (an argument is missing, or of another kind), the line denies.",
}


def about(line: str, offset: int, words: Words) -> str:
    """What the word, the cell or the line means; empty for what has nothing to say."""
    cursor = cursor_at(line, offset)
    if cursor.kind in ("p", "o") and cursor.index == WHEN and (said := _name(line, offset, cursor, words)):
        return said
    cell = _cell(line, cursor)
    if cursor.kind == "o" and cursor.index > WHEN and (duty := DUTY_WORDS.get(whole_word(line, offset)[1])):
        return _with_usage(duty)
    tell = _CELLS.get((cursor.kind, cursor.index))
    parts = [tell(cell, words) if tell else "", _line(line)]
    return "\n\n".join(part for part in parts if part)


def _cell(line: str, cursor: Cursor) -> str:
    """The whole of the cell: up to the next comma."""
    return line[cursor.start :].partition(",")[0].strip().strip('"')


def _line(line: str) -> str:
    rows, _ = parse_lines("", line)
    match rows:
        case [Rule() as rule]:
            return _rule(rule)
        case [Obligation() as obligation]:
            return _obligation(obligation)
        case [Grant() as grant]:
            where = "every tenant" if grant.tenant == "*" else f"tenant `{grant.tenant}`"
            return f"`{grant.member}` has `{grant.role}` in {where}."
    return ""


def _obligation(obligation: Obligation) -> str:
    who, does, when = _parts(obligation.rule)
    said = f"**duties**: when {who} may {does}{',' + when if when else ''}, the call keeps to `{obligation.duties}`."
    undecided = " If that can't be decided, the duties hold." if when else ""
    return f"{said} The line itself allows nothing.{undecided}"


def _parts(rule: Rule) -> tuple[str, str, str]:
    """Who, does what, and when, as parts of a sentence."""
    who = "everybody" if rule.who == "*" else f"`{rule.who}`"
    where = "" if rule.tenant == "*" else f" in tenant `{rule.tenant}`"
    does = f"{_DOES[rule.action]} `{rule.tool.text}`{where}"
    return who, does, f" when `{rule.when.text}`" if rule.when else ""


def _rule(rule: Rule) -> str:
    who, does, when = _parts(rule)
    said = {
        "allow": f"**allow**: {who} may {does}{when}.",
        "ask": f"**ask**: when {who} would {does}, a person must agree first{',' + when if when else ''}.",
        "deny": f"**deny**: {who} may not {does}{when}, whatever other lines say.",
    }[rule.effect]
    return said + (f" {_UNDECIDED[rule.effect]}" if rule.when else "")


def _name(line: str, offset: int, cursor: Cursor, words: Words) -> str:
    """A name or a function of the condition language."""
    _, word = whole_word(line, offset)
    root, _, rest = word.partition(".")
    if word in ORIGIN_WORDS:
        return _with_usage(ORIGIN_WORDS[word])
    if word in FUNCTIONS:
        return f"`{FUNCTIONS[word].usage}` gives a {FUNCTIONS[word].gives}."
    if root == "args" and rest:
        name = rest.partition(".")[0]
        known = words.arguments(cursor.before[3])
        return f"`args.{name}` {shortened(known[name], _WIDTH)}" if name in known else ""
    kind, _ = NAMES.get(root, {}).get(rest, ("", None))
    return f"`{word}` is a {kind}." if kind else ""


def _with_usage(text: str) -> str:
    """`usage`: what it does."""
    usage, _, does = text.partition(": ")
    return f"`{usage}`: {does}."


def _who(cell: str, words: Words) -> str:
    members = words.members.get(cell, ())
    return f"`{cell}`: {_few(members)}" if members else ""


def _tools(cell: str, words: Words) -> str:
    tools = words.matching(cell) if "/" in cell else []
    told = [f"- `{tool.path}` {shortened(tool.description, _WIDTH)}".rstrip() for tool in tools[:_SHOWN]]
    more = [f"- and {len(tools) - _SHOWN} more"] if len(tools) > _SHOWN else []
    return "\n".join([*told, *more])


def _few(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


_CELLS: Mapping[tuple[str, int], Callable[[str, Words], str]] = {
    ("p", 1): _who,
    ("p", 3): _tools,
    ("o", 1): _who,
    ("o", 3): _tools,
    ("g", 1): _who,
    ("g", 2): _who,
}
