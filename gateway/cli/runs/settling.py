"""`toolgate runs settle`: what became of a call in doubt, by somebody who has looked. No server is started."""

import asyncio
from collections.abc import Sequence
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
@click.option("--happened", "said", flag_value="happened", multiple=True, help="It took effect.")
@click.option("--did-not", "said", flag_value="did_not_happen", multiple=True, help="It did not: it is made again.")
@click.option("--give-up", "said", flag_value="give_up", multiple=True, help="Nobody will know: the model is told so.")
@click.option("--note", default="", metavar="TEXT", help="What you found out: the model is told.")
@as_json
@caller
def settle_command(
    run_id: str, key: str, said: Sequence["Resolution"], note: str, as_json: bool, caller: Caller
) -> int:
    """Say what became of CALL (`t2/call/1`), which RUN made and got no answer to; or of an attempt to undo one
    (`undo/t2/call/1`).
    """
    if len(set(said)) != 1:
        raise click.UsageError("say what became of it, in one way: --happened, --did-not or --give-up")
    resolution = said[0]
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
