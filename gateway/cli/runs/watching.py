"""`toolgate runs watch`: a run as it happens, whoever drives it. No server is started."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller
from gateway.cli.run import interruptible
from gateway.errors import UnknownRun
from gateway.visible import visible

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.stream import Until

__all__ = ["watch_command"]


@click.command("watch", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.argument("run_id", metavar="RUN")
@click.option("--after", default=0, type=click.IntRange(min=0), metavar="SEQ", help="Only events behind this one.")
@click.option(
    "--until",
    type=click.Choice(["end", "rest"]),
    default="end",
    show_default=True,
    help="`rest`: stop as well where the run waits for people, or is paused.",
)
@as_json
@caller
def watch_command(run_id: str, after: int, until: "Until", as_json: bool, caller: Caller) -> int:
    """Watch RUN as it happens, from any process; ends as `toolgate run` would."""
    with caller.offline() as offline:
        return interruptible(_watch(offline, run_id, after, until, as_json=as_json))


async def _watch(offline: "Offline", run_id: str, after: int, until: "Until", *, as_json: bool) -> int:
    from gateway.cli.driving import Manner, conclude
    from gateway.cli.exits import exit_of_run
    from gateway.stream import watch

    manner = Manner.of(as_json=as_json, wait=None)
    watcher, row = manner.watcher(), await offline.store.run_row(run_id)
    try:
        async with aclosing(watch(offline.store, row.id, after, until)) as events:
            async for recorded in events:
                watcher.recorded(recorded)
                after = recorded.seq
    except asyncio.CancelledError:
        manner.say(f"the run goes on without this; watch on with: toolgate runs watch {row.id} --after {after}")
        return Exit.INTERRUPTED
    except BrokenPipeError:  # whoever read this has enough
        click.echo(f"the run goes on; watch on with: toolgate runs watch {row.id} --after {after}", err=True)
        raise
    try:
        found = await offline.run(row.id)
    except UnknownRun:
        raise Stop(Exit.ERROR, f"run {visible(row.id)} was deleted") from None
    conclude(found, manner, theirs=await offline.store.has_job(row.id))
    return exit_of_run(found)
