"""`toolgate runs show`: what happened in a run. No server is started."""

import asyncio

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

__all__ = ["show_command"]


@click.command("show", epilog=ends())
@click.argument("run_id", metavar="RUN")
@as_json
@caller
def show_command(run_id: str, as_json: bool, caller: Caller) -> int:
    """A run's timeline: what the model said, each call with its verdict, who approved, what was spent."""
    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        events = asyncio.run(offline.store.events(run.id))
    if as_json:
        from gateway.course import course

        told = [turn.to_json() for turn in course(events)]
        recorded = [each.to_json() for each in events]
        emit({"run": run.id, "status": run.status, "transitions": told, "events": recorded})
        return Exit.OK
    from gateway.cli.timeline import print_timeline

    print_timeline(run, events)
    return Exit.OK
