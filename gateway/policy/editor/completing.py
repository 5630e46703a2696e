"""What could be written where the cursor stands. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.policy.editor.cursor import WHEN, Cursor, cursor_at
from gateway.policy.editor.words import DUTY_WORDS, ORIGIN_WORDS, Words
from gateway.policy.functions import FUNCTIONS
from gateway.policy.scope import NAMES, ROOTS
from gateway.policy.wording import ACTIONS, EFFECTS
from gateway.visible import shortened

__all__ = ["Suggestion", "suggestions"]

_PARTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*$|$")
_KEYWORDS = ("and", "or", "not", "in", "true", "false", "null")
_KINDS = {"p": "who may use which tool, and how", "o": "what an allowed call keeps to", "g": "who has which role"}
_DUTIES = 6  # the column that holds the duties of an `o` line
_OBLIGED = ("call", "read", "get")
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
        return _all(cursor, _KINDS)
    if cursor.kind in ("p", "o") and cursor.index == WHEN:
        return list(_in_condition(cursor, words))
    if cursor.kind == "o" and cursor.index == _DUTIES:
        return list(_in_duties(cursor))
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
_Find = Callable[[Words], Mapping[str, str]]
_WHOM: Mapping[int, _Find] = {
    1: lambda words: {"*": "everybody"} | {who: ", ".join(words.members.get(who, ())) for who in words.whos},
    2: lambda words: {"*": "every tenant"} | _plain(words.tenants),
    3: _tools,
}
_CELLS: Mapping[tuple[str, int], _Find] = {
    **{(kind, cell): find for kind in ("p", "o") for cell, find in _WHOM.items()},
    ("o", 4): lambda _: _plain(_OBLIGED),
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


def _in_duties(cursor: Cursor) -> Iterator[Suggestion]:
    """The names of duties that are not there yet, or what is no field in `redact`."""
    before, _, piece = cursor.text.rpartition(";")
    name, equals, value = piece.partition("=")
    start = cursor.start + len(cursor.text)
    if not equals:
        taken = {each.partition("=")[0].strip() for each in before.split(";")}
        start -= len(name.lstrip())
        for duty, about in DUTY_WORDS.items():
            if duty not in taken:
                yield Suggestion(duty if duty == "dry_run" else f"{duty}=", start, shortened(about, _WIDTH))
    elif name.strip() == "redact":
        last = re.split(r"\s", value)[-1]
        yield Suggestion("@secrets", start - len(last), "what has the form of a secret")


def _openers() -> dict[str, str]:
    roots = {root: f"{root}.…" for root in ROOTS}
    functions = {f"{name}(": function.usage for name, function in FUNCTIONS.items()}
    origins = {f"{name}(": about for name, about in ORIGIN_WORDS.items()}
    return roots | functions | origins | {"has(": "has(args.name)"} | _plain(_KEYWORDS)
