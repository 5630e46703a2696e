"""`toolgate runs settle`: what became of a call in doubt, by somebody who has looked. No server is started."""

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.events import Resolution

__all__ = ["settle_command"]


@click.command("settle", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.argument("key", metavar="CALL")
@click.option("--happened", "resolution", flag_value="happened", help="It took effect.")
@click.option("--did-not", "resolution", flag_value="did_not_happen", help="It did not: it is made again.")
@click.option("--give-up", "resolution", flag_value="give_up", help="Nobody will know: the model is told so.")
@click.option("--note", default="", metavar="TEXT", help="What you found out: the model is told.")
@as_json
@caller
def settle_command(
    run_id: str, key: str, resolution: "Resolution | None", note: str, as_json: bool, caller: Caller
) -> int:
    """Say what became of CALL (`t2/call/1`), which RUN made and got no answer to; or of an attempt to undo one
    (`undo/t2/call/1`).
    """
    if resolution is None:
        raise click.UsageError("say what became of it: --happened, --did-not or --give-up")
    from gateway.run import ENDED

    with caller.offline() as offline:
        run = asyncio.run(offline.run(run_id))
        asyncio.run(offline.resolve(run.id, key, resolution, offline.subject().user, note))
    if as_json:
        emit({"run": run.id, "call": key, "resolution": resolution})
    else:
        command = "runs undo" if run.status in ENDED else "resume"
        click.echo(f"go on with: toolgate {command} {run.id}", err=True)
    return Exit.OK
