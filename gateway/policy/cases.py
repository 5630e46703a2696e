"""The policy's own tests: a table of questions and the answers that the admin expects.

    name,            who,      tenant, tool,        args,            expect,  with
    small refunds,   user:ann, acme,   shop/refund, {"amount": 50},  allow,   trusted
    large refunds,   user:ann, acme,   shop/refund, {"amount": 900}, deny,    trusted

The first line names the columns, in any order; `name, who, tool, expect` are needed. `who` may end in
` via agent:NAME`; `tenant` is `default` if it is left out; `args` is a JSON object, empty if left out; `action` is
`call` if left out; `line` is the `policy.csv:12` that should decide, or `none`. `with` holds facts, divided by blanks:

    read_only destructive idempotent open_world trusted   about the tool; trusted is needed for the others to count
    tainted calls=3 tokens=1000 usd=0.25 seconds=12       about the run
    now=2026-11-21T09:30                                   when
    requester=user:ann                                    who asked, for the action approve

Tool facts in the table win over the catalogue's, so that a table says the same with and without servers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gateway.budget import nanos
from gateway.call import Action, Arguments, ArgumentsError, Subject, Tool
from gateway.catalogue import Catalogue
from gateway.errors import PolicyError, Problem
from gateway.offer import Offer, OfferKind
from gateway.policy.cells import Cell, CellError, split_line
from gateway.policy.decide import Decision, Policy
from gateway.policy.files import read_sources
from gateway.policy.globs import ToolGlob
from gateway.policy.scope import Query, RunFacts
from gateway.policy.wording import ACTIONS, EFFECTS, Effect
from gateway.wording import did_you_mean

__all__ = ["Case", "Failure", "parse_cases", "run_tests"]

_COLUMNS = ("name", "who", "tenant", "tool", "action", "args", "expect", "line", "with")
_NEEDED = ("name", "who", "tool", "expect")
_NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday: tables do not depend on the day they are run


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the cell `with` says."""

    hints: Mapping[str, bool] = field(default_factory=dict)
    trusted: bool = False
    run: RunFacts = field(default_factory=RunFacts)
    now: datetime = _NOON
    requester: str = "user:somebody-else"

    @property
    def about_tool(self) -> bool:
        return self.trusted or bool(self.hints)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: a query without its tool's facts from a catalogue, and what is expected."""

    file: str
    number: int
    name: str
    query: Query
    facts: _Facts
    expect: Effect
    rule: str  # what `line` says; empty: any

    @property
    def where(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not get what it expected."""

    case: Case
    got: Decision

    def __str__(self) -> str:
        wanted = f"{self.case.expect} by {self.case.rule}" if self.case.rule else self.case.expect
        by = f" by {self.got.rule}" if self.got.rule else ""
        return f"{self.case.where}: `{self.case.name}` expected {wanted}, got {self.got.effect}{by} ({self.got.why})"


def run_tests(policy: Policy, path: str | Path, catalogue: Catalogue | None = None) -> list[Failure]:
    """Puts every case of the table to the policy; empty means that all hold. Raises PolicyError for a wrong table."""
    cases = [case for source in read_sources(Path(path)) for case in parse_cases(source.file, source.content)]
    outcomes = ((case, policy.decide(_query(case, catalogue))) for case in cases)
    return [Failure(case, got) for case, got in outcomes if not _as_expected(case, got)]


def _as_expected(case: Case, got: Decision) -> bool:
    if got.effect != case.expect:
        return False
    return not case.rule or (got.rule or "none") == case.rule or (got.rule or "").endswith(f"/{case.rule}")


def _query(case: Case, catalogue: Catalogue | None) -> Query:
    if catalogue is None or case.facts.about_tool:
        return case.query
    known = catalogue.find(_FINDS.get(case.query.action, "call"), case.query.object)
    return case.query if known is None else replace(case.query, tool=known)


_FINDS: Mapping[str, Action] = {"read": "read", "subscribe": "read", "get": "get", "complete": "complete"}


# ---- the table ----


class _Wrong(Exception):
    def __init__(self, cell: Cell | None, message: str, hint: str = "") -> None:
        self.column, self.message, self.hint = (cell.column if cell else 1), message, hint
        super().__init__(message)


def parse_cases(file: str, content: bytes) -> list[Case]:
    """All cases. Raises PolicyError with every problem of the table."""
    problems: list[Problem] = []
    cases: list[Case] = []
    columns: tuple[str, ...] = ()
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), start=1):
        try:
            cells = split_line(line, {columns.index("args")} if "args" in columns else frozenset())
            if cells and not columns:
                columns = _header(cells)
            elif cells:
                cases.append(_case(file, number, _by_name(columns, cells)))
        except (CellError, _Wrong) as wrong:
            problems.append(Problem(file, number, wrong.column, wrong.message, wrong.hint))
            if not columns:
                break
    if problems:
        raise PolicyError(problems)
    return cases


def _header(cells: Sequence[Cell]) -> tuple[str, ...]:
    for cell in cells:
        if cell.text not in _COLUMNS:
            raise _Wrong(cell, f"unknown column `{cell.text}`", did_you_mean(cell.text, _COLUMNS))
    names = tuple(cell.text for cell in cells)
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) != len(names):
        raise _Wrong(None, f"the first line names the columns, each once; needed: {', '.join(_NEEDED)}")
    return names


def _by_name(columns: Sequence[str], cells: Sequence[Cell]) -> Mapping[str, Cell]:
    if len(cells) != len(columns):
        hint = "text that holds a comma stands in double quotes"
        raise _Wrong(cells[-1], f"{len(columns)} columns are named, found {len(cells)}", hint)
    return {name: cell for name, cell in zip(columns, cells, strict=True) if cell.text}


def _case(file: str, number: int, cells: Mapping[str, Cell]) -> Case:
    missing = [name for name in _NEEDED if name not in cells]
    if missing:
        raise _Wrong(None, f"`{missing[0]}` is empty")
    facts = _facts(cells.get("with"))
    effect = next((effect for effect in EFFECTS if effect == cells["expect"].text), None)
    if effect is None:
        raise _Wrong(
            cells["expect"], f"unknown effect `{cells['expect'].text}`", did_you_mean(cells["expect"].text, EFFECTS)
        )
    rule = cells["line"].text if "line" in cells else ""
    return Case(file, number, cells["name"].text, _asked(cells, facts), facts, effect, rule)


def _asked(cells: Mapping[str, Cell], facts: _Facts) -> Query:
    action = cells["action"].text if "action" in cells else "call"
    if action not in ACTIONS:
        raise _Wrong(cells["action"], f"unknown action `{action}`", did_you_mean(action, ACTIONS))
    user, _, agent = cells["who"].text.partition(" via ")
    tenant = cells["tenant"].text if "tenant" in cells else "default"
    subject = Subject(user.strip(), tenant, agent.strip() or None)
    tool = _tool(cells["tool"], action, facts)
    args = {"uri": tool.name} if action in ("read", "subscribe") else _args(cells.get("args"))
    return Query(subject, action, tool.path, args, tool, facts.run, facts.now, facts.requester)


def _args(cell: Cell | None) -> Mapping[str, Any]:
    try:
        return Arguments.parse(cell.text).value if cell else {}
    except ArgumentsError as error:
        raise _Wrong(cell, str(error), 'write a JSON object, such as {"amount": 50}') from None


def _tool(cell: Cell, action: str, facts: _Facts) -> Tool | Offer:
    try:
        path = ToolGlob.of(cell.text)
    except ValueError:
        raise _Wrong(cell, f"`{cell.text}` is not a server/tool name") from None
    if action in ("read", "get", "subscribe", "complete"):
        return Offer(_kind(action, path.name), path.server, path.name, {}, facts.trusted)
    return Tool(path.server, path.name, {"name": path.name, "annotations": facts.hints}, "", facts.trusted)


def _kind(action: str, name: str) -> OfferKind:
    if action == "complete":
        return "template" if "://" in name else "prompt"
    return "prompt" if action == "get" else "resource"


# ---- the column `with` ----

_HINTS = {
    "read_only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open_world": "openWorldHint",
}
_FALSE = {"not_" + name: hint for name, hint in _HINTS.items()}


def _facts(cell: Cell | None) -> _Facts:
    facts = _Facts()
    for word in cell.text.split() if cell else ():
        try:
            facts = _said(facts, word)
        except (ValueError, InvalidOperation):
            raise _Wrong(cell, f"`{word}` can't be read") from None
        except KeyError:
            raise _Wrong(cell, f"unknown fact `{word}`", did_you_mean(word.partition("=")[0], _known())) from None
    return facts


def _said(facts: _Facts, word: str) -> _Facts:
    name, equals, value = word.partition("=")
    if equals:
        return _VALUES[name](facts, value)
    if name == "trusted":
        return replace(facts, trusted=True)
    if name == "tainted":
        return replace(facts, run=replace(facts.run, tainted=True))
    hint = {**_HINTS, **_FALSE}[name]
    return replace(facts, hints={**facts.hints, hint: name in _HINTS})


def _known() -> Iterator[str]:
    yield from ("trusted", "tainted", *_HINTS, *_FALSE, *(f"{name}=" for name in _VALUES))


_VALUES: Mapping[str, Callable[[_Facts, str], _Facts]] = {
    "calls": lambda facts, value: replace(facts, run=replace(facts.run, calls=int(value))),
    "tokens": lambda facts, value: replace(facts, run=replace(facts.run, tokens=int(value))),
    "usd": lambda facts, value: replace(facts, run=replace(facts.run, nanos=nanos(Decimal(value)))),
    "seconds": lambda facts, value: replace(facts, run=replace(facts.run, millis=round(float(value) * 1000))),
    "now": lambda facts, value: replace(facts, now=datetime.fromisoformat(value).replace(tzinfo=UTC)),
    "requester": lambda facts, value: replace(facts, requester=value),
}
