"""`toolgate runs fork`: a run is taken up anew from any point of it, and nothing is done twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.run import absolute, driving, limits_of
from gateway.job import HIGHEST, LOWEST

if TYPE_CHECKING:
    from gateway.budget import Limits
    from gateway.forking import Fork
    from gateway.run import Run

__all__ = ["fork_command"]


@click.command("fork", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.argument("run_id", metavar="RUN")
@click.option("--at", required=True, metavar="STEP", help="`t3`: the end of turn 3; `t0`: before the first; or a seq.")
@click.option(
    "--edit", "text", default="", metavar="TEXT", help="What the user says there, in place of his last words."
)
@click.option("--model", metavar="NAME", help="Another model; as for `toolgate run`.")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="`usd=1`, `tokens=20k`, `turns=5`.")
@click.option(
    "--policy",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILES",
    help="Drive it here by the policy in this file or folder; whoever goes on with it later has his own.",
)
@click.option("--no-run", is_flag=True, help="Do not drive it here: queue it for the workers, and print its id.")
@click.option("--priority", type=click.IntRange(LOWEST, HIGHEST), help="With --no-run: higher is first; 0 by itself.")
@as_json
@caller
def fork_command(
    run_id: str,
    at: str,
    text: str,
    model: str | None,
    budgets: Sequence[str],
    policy: Path | None,
    no_run: bool,
    priority: int | None,
    as_json: bool,
    caller: Caller,
) -> int:
    """Take RUN up anew from STEP, as a run of its own, with budgets that begin anew. Calls that were made by then keep
    their results; none is repeated.
    """
    if priority is not None and not no_run:
        raise click.UsageError("--priority is about the workers' queue: it goes with --no-run")
    if policy is not None and no_run:
        raise click.UsageError("--policy counts as long as this command drives the run: it does not go with --no-run")
    from gateway.forking import Fork

    wish = _Wish(Fork(at, text), absolute(model), limits_of(budgets), (priority or 0) if no_run else None)
    found, new = asyncio.run(_begin(caller, run_id, wish))
    if no_run:
        return _left(found, new, as_json=as_json)
    from gateway.cli.driving import Manner, take_up

    flags = () if policy is None else (("--policy", "policy.files", str(policy.resolve())),)
    return driving(take_up(caller, new, Manner.of(as_json=as_json, wait=None), *flags))


@dataclass(frozen=True, slots=True)
class _Wish:
    fork: "Fork"
    model: str | None
    limits: "Limits"
    priority: int | None


async def _begin(caller: Caller, run_id: str, wish: _Wish) -> "tuple[Run, str]":
    """The run, and the id of the new one. A conversation goes on when its user does: that is no work for workers."""
    from gateway.forks import Taken, begin

    with caller.offline() as offline:
        found = await offline.run(run_id)
        priority = None if found.conversation else wish.priority
        how = Taken(model=wish.model, limits=wish.limits, priority=priority)
        return found, await begin(offline, found.id, wish.fork, how)


def _left(found: "Run", new: str, *, as_json: bool) -> int:
    if as_json:
        emit({"run": new, "from": found.id, "status": "queued"})
        return Exit.OK
    click.echo(new)
    if found.conversation:
        click.echo(f"no worker goes on with a conversation: toolgate chat --resume {new} does", err=True)
    else:
        click.echo(f"it is queued for the workers; or drive it here: toolgate resume {new}", err=True)
    return Exit.OK
