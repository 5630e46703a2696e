"""`toolgate budgets`: what is left of them. No server is started."""

import asyncio
import contextlib
import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.balances import Balance, Booked, Person
    from gateway.budget import Limits
    from gateway.offline import Offline

__all__ = ["budgets_command"]

MOST_SHOWN = 20  # accounts of one limit
_RUN = re.compile(r"(?:[|,])(?:run|session)=([^,|]+)")


@click.command("budgets", epilog=ends(Exit.CONFIG))
@as_json
@caller
def budgets_command(as_json: bool, caller: Caller) -> int:
    """What is left of the budgets that count over many runs; with --as, of those in which WHO counts.

    What one run has left stands in `toolgate runs show RUN`.
    """
    from gateway.balances import balances
    from gateway.facts import aware

    with caller.offline() as offline:
        now = aware(offline.store.now())
        budgets, standing = offline.budgets, offline.budgets.standing
        rows = asyncio.run(offline.store.booked("budget:"))
        found = balances(standing, rows, now, asyncio.run(_person(caller, offline, rows)))
    if as_json:
        single = {"run": budgets.run.to_json(), "clients": budgets.for_clients.to_json()}
        agents = {name: limits.to_json() for name, limits in budgets.agents.items()}
        emit({**single, "agents": agents, "budgets": [balance.to_json() for balance in found]})
        return Exit.OK
    click.echo(f"each run: {_limits(budgets.run)}; each session of a client: {_limits(budgets.for_clients)}", err=True)
    shown = _few(found)
    for line in _lines(shown, now):
        click.echo(line)
    if len(shown) < len(found):
        click.echo(f"and {len(found) - len(shown):,} more, of which more is left: --json has all", err=True)
    if not found:
        click.echo("no budget counts over many runs: write [budgets.NAME] in budgets.toml", err=True)
    return Exit.OK


async def _person(caller: Caller, offline: "Offline", rows: "Sequence[Booked]") -> "Person | None":
    """Whoever --as names; all budgets are shown where it names nobody. His runs are looked for among these accounts."""
    from gateway.balances import Person
    from gateway.errors import UnknownRun

    if caller.user is None:
        return None
    who, runs = offline.subject(), set[str]()
    for run_id in {run_id for row in rows for run_id in _RUN.findall(row.account)}:
        with contextlib.suppress(UnknownRun):
            run = await offline.store.run_row(run_id)
            runs |= {run_id} if (run.user, run.tenant) == (who.user, who.tenant) else set()
    return Person(who, offline.policy.current.roles.of_member(who.user, who.tenant), frozenset(runs))


def _few(found: "Sequence[Balance]") -> "Sequence[Balance]":
    """Of each limit the accounts of which least is left, if there are many. In their order."""
    least = sorted(range(len(found)), key=lambda number: found[number].left / max(1, found[number].limit))
    seen: Counter[tuple[str, str]] = Counter()
    kept = set[int]()
    for number in least:
        limit = (found[number].budget, found[number].unit)
        seen[limit] += 1
        kept |= {number} if seen[limit] <= MOST_SHOWN else set()
    return [one for number, one in enumerate(found) if number in kept]


def _lines(found: "Sequence[Balance]", now: datetime) -> "Sequence[str]":
    from gateway.accounts import told
    from gateway.cli.columns import aligned, within
    from gateway.visible import visible

    millis = round(now.timestamp() * 1000)
    rows = [
        (
            one.budget,
            visible(told(one.key)) or "all",
            one.text + (", low" if one.low else ""),
            one.then,
            "" if one.ends is None else f"anew {within(millis, one.ends * 1000)}",
        )
        for one in found
    ]
    return aligned(rows) if rows else ()


def _limits(limits: "Limits") -> str:
    from gateway.budget import UNITS, shown

    said = [shown(unit, amount) for unit in UNITS if (amount := getattr(limits, unit)) is not None]
    return ", ".join(said) or "no limit"
