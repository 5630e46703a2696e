"""Cells -> checked rows: `Rule` for `p` lines, `Obligation` for `o` lines, `Grant` for `g` lines. Pure.

    p, who, tenant, server/tool, action, when, effect, why
    o, who, tenant, server/tool, action, when, duties, why
    g, member, role, tenant

Everything that stock Casbin passes over in silence is a Problem here, with its line and column; a line with a problem
gives no row, and a file with an error gives no policy. Names are ASCII, so that no two of them look the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar, cast

from gateway.duties import Duties
from gateway.errors import Problem
from gateway.policy.cells import Cell, CellError, split_line
from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition, ConditionError
from gateway.policy.globs import ToolGlob
from gateway.policy.obligations import DutyError, parse_duties
from gateway.policy.said import Grant, Obligation, Rule
from gateway.policy.wording import ACTIONS, EFFECTS, GROUPS, PREFIXES, Action, Effect
from gateway.wording import did_you_mean

__all__ = ["CELLS", "UNEXPLAINED", "Grant", "Obligation", "Reader", "Row", "Rule", "Wrong", "four_eyes", "parse_lines"]


Row = Rule | Grant | Obligation
T = TypeVar("T")

_CODE = frozenset({5})  # the column `when`
_SHAPES = {
    "p": ("who", "tenant", "server/tool", "action", "when", "effect", "why"),
    "o": ("who", "tenant", "server/tool", "action", "when", "duties", "why"),
    "g": ("member", "role", "tenant"),
}
_OBLIGED = ("call", "read", "get")  # the actions that have results

_WHO = re.compile(rf"(?:{'|'.join(PREFIXES)}):[A-Za-z0-9._@:|/\\+~=-]+")
_POSSIBLE: Mapping[Action, tuple[Effect, ...]] = {
    "list": ("deny",),
    "subscribe": ("deny",),
    "complete": ("deny",),
    "approve": ("allow", "deny"),
}
_IMPOSSIBLE = {
    "list": "what may be called, read or got is listed; a `list` line can only hide it, with `deny`",
    "subscribe": "what may be read may be subscribed to; a `subscribe` line can only take that away, with `deny`",
    "complete": "what may be read or got may be completed; a `complete` line can only take that away, with `deny`",
    "approve": "write `allow` or `deny`",
}
_NO_RUN = "a list is the same for all runs; what depends on the run can be denied to a `call`, a `read` or a `get`"
UNEXPLAINED: Mapping[Effect, str] = {
    "allow": "allowed by policy",
    "ask": "a person must agree",
    "deny": "not allowed by policy",
}
_OWN = "subject.is_requester"
_ANY_TOOL = ToolGlob.of("*/*")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_WORD = r"[A-Za-z0-9._*?/:@%+~=&;$-]+"
_TOOL = re.compile(rf"[A-Za-z0-9._*?-]+/{_WORD}(?: {_WORD})*")


class Wrong(Exception):
    def __init__(self, column: int, message: str, hint: str = "") -> None:
        self.column, self.message, self.hint = column, message, hint
        super().__init__(message)


def parse_lines(file: str, text: str, reader: "type[Reader] | None" = None) -> tuple[list[Row], list[Problem]]:
    """All rows, and all problems: one for each broken cell. `reader` knows other columns than the shipped ones."""
    reads = reader or Reader
    rows: list[Row] = []
    reading = _Reading(file)
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            cells = split_line(line.removesuffix("\r"), reads.code)
        except CellError as error:
            reading.problems.append(Problem(file, number, error.column, error.message, error.hint))
            continue
        if cells:
            row = reads(reading, number, line.strip(), cells).row()
            rows.extend([row] if row else [])
    return rows, reading.problems


_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file on its way: what is wrong with it so far, and what each different cell was found to say."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    known: dict[tuple[Callable[[Cell], object], str], object] = field(default_factory=dict)


class Reader:
    """One line: reads each cell, and notes what is wrong with it. `shapes` are the fields of each kind of line, `code`
    the numbers of the columns that hold code.
    """

    shapes: ClassVar[Mapping[str, Sequence[str]]] = _SHAPES
    code: ClassVar[AbstractSet[int]] = _CODE

    def __init__(self, reading: _Reading, line: int, text: str, cells: Sequence[Cell]) -> None:
        self._file, self._problems = reading.file, reading.problems
        self._reading, self._line, self._text, self._cells = reading, line, text, cells

    def row(self) -> Row | None:
        before = len(self._problems)
        kind = self._cells[0]
        if kind.text not in self.shapes:
            self._note(kind.column, f"unknown line type `{kind.text}`", _type_hint(kind.text))
        elif self._has_shape(self.shapes[kind.text]):
            row = _READ[kind.text](self)
            return row if len(self._problems) == before else None
        return None

    def _has_shape(self, shape: Sequence[str]) -> bool:
        found = len(self._cells) - 1
        if found == len(shape):
            return True
        column = self._cells[len(shape) + 1 if found > len(shape) else 0].column
        kind = self._cells[0].text
        hint = _MANY if found > len(shape) else _FEW[kind[0]]
        self._note(column, f"`{kind}` needs {len(shape)} fields ({', '.join(shape)}), found {found}", hint)
        return False

    def _rule(self) -> Rule:
        when, effect = self._cells[5:7]
        rule = self._about(effect)
        rule = rule if rule.why else replace(rule, why=UNEXPLAINED[rule.effect])
        self._possible(rule, effect, when)
        return four_eyes(rule)

    def _about(self, effect: Cell | None) -> Rule:
        """What a line with a condition says. Without an effect it restricts, as `ask` does."""
        who, tenant, tool, action, when, _, why = self._cells[1:]
        return Rule(
            self._file,
            self._line,
            self._text,
            self._read(who, _who, ""),
            self._read(tenant, _tenant, ""),
            self._read(tool, _tool, _ANY_TOOL),
            self._read(action, _action, "call"),
            self._read(when, _when, None),
            self._read(effect, _effect, "deny") if effect else "ask",
            why.text,
            self._columns(),
        )

    def _possible(self, rule: Rule, effect: Cell, when: Cell) -> None:
        """Notes what this action can't have."""
        if rule.effect not in _POSSIBLE.get(rule.action, EFFECTS):
            self._note(effect.column, f"a line for `{rule.action}` can't `{rule.effect}`", _IMPOSSIBLE[rule.action])
        if rule.action == "list" and rule.when and (name := _of_run(rule.when)):
            self._note(
                when.column_of(max(0, when.text.find(name))), f"a line for `list` can't look at `{name}`", _NO_RUN
            )

    def _obligation(self) -> Obligation:
        action, _, duties = self._cells[4:7]
        return self._obliging(self._about(None), action, duties)

    def _obliging(self, rule: Rule, action: Cell, duties: Cell) -> Obligation:
        """The line as one that obliges; notes what it can't."""
        found = self._read(duties, _duties, Duties())
        if rule.action not in _OBLIGED:
            self._note(action.column, f"a line for `{rule.action}` can't oblige", "write `call`, `read` or `get`")
        elif found.dry_run and rule.action != "call":
            self._note(duties.column, "only a `call` can be a dry run")
        rule = replace(rule, cells=(*rule.cells, str(found)), kind="o")
        return Obligation(self._file, self._line, rule, replace(found, rules=(rule.where,)))

    def _grant(self) -> Grant:
        member, role, tenant = self._cells[1:]
        return Grant(
            self._file,
            self._line,
            self._read(member, _member, ""),
            self._read(role, _group, ""),
            self._read(tenant, _tenant, ""),
            self._columns(),
        )

    def _columns(self) -> tuple[int, ...]:
        return tuple([cell.column for cell in self._cells])

    def _read(self, cell: Cell, parse: Callable[[Cell], T], fallback: T) -> T:
        """The cell's value. A wrong one is noted, so that this row is dropped and the fallback never seen."""
        known, key = self._reading.known, (parse, cell.text)
        found = known.get(key, _UNKNOWN)
        if found is not _UNKNOWN:
            return cast("T", found)
        try:
            value = known[key] = parse(cell)  # only what is right: what is wrong has its own column each time
            return value
        except Wrong as wrong:
            self._note(wrong.column, wrong.message, wrong.hint)
            return fallback

    def _note(self, column: int, message: str, hint: str = "") -> None:
        self._problems.append(Problem(self._file, self._line, column, message, hint))


_READ: Mapping[str, Callable[[Reader], Row]] = {
    "p": Reader._rule,  # noqa: SLF001 - its own
    "o": Reader._obligation,  # noqa: SLF001
    "g": Reader._grant,  # noqa: SLF001
}


def four_eyes(rule: Rule) -> Rule:
    """Nobody approves their own request, unless the line itself says who may with `subject.is_requester`."""
    if (rule.action, rule.effect) != ("approve", "allow"):
        return rule
    if rule.when and rule.when.mentions(_OWN):
        return rule
    text = f"({rule.when.text}) and not {_OWN}" if rule.when else f"not {_OWN}"
    return replace(rule, when=compile_condition(text))


def _of_run(when: Condition) -> str:
    """What it wants to know of a run, if anything."""
    return next((path.text for path in when.paths if path.root == "run"), "")


_MANY = "text that holds a comma stands in double quotes"
_FEW = {
    "p": "an empty `when` or `why` needs its comma, too: `call, , allow, ...`",
    "o": "an empty `when` or `why` needs its comma, too: `call, , redact=ssn, ...`",
    "g": "the role holds in one tenant, or in all: `*`",
}


def _type_hint(word: str) -> str:
    if word and word[0].lower() in _SHAPES and not word[1:].strip("0123456789"):
        return f"did you mean `{word[0].lower()}`?"
    if any(sign in word for sign in ("\t", ";")):
        return "cells are separated by commas"
    return "expected `p`, `o` or `g`; a comment begins with `#`"


# ---- cells: each function gives the value, or raises Wrong ----


def _ascii(cell: Cell) -> str:
    for offset, char in enumerate("" if cell.text.isascii() else cell.text):
        if not char.isascii():
            message = f"`{cell.text}` holds the non-ASCII character U+{ord(char):04X}"
            raise Wrong(cell.column_of(offset), message, "names are ASCII, so that no two look the same")
    return cell.text


def _who(cell: Cell) -> str:
    return "*" if cell.text == "*" else _principal(cell, PREFIXES)


def _principal(cell: Cell, prefixes: Sequence[str]) -> str:
    name = _ascii(cell)
    prefix, colon, rest = name.partition(":")
    expected = " or ".join(f"`{known}:...`" for known in prefixes)
    if not colon or not rest:
        raise Wrong(cell.column, f"`{name}` is not a name with its kind in front", f"expected {expected}")
    if prefix not in prefixes:
        raise Wrong(cell.column, f"unknown kind `{prefix}:` in `{name}`", f"expected {expected}")
    if not _WHO.fullmatch(name):
        hint = "write `*` for everyone" if "*" in rest else "letters, digits and . _ @ : | / \\ + ~ = -"
        raise Wrong(cell.column, f"`{name}` is not a name", hint)
    return name


def _member(cell: Cell) -> str:
    return _principal(cell, PREFIXES)


def _group(cell: Cell) -> str:
    return _principal(cell, GROUPS)


def _tenant(cell: Cell) -> str:
    name = _ascii(cell)
    if name != "*" and not _TENANT.fullmatch(name):
        raise Wrong(cell.column, f"`{name}` is not a tenant", "write its exact name, or `*` for every tenant")
    return name


def _tool(cell: Cell) -> ToolGlob:
    text = _ascii(cell)
    if not _TOOL.fullmatch(text):
        raise Wrong(cell.column, f"`{text}` is not a server/tool pattern", _tool_hint(text))
    return ToolGlob.of(text)


def _tool_hint(text: str) -> str:
    if text == "*":
        return "write `*/*` for every tool of every server"
    if set(text) & set("[]{}!"):
        return "only * and ? are wildcards"
    return "write server/tool; * stands for any characters"


def _action(cell: Cell) -> Action:
    found = next((action for action in ACTIONS if action == cell.text), None)
    if found is None:
        raise Wrong(cell.column, f"unknown action `{cell.text}`", did_you_mean(cell.text, ACTIONS))
    return found


def _effect(cell: Cell) -> Effect:
    found = next((effect for effect in EFFECTS if effect == cell.text), None)
    if found is None:
        raise Wrong(cell.column, f"unknown effect `{cell.text}`", _effect_hint(cell.text))
    return found


def _effect_hint(text: str) -> str:
    if "#" in text:
        return "a comment stands on a line of its own"
    return did_you_mean(text, EFFECTS)


def _duties(cell: Cell) -> Duties:
    try:
        return parse_duties(_ascii(cell))
    except DutyError as error:
        raise Wrong(cell.column_of(error.offset), error.message, error.hint) from None


def _when(cell: Cell) -> Condition | None:
    text = cell.text.strip()
    if not text:
        return None
    try:
        return compile_condition(text)
    except ConditionError as error:
        start = len(cell.text) - len(cell.text.lstrip())
        raise Wrong(cell.column_of(start + error.offset), f"condition: {error.message}", error.hint) from None


CELLS: Mapping[str, Callable[[Cell], Any]] = {
    "sub": _who, "dom": _tenant, "obj": _tool, "act": _action, "when": _when, "eft": _effect,
    "member": _member, "role": _group, "tenant": _tenant,
}  # fmt: skip
"""What reads a cell of each column: gives its value, or raises Wrong."""
