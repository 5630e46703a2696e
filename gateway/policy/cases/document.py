"""`tests.toml`: a case a table, for arguments that are long, and facts that many cases share. Pure.

    [defaults]                       # counts for every case that does not say it itself
    tenant = "acme"
    with = "trusted not_open_world"

    [[case]]
    name = "large refunds"
    who = "user:ann via agent:support"
    tool = "shop/refund"
    args = { order_id = "o1", amount = 900 }
    with = { calls = 3, tainted = true }     # or "calls=3 tainted", or a list of such words
    expect = "deny"
    why = "above 100"

The keys are the columns of `tests.csv`, with the same meaning. What `with` says of a case stands on top of what it says
of all. `args` is a table, or JSON as text (TOML has no null).
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.config.documents import toml_document
from gateway.config.places import Document, KeyPath, Place
from gateway.errors import ConfigError, PolicyError, Problem
from gateway.policy.cases.case import KEYS, Case, Said, Wrong, case_of
from gateway.wording import did_you_mean

__all__ = ["parse_document"]

_START = re.compile(r"\s*\[\[\s*case\s*\]\]")
_TABLES = ("defaults", "case")
_DEFAULTS = tuple(key for key in KEYS if key not in ("name", "expect", "line", "why", "duties"))


def parse_document(file: str, text: str) -> list[Case]:
    """All cases. Raises PolicyError with every problem of the document."""
    text = text.replace("\r\n", "\n")
    try:
        value = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return _with_places(text, file)
    reader = _Reader(Document(file, Path(), value, _starts(text, file)))
    cases = reader.cases()
    in_place = not reader.problems and len(reader.starts) == len(cases)
    return cases if in_place else _with_places(text, file)


def _starts(text: str, file: str) -> Mapping[KeyPath, Place]:
    """Where the cases begin, which is all that a document without mistakes is asked for: quicker than every place."""
    lines = (number for number, line in enumerate(text.split("\n"), start=1) if _START.match(line))
    return {("case", number): Place(file, line, 1) for number, line in enumerate(lines)}


def _with_places(text: str, file: str) -> list[Case]:
    """Reads what is wrong again, to say where (or what looks as if cases began within a text)."""
    try:
        reader = _Reader(toml_document(text, file, Path()))
    except ConfigError as error:
        raise PolicyError(error.problems) from None
    cases = reader.cases()
    if reader.problems:
        raise PolicyError(reader.problems)
    return cases


class _Reader:
    """Reads all of it, and collects what is wrong; the cases count only if nothing is."""

    def __init__(self, document: Document) -> None:
        self._document, self.problems = document, list[Problem]()
        self.starts = document.places

    def cases(self) -> list[Case]:
        value = self._document.value
        self._known((), value, _TABLES)
        defaults = self._given(("defaults",), value.get("defaults", {}), _DEFAULTS)
        entries = value.get("case", [])
        if not (isinstance(entries, list) and all(isinstance(entry, Mapping) for entry in entries)):
            self._note(("case",), "`case` is a list of tables", "write `[[case]]` above each case")
            return []
        found = (self._case(("case", number), entry, defaults) for number, entry in enumerate(entries))
        return [case for case in found if case]

    def _case(self, path: KeyPath, entry: Mapping[str, Any], defaults: Mapping[str, Said]) -> Case | None:
        own = self._given(path, entry, KEYS)
        start = self._said(path, "")
        try:
            return case_of(self._document.file, start, _on_top(defaults, own))
        except Wrong as wrong:
            self.problems.append(wrong.problem(self._document.file))
            return None

    def _given(self, path: KeyPath, table: Any, keys: tuple[str, ...]) -> Mapping[str, Said]:
        if not isinstance(table, Mapping):
            self._note(path, f"`{path[0]}` is a table", f"write `[{path[0]}]`")
            return {}
        self._known(path, table, keys)
        found: dict[str, Said] = {}
        for key, value in table.items():
            said = self._value((*path, key), key, value) if key in keys else None
            if said:
                found[key] = said
        return found

    def _value(self, path: KeyPath, key: str, value: Any) -> Said | None:
        if key == "args" and isinstance(value, Mapping):
            return self._said(path, _plain(value))
        if key == "with":
            return self._with(path, value)
        if key == "now" and isinstance(value, datetime):
            return self._said(path, value.isoformat())
        if isinstance(value, str):
            return self._said(path, value)
        self._note(path, f"`{key}` must be text in quotes", "write `args = { amount = 50 }`" if key == "args" else "")
        return None

    def _with(self, path: KeyPath, value: Any) -> Said | None:
        if isinstance(value, str):
            return self._said(path, value, tuple(self._said(path, word) for word in value.split()))
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            parts = tuple(self._said((*path, number), word) for number, word in enumerate(value))
            return self._said(path, "", parts)
        if isinstance(value, Mapping):
            return self._said(path, "", tuple(self._said((*path, name), _word(name, value[name])) for name in value))
        self._note(path, "`with` holds facts", 'write `with = "trusted read_only"`, or `with = { trusted = true }`')
        return None

    def _said(self, path: KeyPath, value: Any, parts: tuple[Said, ...] = ()) -> Said:
        place = self._document.at(*path)
        return Said(value, place.line, place.column, parts)

    def _known(self, path: KeyPath, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                where = "a case" if path[:1] == ("case",) else f"`{path[0]}`" if path else "the file"
                self._note((*path, key), f"{where} has no `{key}`", did_you_mean(key, keys))

    def _note(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.problems.append(self._document.at(*path).problem(message, hint))


def _on_top(defaults: Mapping[str, Said], own: Mapping[str, Said]) -> Mapping[str, Said]:
    """What the case says, and the defaults where it says nothing; of `with` both, the case's words last."""
    both = {**defaults, **own}
    if "with" in defaults and "with" in own:
        of_case = own["with"]
        parts = (*defaults["with"].parts, *of_case.parts)
        both["with"] = Said(of_case.value, of_case.line, of_case.column, parts)
    return both


def _word(name: str, value: Any) -> str:
    """`trusted = true` is `trusted`, `trusted = false` is `not_trusted`, `calls = 3` is `calls=3`."""
    if isinstance(value, bool):
        return name if value else f"not_{name}"
    return f"{name}={value.isoformat() if isinstance(value, datetime) else value}"


def _plain(value: Any) -> Any:
    """As JSON has it: the document's decimals are floats there, and its dates are texts."""
    match value:
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case Decimal():
            return float(value)
        case datetime() | date() | time():
            return value.isoformat()
    return value
