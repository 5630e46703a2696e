"""`toolgate runs show`: what happened in a run. No server is started."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.store.removal import Decision

__all__ = ["show_command"]


@click.command("show", epilog=ends())
@click.argument("run_id", metavar="RUN")
@as_json
@caller
def show_command(run_id: str, as_json: bool, caller: Caller) -> int:
    """A run's timeline: what the model said, each call with its verdict, who approved, what was spent."""
    with caller.offline() as offline:
        if decided := offline.store.removal.decisions(run_id):
            return _show_deleted(run_id, decided, as_json=as_json)
        run = asyncio.run(offline.run(run_id))
        events = asyncio.run(offline.store.events(run.id))
        line = asyncio.run(offline.store.line(run.id)) if run.status == "queued" else None
    if as_json:
        from gateway.course import course

        told = [turn.to_json() for turn in course(events)]
        recorded = [each.to_json() for each in events]
        emit({"run": run.id, "status": run.status, "transitions": told, "events": recorded})
        return Exit.OK
    from gateway.cli.timeline import print_timeline
    from gateway.visible import visible

    print_timeline(run, events)
    for before in line.ahead[:1] if line else ():
        how = f"is {before.status}: toolgate runs show {before.run_id}"
        click.echo(visible(f"          run {before.run_id} of the session {run.session} comes first, and {how}"))
    return Exit.OK


def _show_deleted(run_id: str, decided: "Sequence[Decision]", *, as_json: bool) -> int:
    if as_json:
        emit({"run": run_id, "status": "deleted", "events": [{"seq": d.seq, "at": d.at, **d.body} for d in decided]})
        return Exit.OK
    click.echo(f"{run_id}  deleted; what was decided in it:")
    from gateway.visible import visible

    for each in decided:
        said = (f"{name}={value}" for name, value in each.body.items() if name != "event" and value is not None)
        click.echo(visible(f"  {each.seq:>6}  {each.body['event']}  {' '.join(said)}"))
    return Exit.OK
