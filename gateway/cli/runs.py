"""`toolgate runs`, `cancel`, `resolve`: what happened, and what people say about it. No server is started."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends, must_go_on
from gateway.cli.options import Caller, as_json, caller, emit, only_behind
from gateway.cli.runs_watch import watch_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.events import Resolution
    from gateway.offline import Offline
    from gateway.store import RunRow

__all__ = ["cancel_command", "resolve_command", "runs_command"]

RESOLUTIONS = ("happened", "did_not_happen", "give_up")


@click.group("runs", invoke_without_command=True, epilog=ends())
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many.")
@as_json
@caller
@click.pass_context
def runs_command(context: click.Context, limit: int, as_json: bool, caller: Caller) -> int:
    """List runs, the newest first."""
    if context.invoked_subcommand is not None:
        return only_behind(context, "toolgate runs {name} RUN ...")
    with caller.offline() as offline:
        rows = asyncio.run(offline.store.run_rows(limit))
        ended = {} if as_json else asyncio.run(_ended(offline, rows))
    if as_json:
        emit([{name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows])
        return Exit.OK
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    table = [
        (
            row.id,
            _when(row.created),
            ended.get(row.id) or _status(row),
            *map(visible, (_who(row), row.tenant, row.title)),
        )
        for row in rows
    ]
    for line in aligned(table):
        click.echo(line)
    if not rows:
        click.echo("there are no runs yet; toolgate run TEXT starts one", err=True)
    return Exit.OK


@runs_command.command("show", epilog=ends())
@click.argument("run_id", metavar="RUN")
@as_json
@caller
def show_command(run_id: str, as_json: bool, caller: Caller) -> int:
    """A run's timeline: what the model said, each call with its verdict, who approved, what was spent."""
    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        events = asyncio.run(offline.store.events(run.id))
    if as_json:
        emit({"run": run.id, "status": run.status, "events": [recorded.to_json() for recorded in events]})
        return Exit.OK
    from gateway.cli.timeline import print_timeline

    print_timeline(run, events)
    return Exit.OK


runs_command.add_command(watch_command)


@click.command("cancel", epilog=ends())
@click.argument("run_id", metavar="RUN")
@as_json
@caller
def cancel_command(run_id: str, as_json: bool, caller: Caller) -> int:
    """End RUN. A call that is under way is not undone."""
    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        must_go_on(run, "cancel")
        asyncio.run(offline.cancel(run.id, offline.subject().user))
    if as_json:
        emit({"run": run.id, "status": "cancelled"})
    else:
        click.echo(f"cancelled {run.id}", err=True)
    return Exit.OK


@click.command("resolve", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.argument("key", metavar="CALL")
@click.argument("resolution", type=click.Choice(RESOLUTIONS))
@click.option("--note", default="", metavar="TEXT", help="What you found out: the model is told.")
@as_json
@caller
def resolve_command(run_id: str, key: str, resolution: "Resolution", note: str, as_json: bool, caller: Caller) -> int:
    """Say what became of CALL (`t2/call/1`), which RUN made before it lost its worker."""
    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        asyncio.run(offline.resolve(run.id, key, resolution, offline.subject().user, note))
    if as_json:
        emit({"run": run.id, "call": key, "resolution": resolution})
    else:
        click.echo(f"go on with: toolgate resume {run.id}", err=True)
    return Exit.OK


async def _ended(offline: "Offline", rows: "Sequence[RunRow]") -> dict[str, str]:
    """How the calls of clients ended that did not end well: their runs went as they should all the same."""
    calls = [row.id for row in rows if row.driver == "client" and row.status == "succeeded"]
    said = {run_id: (await offline.run(run_id)).output for run_id in calls}
    return {run_id: f"ended: {output}" for run_id, output in said.items() if output}


def _status(row: "RunRow") -> str:
    from gateway.store.lease import is_dead

    gone = row.status == "running" and (row.owner is None or is_dead(row.owner))
    return "running, no worker" if gone else row.status


def _who(row: "RunRow") -> str:
    return f"{row.agent} for {row.user}" if row.agent else row.user


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
