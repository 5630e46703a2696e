"""What `toolgate policy test` prints: findings on stdout, the sum on stderr."""

from collections.abc import Iterator, Sequence

import click

from gateway.cli.columns import aligned
from gateway.cli.policy.counting import counted
from gateway.policy.cases.branches import OUTCOMES
from gateway.policy.cases.coverage import BranchUse, Coverage, LineUse
from gateway.policy.cases.report import Report
from gateway.visible import visible

__all__ = ["print_report", "sum_of"]

_UNSEEN = 20  # lines that are named when the coverage is too low


def print_report(found: Report, coverage: bool, *, whole: bool) -> None:
    """`coverage`: the table, too. `whole`: no case was left out, so that something can be said of what is missing."""
    for failure in found.failures:
        click.echo("\n    ".join([visible(str(failure)), *found.because.get(failure.case.where, ())]))
    for problem in found.missing if whole else ():
        click.echo(visible(str(problem)))
    for line in _table(_shown(found, coverage=coverage)):
        click.echo(line)
    click.echo(sum_of(found), err=True)
    if coverage or found.least:
        click.echo(_sum(found.covered, found.least), err=True)


def sum_of(found: Report) -> str:
    return f"{counted(len(found.found), 'case')}, {counted(len(found.failures), 'failure')}"


def _shown(found: Report, *, coverage: bool) -> Sequence[LineUse]:
    """The lines to show: all that were asked for, or some of those that keep the coverage too low."""
    if coverage or found.covered.reaches(found.least):
        return found.covered.lines if coverage else ()
    return [line for line in found.covered.lines if _incomplete(line)][:_UNSEEN]


def _incomplete(line: LineUse) -> bool:
    return not line.decided or any(use.missing for use in line.branches)


def _table(lines: Sequence[LineUse]) -> Iterator[str]:
    head = ("decided", "matched", "met", "line")
    rows = aligned([head, *(_row(line) for line in lines)]) if lines else []
    yield from rows[:1]
    for line, row in zip(lines, rows[1:], strict=False):
        yield row
        yield from (f"    {_unseen(use)}" for use in line.branches if use.missing and line.status != "never met")


def _row(line: LineUse) -> tuple[str, str, str, str]:
    rule = line.rule
    said = f"{rule.where}  {line.does} {rule.who} {rule.action} {rule.tool.text}"
    mark = "  never met" if line.status == "never met" else ""
    return str(line.decided), str(line.matched), str(line.met), visible(said) + mark


def _unseen(use: BranchUse) -> str:
    *others, last = [name for name in OUTCOMES if name in use.missing]
    missing = f"{', '.join(others)} or {last}" if others else last
    return f"`{visible(use.branch.text)}` is never {missing}"


def _sum(covered: Coverage, least: float) -> str:
    said = f"coverage: {int(covered.of_lines)} % of the lines, {int(covered.of_branches)} % of the branches"
    return said if covered.reaches(least) else f"{said}; at least {least:g} % of both was asked for"
