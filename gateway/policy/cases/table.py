"""`tests.csv`: a case a line. Pure.

    name,            who,      tenant, tool,        args,            expect,  with
    small refunds,   user:ann, acme,   shop/refund, {"amount": 50},  allow,   trusted
    large refunds,   user:ann, acme,   shop/refund, {"amount": 900}, deny,    trusted

The first line names the columns, in any order; `name, who, tool, expect` are needed. `who` may end in
` via agent:NAME`, or the column `agent` says so; `tenant` is `default` if it is left out; `args` is a JSON object,
empty if left out; `action` is `call` if left out; `line` is the `policy.csv:12` that should decide, or `none`, and
`why` a part of that line's own words, which stays true when lines move. `duties` are those that the call must have
(`redact=ssn; timeout=10 s`, or `none`); where it is empty they are not looked at. `with` holds facts, divided by blanks
(`facts`); `now`, `requester`, `said` and `read` may have columns of their own.
"""

import re
from collections.abc import Mapping, Sequence

from gateway.errors import PolicyError, Problem
from gateway.policy.cases.case import KEYS, NEEDED, Case, Said, Wrong, case_of
from gateway.policy.cells import Cell, CellError, split_line
from gateway.wording import did_you_mean

__all__ = ["parse_table"]

_WORD = re.compile(r"\S+")


def parse_table(file: str, text: str) -> list[Case]:
    """All cases. Raises PolicyError with every problem of the table."""
    problems: list[Problem] = []
    cases: list[Case] = []
    columns: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            cells = split_line(line.removesuffix("\r"), {columns.index("args")} if "args" in columns else frozenset())
            if cells and not columns:
                columns = _header(number, cells)
            elif cells:
                cases.append(case_of(file, Said("", number, 1), _given(number, columns, cells)))
        except CellError as error:
            problems.append(Problem(file, number, error.column, error.message, error.hint))
        except Wrong as wrong:
            problems.append(wrong.problem(file))
        if problems and not columns:
            break
    if problems:
        raise PolicyError(problems)
    return cases


def _header(number: int, cells: Sequence[Cell]) -> tuple[str, ...]:
    for cell in cells:
        if cell.text not in KEYS:
            hint = did_you_mean(cell.text, KEYS)
            raise Wrong(Said(cell.text, number, cell.column), f"unknown column `{cell.text}`", hint)
    names = tuple(cell.text for cell in cells)
    missing = [name for name in NEEDED if name not in names]
    if missing or len(set(names)) != len(names):
        message = f"the first line names the columns, each once; needed: {', '.join(NEEDED)}"
        raise Wrong(Said("", number, 1), message)
    return names


def _given(number: int, columns: Sequence[str], cells: Sequence[Cell]) -> Mapping[str, Said]:
    if len(cells) != len(columns):
        hint = "text that holds a comma stands in double quotes"
        at = Said("", number, cells[-1].column)
        raise Wrong(at, f"{len(columns)} columns are named, found {len(cells)}", hint)
    return {
        name: Said(cell.text, number, cell.column, _words(number, cell) if name == "with" else ())
        for name, cell in zip(columns, cells, strict=True)
        if cell.text or name in NEEDED
    }


def _words(number: int, cell: Cell) -> tuple[Said, ...]:
    return tuple(Said(found[0], number, cell.column_of(found.start())) for found in _WORD.finditer(cell.text))
