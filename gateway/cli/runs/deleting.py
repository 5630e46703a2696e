"""`toolgate runs delete`: a run goes, and what was decided in it is kept. No server is started."""

import asyncio

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.visible import visible

__all__ = ["delete_command"]


@click.command("delete", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.option("--force", is_flag=True, help="Cancel it first, if it has not ended.")
@as_json
@caller
def delete_command(run_id: str, force: bool, as_json: bool, caller: Caller) -> int:
    """Delete RUN, which has ended, with its approvals. Whose it was and what was decided in it is kept."""
    with caller.offline() as offline:
        found = asyncio.run(offline.delete(run_id, offline.subject().user, force=force))
    if as_json:
        emit({"run": found, "status": "deleted"})
    else:
        click.echo(f"deleted {visible(found)}", err=True)
    return Exit.OK
