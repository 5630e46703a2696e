"""What the runtime adds to a turn: a model's reply and one tool call, both recorded."""

import json
from collections.abc import Mapping

from bench.program import running
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["turns"]

_KINDS: Mapping[str, str] = {
    "bare": "bare loop, nothing kept",
    "commits": "bare loop, a commit a step",
    "normal": "toolgate, normal",
    "full": "toolgate, full",
}
_COLUMNS = (
    Column("early_wall", "turn 2 ms", 3),
    Column("early_cpu", "CPU ms", 3),
    Column("late_wall", "turn 200 ms", 3),
    Column("late_cpu", "CPU ms", 3),
    Column("growth", "200 / 2"),
    Column("rss", "RSS MB", 0),
    Column("times", "/ commits", 1),
)
_NOTES = (
    "model and tool answer at once: what is left is the loop's own. A commit a step: two a turn, and nothing checked.",
    "toolgate: lease, 1,000 rules, budgets limited, two transactions a turn (answered + admitted, returned + asked).",
)


def turns(scale: Scale) -> Table:
    rows = [_row(kind, label, scale) for kind, label in _KINDS.items()]
    return Table("A turn of a run", _COLUMNS, with_ratio(rows, "early_wall", _KINDS["commits"], "times"), _NOTES)


def _row(kind: str, label: str, scale: Scale) -> Row:
    with running(["-m", "bench.one_run", kind, str(scale.repeats)]) as program:
        values = json.loads(program.first_line())
    return Row(label, {**values, "growth": values["late_wall"] / values["early_wall"]})
