"""`toolgate runs undo`: what a run has done and how it can be undone; and undoing it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.reversal import Undo
    from gateway.run import Run

__all__ = ["hint", "listed", "undo_command"]

_ENDS = {"held": Exit.WAITING, "refused": Exit.DENIED, "failed": Exit.TOOL_ERROR, "in_doubt": Exit.ERROR}
_ENDS |= {"open": Exit.UNREACHABLE}


@click.command("undo", epilog=ends(Exit.UNREACHABLE, Exit.TOOL_ERROR, Exit.DENIED, Exit.WAITING))
@click.argument("run_id", metavar="RUN")
@click.argument("keys", metavar="[CALL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that can be undone, the newest first.")
@as_json
@caller
def undo_command(run_id: str, keys: Sequence[str], everything: bool, as_json: bool, caller: Caller) -> int:
    """List what RUN has done that can be undone, the newest first; with CALL or --all, undo it."""
    found = asyncio.run(_undone(caller, run_id, keys)) if keys or everything else _listed(caller, run_id)
    if as_json:
        emit([asdict(undo) for undo in found])
    else:
        _show(run_id, found)
    left = [undo for undo in found if undo.left and (everything or undo.key in keys)]
    stopped = [undo for undo in left if undo.state != "open" or undo.why] or left
    return _ENDS[stopped[0].state] if stopped else Exit.OK


def _listed(caller: Caller, run_id: str) -> "Sequence[Undo]":
    from gateway.reversal import must_be_here

    with caller.offline() as offline:
        must_be_here(asyncio.run(offline.run(run_id)))
        return asyncio.run(listed(offline, run_id))


async def listed(offline: "Offline", run_id: str) -> "Sequence[Undo]":
    """What of it can be undone, the newest first. No server is asked."""
    from gateway.effects import undo_run
    from gateway.reversal import undos
    from gateway.tool_words import effects_of

    run, effects = await offline.run(run_id), effects_of(offline.config)
    events, later = [await offline.store.events(name) for name in (run.id, undo_run(run.id))]
    return undos(run, events, later, effects)


async def hint(offline: "Offline", run_id: str) -> str:
    """The command that undoes what an ended run has done; empty if it has done nothing that can be undone."""
    left = any(undo.left for undo in await listed(offline, run_id))
    return f"see what can be undone: toolgate runs undo {run_id}" if left else ""


async def _undone(caller: Caller, run_id: str, keys: Sequence[str]) -> "Sequence[Undo]":
    from gateway.reversal import must_be_here
    from gateway.tool_words import effects_of
    from gateway.undoing import Undoing

    async with caller.runtime() as runtime:
        offline, effects = runtime.offline, effects_of(runtime.config)
        run, who = await offline.run(run_id), offline.subject()
        must_be_here(run)
        _may_be(run, who.tenant)
        undoing = Undoing(offline.store, runtime.pipeline, effects)
        known = [undo.key for undo in await undoing.listed(run.id)]
        for key in (key for key in keys if key not in known):
            raise Stop(Exit.ERROR, f"the call `{key}` of run {run.id} can't be undone; can be: {', '.join(known)}")
        return await undoing.undo(run.id, keys or known, who)


def _may_be(run: "Run", tenant: str) -> None:
    from gateway.run import ENDED

    if run.status not in ENDED:
        raise Stop(Exit.ERROR, f"run {run.id} has not ended: toolgate cancel {run.id} ends it")
    if run.subject.tenant != tenant:
        raise Stop(Exit.ERROR, f"run {run.id} is another tenant's: say --tenant {run.subject.tenant}")


def _show(run_id: str, found: "Sequence[Undo]") -> None:
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    rows = [(undo.key, visible(undo.path), visible(undo.tool), undo.state, visible(undo.why)) for undo in found]
    for line in aligned(rows):
        click.echo(line)
    for undo in (undo for undo in found if undo.state == "in_doubt"):
        settle = f"toolgate runs settle {run_id} {undo.unsure_of} --happened | --did-not | --give-up"
        click.echo(f"look whether it happened, and say so: {settle}", err=True)
    for undo in (undo for undo in found if undo.approval):
        click.echo(f"a person must agree: toolgate approve {undo.approval}; then say the same again", err=True)
    if not found:
        click.echo("it has done nothing of which anybody has said how it is undone", err=True)
    elif any(undo.state == "open" for undo in found):
        click.echo(f"undo it: toolgate runs undo {run_id} --all", err=True)
