"""`toolgate runs fork`: a run is taken up anew from any point of it, and nothing is done twice."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.run import absolute, interruptible, limits_of

if TYPE_CHECKING:
    from gateway.budget import Limits
    from gateway.forking import Fork

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
@click.option("--no-run", is_flag=True, help="Queue it, and leave it to `toolgate resume`.")
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
    as_json: bool,
    caller: Caller,
) -> int:
    """Take RUN up anew from STEP, as a run of its own, with budgets that begin anew. Calls that were made by then keep
    their results; none is repeated.
    """
    if policy is not None and no_run:
        raise click.UsageError("--policy counts as long as this command drives the run: it does not go with --no-run")
    from gateway.forking import Fork

    found, new = asyncio.run(_begin(caller, run_id, Fork(at, text), absolute(model), limits_of(budgets)))
    if no_run:
        if as_json:
            emit({"run": new, "from": found, "status": "queued"})
        else:
            click.echo(f"{new} is queued; go on with: toolgate resume {new}", err=True)
        return Exit.OK
    from gateway.cli.driving import Manner, take_up

    flags = () if policy is None else (("--policy", "policy.files", str(policy.resolve())),)
    return interruptible(take_up(caller, new, Manner.of(as_json=as_json, wait=None), *flags))


async def _begin(caller: Caller, run_id: str, fork: "Fork", model: str | None, limits: "Limits") -> tuple[str, str]:
    """The ids of both."""
    from gateway.forks import Taken, begin

    with caller.offline() as offline:
        found = (await offline.run(run_id)).id
        return found, await begin(offline, found, fork, Taken(model=model, limits=limits))
