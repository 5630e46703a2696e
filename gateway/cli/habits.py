"""`toolgate approvals rules`: how people answer each rule, and what to ask about less."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.fatigue import Habit

__all__ = ["rules_command"]


@click.command("rules", epilog=ends())
@as_json
@caller
def rules_command(as_json: bool, caller: Caller) -> int:
    """How people answered each rule, and each budget that asks. Over 95 % yes in 50 answers, the question protects
    nobody: for a rule, a narrower one is proposed.
    """
    from gateway.fatigue import habits

    with caller.offline() as offline:
        found = habits(asyncio.run(offline.store.approvals(pending_only=False, limit=sys.maxsize)))
    if as_json:
        emit([habit.to_json() | {"proposal": _proposal(habit)} for habit in found])
        return Exit.OK
    from gateway.cli.columns import aligned

    rows = [("rule", "yes", "no", "nobody", "rate", "median"), *map(_row, found)]
    for line in aligned(rows) if found else []:
        click.echo(line)
    for habit in found:
        _warn(habit)
    if not found:
        click.echo("nobody was asked yet", err=True)
    return Exit.OK


def _row(habit: "Habit") -> tuple[str, ...]:
    counts = (str(habit.approved), str(habit.denied), str(habit.expired))
    return (habit.rule, *counts, f"{habit.rate:.0%}", f"{habit.millis / 1000:.1f} s")


def _warn(habit: "Habit") -> None:
    from gateway.fatigue import QUICK

    if not habit.tired:
        return
    quick = ", half of them in less time than it takes to read one" if habit.millis < QUICK else ""
    click.echo(f"\n{habit.rule} was answered with yes {habit.approved} of {habit.answers} times{quick}.")
    if habit.of_budget:
        click.echo("Whoever is asked lets it pass: raise its limit in budgets.toml, or let it deny.")
        return
    proposal = _proposal(habit)
    if proposal:
        click.echo(f"Ask about the others only, and allow:  {proposal}")
        click.echo("As `ask` beats `allow`, the `ask` line itself has to leave them out: `and not (...)`.")
    click.echo("toolgate policy suggest --from-approvals  writes the line.")


def _proposal(habit: "Habit") -> str | None:
    """A condition that holds of the calls of the most frequent kind that were agreed to, and of little else."""
    from collections import Counter

    from gateway.policy.suggest.narrowing import narrow, shape_of
    from gateway.policy.suggest.writing import Unwritable

    if not habit.tired or habit.of_budget:
        return None
    calls = [(one.path, shape_of(value), value) for one in habit.approvals if (value := one.call.arguments.value)]
    if not calls:
        return None
    (path, shape), _ = Counter((path, shape) for path, shape, _ in calls).most_common(1)[0]
    mine = [value for other, form, value in calls if (other, form) == (path, shape)]
    try:
        parts = narrow(shape, mine).parts
    except Unwritable:
        return None
    return f"{path} when {' and '.join(parts)}"
