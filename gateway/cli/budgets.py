"""`toolgate budgets`: what is left of them. No server is started."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.balances import Balance, Person
    from gateway.budget import Limits
    from gateway.runtime import Offline

__all__ = ["budgets_command"]


@click.command("budgets", epilog=ends(Exit.CONFIG))
@as_json
@caller
def budgets_command(as_json: bool, caller: Caller) -> int:
    """What is left of the budgets that count over many runs; with --as, of those in which WHO counts.

    What one run has left stands in `toolgate runs show RUN`.
    """
    from gateway.balances import balances

    now = datetime.now(UTC)
    with caller.offline() as offline:
        budgets, standing = offline.budgets, offline.budgets.standing
        found = balances(standing, asyncio.run(offline.store.booked("budget:")), now, _person(caller, offline))
    if as_json:
        single = {"run": budgets.run.to_json(), "clients": budgets.for_clients.to_json()}
        agents = {name: limits.to_json() for name, limits in budgets.agents.items()}
        emit({**single, "agents": agents, "budgets": [balance.to_json() for balance in found]})
        return Exit.OK
    click.echo(f"each run: {_limits(budgets.run)}; each session of a client: {_limits(budgets.for_clients)}", err=True)
    for line in _lines(found, now):
        click.echo(line)
    if not found:
        click.echo("no budget counts over many runs: write [budgets.NAME] in budgets.toml", err=True)
    return Exit.OK


def _person(caller: Caller, offline: "Offline") -> "Person | None":
    """Whoever --as names; all budgets are shown where it names nobody."""
    from gateway.balances import Person

    if caller.user is None:
        return None
    who = offline.subject()
    return Person(who, offline.policy.current.roles.of_member(who.user, who.tenant))


def _lines(found: "Sequence[Balance]", now: datetime) -> "Sequence[str]":
    from gateway.cli.columns import aligned, within
    from gateway.visible import visible

    millis = round(now.timestamp() * 1000)
    rows = [
        (
            one.budget,
            visible(one.key) or "all",
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
