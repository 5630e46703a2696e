"""`toolgate store prune`: what has been kept for long enough goes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit, usage_of

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.store.removal import Kind

__all__ = ["KINDS", "prune_command"]

KINDS: "tuple[Kind, ...]" = ("runs", "sessions", "lasting", "audit")


@click.command("prune", epilog=ends())
@click.option(
    "--older-than", "age", metavar="AGE", help="`90d`, for the kinds that are named, in place of what is configured."
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@as_json
@caller
def prune_command(age: str | None, kinds: Sequence["Kind"], dry_run: bool, as_json: bool, caller: Caller) -> int:
    """Delete runs that ended long ago, and whatever else is older than `[store.keep]` says. What waits stays."""
    with caller.offline(as_it_is=dry_run) as offline:
        ages = _ages(offline, age, kinds)
        found = asyncio.run(_clear(offline, ages, dry_run=dry_run))
    if as_json:
        emit({"dry_run": dry_run, "deleted": found})
        return Exit.OK
    for kind, count in found.items():
        click.echo(f"{count:>12,}  {kind}{' would go' if dry_run else ''}")
    return Exit.OK


def _ages(offline: "Offline", age: str | None, kinds: Sequence["Kind"]) -> Mapping["Kind", float]:
    """For how many seconds each kind is kept. Raises UsageError where nothing says so."""
    from gateway.config.amounts import duration

    if age is not None:
        with usage_of("--older-than"):
            return dict.fromkeys(kinds or ("runs",), duration(age))
    keep = offline.config.store.keep
    said: dict[Kind, float | None] = {kind: getattr(keep, kind) for kind in KINDS}
    ages = {kind: kept for kind, kept in said.items() if kept is not None and (not kinds or kind in kinds)}
    if not ages:
        raise click.UsageError("say how old with --older-than 90d, or in [store.keep] of toolgate.toml")
    return ages


async def _clear(offline: "Offline", ages: Mapping["Kind", float], *, dry_run: bool) -> dict[str, int]:
    now, by, book = offline.store.now(), offline.subject().user, offline.store.removal
    return {
        kind: await book.clear(kind, now - round(seconds * 1000), by, dry_run=dry_run) for kind, seconds in ages.items()
    }
