"""`toolgate runs pause`, `cancel`: what is under way stops, in whichever process it is. No server is started."""

import asyncio
import contextlib

import click

from gateway.cli.exits import Exit, ends, must_go_on
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.runs.undoing import hint
from gateway.errors import Unreadable
from gateway.visible import visible

__all__ = ["cancel_command", "pause_command"]

_WHY = click.option("--why", default="", metavar="TEXT", help="The reason, for whoever looks at it later.")


@click.command("cancel", epilog=ends())
@click.argument("run_id", metavar="RUN")
@_WHY
@as_json
@caller
def cancel_command(run_id: str, why: str, as_json: bool, caller: Caller) -> int:
    """End RUN. The model's reply that is under way is left, and a call, whose server is told; it is not undone."""
    with caller.offline() as offline:
        run = asyncio.run(offline.store.run_row(run_id))  # whatever it holds
        must_go_on(run, "cancel")
        asyncio.run(offline.cancel(run.id, offline.subject().user, why))
        undo = ""
        with contextlib.suppress(Unreadable):
            undo = "" if as_json else asyncio.run(hint(offline, run.id))
    if as_json:
        emit({"run": run.id, "status": "cancelled"})
    else:
        click.echo(f"cancelled {visible(run.id)}" + (f"; {undo}" if undo else ""), err=True)
    return Exit.OK


@click.command("pause", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.option("--now", "at_once", is_flag=True, help="Leave what is under way, as Ctrl-C does.")
@_WHY
@as_json
@caller
def pause_command(run_id: str, at_once: bool, why: str, as_json: bool, caller: Caller) -> int:
    """Have RUN stop: what is under way comes to its end, and nothing more is begun before somebody resumes it."""
    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        must_go_on(run, "pause")
        asyncio.run(offline.pause(run.id, offline.subject().user, why, at_once=at_once))
    if as_json:
        emit({"run": run.id, "status": "paused"})
    else:
        click.echo(visible(f"paused {run.id}; go on with: toolgate resume {run.id}"), err=True)
    return Exit.OK
