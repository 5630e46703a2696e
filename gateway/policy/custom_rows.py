"""The lines of a policy under a model of one's own: its columns, read as strictly as the shipped ones. Pure.

A cell that could never match is a mistake in the file, above all on a `deny` line: a `*` where the matcher does not ask
for one, a pattern where it compares names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from gateway.policy.cells import Cell
from gateway.policy.custom import Model
from gateway.policy.globs import ToolGlob, is_wild
from gateway.policy.rows import CELLS, UNEXPLAINED, Grant, Obligation, Reader, Row, Rule, Wrong, four_eyes
from gateway.wording import listed

__all__ = ["reader_of"]

_TEXT = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_PRIORITY = re.compile(r"-?[0-9]{1,9}")
_FALLBACKS: Mapping[str, Any] = {"sub": "*", "dom": "*", "act": "call", "when": None, "eft": "allow"}
_DUTIES = "duties"
_NO_DUTIES = "call the column something else in model.conf, or take the line out (`deny` or `ask` instead)"
_ANY = ToolGlob.of("*/*")


def _never(_text: str) -> bool:
    return False


_PLACES = ("sub", "dom", "obj", "act", "when", "eft", "why")  # the shipped order, in which `Rule.columns` is read


def reader_of(model: Model) -> type[Reader]:
    """What reads the lines of a policy under this model."""

    class Custom(_Custom):
        shapes: ClassVar = {
            "p": model.policy,
            "o": _obliging(model.policy),
            **{name: _FIELDS[fields] for name, fields in model.roles.items()},
        }
        code: ClassVar = frozenset({model.policy.index("when") + 1}) if "when" in model.policy else frozenset()

    Custom.model = model
    return Custom


def _obliging(columns: Sequence[str]) -> tuple[str, ...]:
    """An `o` line is a `p` line with duties in the place of its effect; at the end, where a model has none."""
    told = tuple(_DUTIES if name == "eft" else name for name in columns)
    return told if _DUTIES in told else (*told, _DUTIES)


_FIELDS = {2: ("member", "role"), 3: ("member", "role", "tenant")}


class _Custom(Reader):
    model: Model

    def row(self) -> Row | None:
        before, kind = len(self._problems), self._cells[0]
        if kind.text == "o" and _DUTIES in self.model.policy:
            message = "this model has a column `duties` of its own: nobody could tell which one an `o` line means"
            self._note(kind.column, message, _NO_DUTIES)
        elif kind.text not in self.shapes:
            self._note(kind.column, f"unknown line type `{kind.text}`", f"this model has {listed(self.shapes)}")
        elif self._has_shape(self.shapes[kind.text]):
            row = self._rule() if kind.text == "p" else self._obligation() if kind.text == "o" else self._grant()
            return row if len(self._problems) == before else None
        return None

    def _rule(self) -> Rule:
        cells = dict(zip(self.model.policy, self._cells[1:], strict=True))
        rule = self._read_as(cells, tuple("" if name == "why" else cell.text for name, cell in cells.items()))
        self._check(rule, cells)
        self._possible(rule, cells.get("eft", self._cells[0]), cells.get("when", self._cells[0]))
        rule = rule if rule.why else replace(rule, why=UNEXPLAINED[rule.effect])
        return four_eyes(rule)

    def _obligation(self) -> Obligation:
        """What Casbin gets of it says that it matches where a `p` line with these cells would."""
        cells = dict(zip(self.shapes["o"], self._cells[1:], strict=True))
        duties = cells.pop(_DUTIES)
        told = tuple(cells[name].text if name in cells and name != "why" else "" for name in self.model.policy)
        rule = replace(self._read_as({**cells, _DUTIES: duties}, told), effect="ask")
        self._check(rule, cells)
        return self._obliging(rule, cells["act"], duties)

    def _read_as(self, cells: Mapping[str, Cell], told: tuple[str, ...]) -> Rule:
        """`told` is what Casbin gets of it."""
        rule = Rule(
            self._file,
            self._line,
            self._text,
            self._of(cells, "sub"),
            self._of(cells, "dom"),
            self._read(cells["obj"], self._object, _ANY),
            self._of(cells, "act"),
            self._of(cells, "when"),
            self._of(cells, "eft"),
            cells["why"].text if "why" in cells else "",
            (self._cells[0].column, *self._places(cells)),
            told,
        )
        for name in cells.keys() - CELLS.keys() - {"why", _DUTIES}:
            self._read(cells[name], _priority if name == "priority" else _text, "")
        return rule

    def _places(self, cells: Mapping[str, Cell]) -> Iterator[int]:
        for name in _PLACES:
            cell = cells.get(name) or (cells.get(_DUTIES) if name == "eft" else None)
            yield cell.column if cell else 1

    def _of(self, cells: Mapping[str, Cell], name: str) -> Any:
        """The value of a cell; of a column that this model lacks, what it then means."""
        return self._read(cells[name], CELLS[name], _FALLBACKS[name]) if name in cells else _FALLBACKS[name]

    def _object(self, cell: Cell) -> ToolGlob:
        """A pattern where the matcher takes one; else one exact name, or a group of them."""
        grouped = "p.obj" in self.model.matcher.grouped
        if grouped and "/" not in cell.text:
            return ToolGlob(_text(cell), "", "", _never, _never)
        found: ToolGlob = CELLS["obj"](cell)
        if "tool" not in self.model.matcher.calls and is_wild(cell.text):
            raise Wrong(
                cell.column, f"`{cell.text}` would never match: the matcher compares names, and takes no pattern"
            )
        return found

    def _check(self, rule: Rule, cells: Mapping[str, Cell]) -> None:
        """What stock Casbin passes over in silence."""
        for name, value in (("sub", rule.who), ("dom", rule.tenant)):
            if name in cells and value == "*" and not self.model.matcher.takes_star(f"p.{name}"):
                self._note(cells[name].column, f'`*` would never match: the matcher does not ask for `p.{name} == "*"`')
        effect = cells.get("eft", self._cells[0])
        if rule.effect == "deny" and self.model.effect == "allow-override":
            hint = "take it out, or change the effect to `some(where (p.eft == allow)) && !some(where (p.eft == deny))`"
            self._note(effect.column, "under this effect no `deny` line counts", hint)
        if (rule.action, rule.effect) == ("approve", "allow") and "when" not in cells:
            self._note(self._cells[0].column, "without a column `when`, people could approve their own requests")

    def _grant(self) -> Grant:
        kind, member, role = (cell for cell in self._cells[:3])
        people = kind.text == "g"
        return Grant(
            self._file,
            self._line,
            self._read(member, CELLS["member"] if people else _name, ""),
            self._read(role, CELLS["role"] if people else _name, ""),
            self._read(self._cells[3], CELLS["tenant"], "") if len(self._cells) > 3 else "*",
            self._columns(),
            kind.text,
        )


def _text(cell: Cell) -> str:
    if not _TEXT.fullmatch(cell.text):
        raise Wrong(cell.column, f"`{cell.text}` is not a plain text of ASCII characters")
    return cell.text


def _name(cell: Cell) -> str:
    if is_wild(cell.text):
        raise Wrong(cell.column, f"`{cell.text}` would never match: groups have exact names as members")
    return _text(cell)


def _priority(cell: Cell) -> str:
    if not _PRIORITY.fullmatch(cell.text):
        raise Wrong(cell.column, f"`{cell.text}` is no priority", "a whole number; the smallest decides first")
    return cell.text
