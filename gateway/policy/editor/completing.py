"""What could be written where the cursor stands. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.policy.editor.cursor import WHEN, Cursor, cursor_at
from gateway.policy.editor.words import Words
from gateway.policy.functions import FUNCTIONS
from gateway.policy.scope import NAMES, ROOTS
from gateway.policy.wording import ACTIONS, EFFECTS
from gateway.visible import shortened

__all__ = ["Suggestion", "suggestions"]

_PARTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*$|$")
_KEYWORDS = ("and", "or", "not", "in", "true", "false", "null")
_WIDTH = 100  # characters of what is said beside a suggestion


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` takes the place of what stands from the offset `start` up to the cursor. `about` says what it is."""

    text: str
    start: int
    about: str = ""


def suggestions(line: str, offset: int, words: Words) -> list[Suggestion]:
    """All that fits this cell; the editor leaves out what does not begin as it is written."""
    cursor = cursor_at(line, offset)
    if line.lstrip().startswith("#"):
        return []
    if cursor.index == 0:
        return _all(cursor, {"p": "who may use which tool, and how", "g": "who has which role"})
    if cursor.kind == "p" and cursor.index == WHEN:
        return list(_in_condition(cursor, words))
    find = _CELLS.get((cursor.kind, cursor.index))
    return _all(cursor, find(words)) if find else []


def _all(cursor: Cursor, found: Mapping[str, str]) -> list[Suggestion]:
    return [Suggestion(text, cursor.start, shortened(about, _WIDTH)) for text, about in found.items()]


def _plain(texts: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(texts, "")


def _tools(words: Words) -> dict[str, str]:
    servers = dict.fromkeys(tool.server for tool in words.tools.values())
    patterns = {"*/*": "every tool of every server"} | {f"{name}/*": f"every tool of {name}" for name in servers}
    return patterns | {path: tool.description for path, tool in words.tools.items()}


_EFFECTS: Mapping[str, str] = dict(
    zip(
        EFFECTS,
        ("grants", "restricts: a person must agree first", "restricts: never, whatever others say"),
        strict=True,
    )
)
_CELLS: Mapping[tuple[str, int], Callable[[Words], Mapping[str, str]]] = {
    ("p", 1): lambda words: {"*": "everybody"} | {who: ", ".join(words.members.get(who, ())) for who in words.whos},
    ("p", 2): lambda words: {"*": "every tenant"} | _plain(words.tenants),
    ("p", 3): _tools,
    ("p", 4): lambda _: _plain(ACTIONS),
    ("p", 6): lambda _: _EFFECTS,
    ("g", 1): lambda words: _plain(words.whos),
    ("g", 2): lambda words: _plain(words.groups),
    ("g", 3): lambda words: {"*": "every tenant"} | _plain(words.tenants),
}


def _in_condition(cursor: Cursor, words: Words) -> Iterator[Suggestion]:
    if cursor.text.count("'") % 2:
        return  # within a string
    found = _PARTIAL.search(cursor.text)
    partial = found[0] if found else ""
    root, dot, _ = partial.partition(".")
    start = cursor.start + len(cursor.text) - len(partial)
    if not dot:
        yield from (Suggestion(text, start, about) for text, about in _openers().items())
        return
    last = start + partial.rfind(".") + 1
    known = (
        words.arguments(cursor.before[3])
        if root == "args"
        else {n: kind for n, (kind, _) in NAMES.get(root, {}).items()}
    )
    yield from (Suggestion(name, last, shortened(about, _WIDTH)) for name, about in known.items())


def _openers() -> dict[str, str]:
    roots = {root: f"{root}.…" for root in ROOTS}
    functions = {f"{name}(": function.usage for name, function in FUNCTIONS.items()}
    return roots | functions | {"has(": "has(args.name)"} | _plain(_KEYWORDS)
