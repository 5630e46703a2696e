"""`toolgate runs delete`: a run goes, and what was decided in it is kept. No server is started."""

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.offline import Offline

__all__ = ["delete_command"]

PATIENCE = 30.0  # seconds for whoever drives it to let go: a lease is over by then, but not that of a client's session


@click.command("delete", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.option("--force", is_flag=True, help="Cancel it first, if it has not ended.")
@as_json
@caller
def delete_command(run_id: str, force: bool, as_json: bool, caller: Caller) -> int:
    """Delete RUN, which has ended, with its approvals. Whose it was and what was decided in it is kept."""
    with caller.offline() as offline:
        found = asyncio.run(_delete(offline, run_id, force=force))
    if as_json:
        emit({"run": found, "status": "deleted"})
    else:
        click.echo(f"deleted {found}", err=True)
    return Exit.OK


async def _delete(offline: "Offline", run_id: str, *, force: bool) -> str:
    from gateway.run import ENDED
    from gateway.store.waiting import until

    run, by = await offline.run(run_id), offline.subject().user
    if force:
        if run.status not in ENDED:
            await offline.cancel(run.id, by, "it is to be deleted")

        async def let_go() -> bool:
            """Whoever drove it has recorded what was under way: soon, or its lease runs out."""
            row = await offline.store.run_row(run.id)
            return row.owner is None or is_over(row.owner, row.lease_until)

        if not await until(offline.store, let_go, PATIENCE):
            owner = (await offline.store.run_row(run.id)).owner
            why = f"run {run.id} is cancelled, and {owner} has not let go of it within {PATIENCE:g} s"
            raise Stop(Exit.ERROR, f"{why}; say the same again later")
    await offline.store.removal.remove(run.id, by)
    return run.id


def is_over(owner: str, until: int) -> bool:
    """Whether a lease binds nobody any more."""
    import time

    from gateway.store.lease import is_dead

    return is_dead(owner) or until <= time.time_ns() // 1_000_000
