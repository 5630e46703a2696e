"""`toolgate worker`: runs that were submitted are driven here."""

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.unread import heedless

if TYPE_CHECKING:
    from gateway.worker import Outcome

__all__ = ["worker_command"]


@click.command("worker", epilog=ends(Exit.UNREACHABLE))
@click.option("--concurrency", type=click.IntRange(1, 1000), metavar="N", help="How many runs at once.")
@click.option("--once", is_flag=True, help="Stop after one run.")
@click.option("--until-idle", is_flag=True, help="Stop when there is nothing to do.")
@as_json
@caller
def worker_command(concurrency: int | None, once: bool, until_idle: bool, as_json: bool, caller: Caller) -> int:
    """Drive the runs that were submitted, until SIGTERM or Ctrl-C: then each comes to its next safe point, where
    another worker takes it up. A second signal waits for nothing.

    With --json, one line on stdout for each run that is let go of.
    """
    with heedless():
        return asyncio.run(_work(caller, concurrency, 1 if once else None, until_idle=until_idle, as_json=as_json))


async def _work(caller: Caller, concurrency: int | None, most: int | None, *, until_idle: bool, as_json: bool) -> int:
    from gateway.cli.leaving import Leaving
    from gateway.hiring import hired, terms_of, within, work
    from gateway.memory import giving_back
    from gateway.serve.signals import on_stop

    with Leaving() as leaving:
        async with caller.runtime() as runtime, giving_back():
            terms = within(terms_of(runtime.config), concurrency, most, until_idle=until_idle)
            worker = hired(runtime, tell_json if as_json else tell, terms)
            with on_stop(leaving.by(worker.stop, terms.grace)):
                click.echo(f"worker: up to {terms.concurrency} runs at once; Ctrl-C lets them go", err=True)
                await work(runtime, worker)
    return Exit.OK


def tell(outcome: "Outcome") -> None:
    """A line on stderr for a run that is let go of; what went wrong is logged."""
    from gateway.visible import visible

    run = outcome.run
    if run is not None:
        why = f": {visible(run.cause)}" if run.cause else ""
        click.echo(f"{visible(run.id)} {'handed over' if run.status == 'running' else run.status}{why}", err=True)


def tell_json(outcome: "Outcome") -> None:
    run = outcome.run
    said = {"error": str(outcome.error)} if run is None else {"status": run.status, "cause": run.cause}
    emit({"run": outcome.run_id, **said})
