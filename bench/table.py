"""What a measurement found, as a table for people or as JSON. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "Row", "Table", "as_json", "as_text", "with_ratio"]


@dataclass(frozen=True, slots=True)
class Column:
    """`digits` are those after the point."""

    key: str
    heading: str
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One system, or one size. None: it was not, or can't be, measured."""

    label: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def with_ratio(rows: Sequence[Row], key: str, base: str, name: str) -> list[Row]:
    """The rows with another value, `name`: how many times the value `key` is that of the row labelled `base`."""
    whole = next(row.values[key] for row in rows if row.label == base)
    return [Row(row.label, {**row.values, name: _ratio(row.values.get(key), whole)}) for row in rows]


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def as_json(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": {column.key: column.heading for column in table.columns},
        "rows": [{"label": row.label, **row.values} for row in table.rows],
        "notes": list(table.notes),
    }


def as_text(table: Table) -> str:
    """Aligned columns; the first is the label."""
    lines = [["", *(column.heading for column in table.columns)]]
    lines += [[row.label, *(_shown(row.values.get(c.key), c.digits) for c in table.columns)] for row in table.rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    body = ["  ".join([line[0].ljust(widths[0]), *_right(line[1:], widths[1:])]) for line in lines]
    return "\n".join([table.title, *(f"  {line}" for line in body), *(f"  ({note})" for note in table.notes)])


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
