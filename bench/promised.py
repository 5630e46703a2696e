"""What is promised of a call, in the numbers of this machine. Pure.

The issue names milliseconds and calls a second of one machine, on which other systems were measured as well
(`facts/performance.md`). So a promise is a ratio to one of those: to the SDK's server, which answers by itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.table import Column, Row, Table

__all__ = ["ADDED", "NOTES", "RATE", "with_limits"]

ADDED = 0.25 / 0.26  # added to the median with one call at a time, to what the SDK's server adds to the direct call's
RATE = 8_000 / 3_900  # calls a second with 64 under way, to those of the SDK's server

NOTES = (
    f"limit: promised of `normal`, in both eras, by the ratios of facts/performance.md: 0.25 ms added are {ADDED:.2f}",
    f"  of what the SDK's server adds (at most), and 8,000 calls a second {RATE:.2f} times its rate (at least)",
)


def with_limits(table: Table, direct: str, peer: str, limited: str, share: float = 1.0) -> Table:
    """The table with the limits of the rows whose labels begin with `limited`, by the row `peer` of the SDK's server
    and that of the `direct` call. A `share` of 0.5 is half of what is promised: half the rate, and twice the time.
    """
    rows = {row.label: row.values for row in table.rows}
    added = (rows[peer]["p50"] or 0.0) - (rows[direct]["p50"] or 0.0)
    rate = rows[peer]["rate_64"] or 0.0
    limits = {"added_limit": added * ADDED / share, "rate_limit": rate * RATE * share}
    limiting = [_with(row, limits if row.label.startswith(limited) else dict.fromkeys(limits)) for row in table.rows]
    return replace(table, columns=_columns(table.columns), rows=limiting)


def _with(row: Row, limits: dict[str, float] | dict[str, None]) -> Row:
    return Row(row.label, {**row.values, **limits})


def _columns(columns: Sequence[Column]) -> list[Column]:
    """Each limit behind the column that it is about."""
    behind = {"added": Column("added_limit", "limit"), "rate_64": Column("rate_limit", "limit x64", 0)}
    return [each for column in columns for each in (column, behind.get(column.key)) if each is not None]
