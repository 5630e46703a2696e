"""`toolgate runs`, `cancel`, `resolve`: what happened, and what people say about it. No server is started."""

import asyncio
from datetime import datetime
from typing import get_args

import click

from gateway.call import Subject
from gateway.cli.exits import Exit
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.timeline import print_timeline
from gateway.events import Resolution
from gateway.runtime import open_offline
from gateway.store import RunRow
from gateway.store.lease import is_dead

__all__ = ["cancel_command", "resolve_command", "runs_command"]


@click.group("runs", invoke_without_command=True)
@click.option("--limit", default=20, show_default=True, help="How many.")
@as_json
@caller
@click.pass_context
def runs_command(context: click.Context, limit: int, as_json: bool, caller: Caller) -> int:
    """List runs, the newest first."""
    if context.invoked_subcommand is not None:
        return Exit.OK
    with open_offline(caller.config()) as offline:
        rows = asyncio.run(offline.store.run_rows(limit))
    if as_json:
        emit([{name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows])
        return Exit.OK
    for row in rows:
        click.echo(f"{row.id}  {_when(row.created)}  {_status(row):<18} {_who(row):<28} {row.title}")
    return Exit.OK


@runs_command.command("show")
@click.argument("run_id", metavar="RUN")
@as_json
@caller
def show_command(run_id: str, as_json: bool, caller: Caller) -> int:
    """A run's timeline: what the model said, each call with its verdict, who approved, what was spent."""
    with open_offline(caller.config()) as offline:
        run = asyncio.run(offline.run(run_id))
        events = asyncio.run(offline.store.events(run.id))
    if as_json:
        emit({"run": run.id, "status": run.status, "events": [recorded.to_json() for recorded in events]})
    else:
        print_timeline(run, events)
    return Exit.OK


@click.command("cancel")
@click.argument("run_id", metavar="RUN")
@caller
def cancel_command(run_id: str, caller: Caller) -> int:
    """End RUN. A call that is under way is not undone."""
    with open_offline(caller.config()) as offline:
        run = asyncio.run(offline.run(run_id))
        asyncio.run(offline.cancel(run.id, offline.subject().user))
    click.echo(f"cancelled {run.id}", err=True)
    return Exit.OK


@click.command("resolve")
@click.argument("run_id", metavar="RUN")
@click.argument("key", metavar="CALL")
@click.argument("resolution", type=click.Choice(get_args(Resolution)))
@click.option("--note", default="", help="What you found out: the model is told.")
@caller
def resolve_command(run_id: str, key: str, resolution: Resolution, note: str, caller: Caller) -> int:
    """Say what became of CALL (`t2/call/1`), which RUN made before it lost its worker."""
    with open_offline(caller.config()) as offline:
        subject: Subject = offline.subject()
        run = asyncio.run(offline.run(run_id))
        asyncio.run(offline.resolve(run.id, key, resolution, subject.user, note))
    click.echo(f"go on with: toolgate resume {run.id}", err=True)
    return Exit.OK


def _status(row: RunRow) -> str:
    gone = row.status == "running" and (row.owner is None or is_dead(row.owner))
    return "running, no worker" if gone else row.status


def _who(row: RunRow) -> str:
    return f"{row.agent} for {row.user}" if row.agent else row.user


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
