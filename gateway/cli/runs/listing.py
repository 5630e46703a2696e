"""`toolgate runs`, `toolgate runs list`: runs, the newest first, a page at a time. No server is started."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located, through
from gateway.dates import dated
from gateway.errors import Unreadable

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.store import RunRow
    from gateway.store.wanted import Wanted

__all__ = ["STATUSES", "list_command", "show_list"]

STATUSES = ("queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled")


@click.command("list", epilog=ends())
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so.")
@click.option("--tenant", metavar="NAME", help="Only those of this organisation.")
@click.option("--user", metavar="WHO", help="Only those of this user: `user:ann`.")
@click.option("--agent", metavar="NAME", help="Only those of this agent.")
@click.option("--since", metavar="WHEN", help="Only those that began since then: `7d`, `2026-11-01`.")
@click.option("--before", metavar="RUN", help="Only those that began before this one: the next page.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many.")
@as_json
@located
def list_command(
    status: str | None,
    tenant: str | None,
    user: str | None,
    agent: str | None,
    since: str | None,
    before: str | None,
    limit: int,
    as_json: bool,
    caller: Caller,
) -> int:
    """List runs, the newest first."""
    from gateway.cli.policy.comparing import moment
    from gateway.store.wanted import Wanted

    began = moment("--since", since, time.time_ns() // 1_000_000)
    wanted = Wanted(status=status, tenant=tenant, user=user, agent=through(agent), since=began, before=before)
    return show_list(caller, wanted, limit, as_json=as_json)


def show_list(caller: Caller, wanted: "Wanted", limit: int, *, as_json: bool) -> int:
    """Prints them. Returns exit code 0. Raises UnknownRun for a run to begin behind that is none."""
    with caller.offline() as offline:
        rows = asyncio.run(offline.store.run_rows(limit, wanted))
        ended = {} if as_json else asyncio.run(_ended(offline, rows)) | asyncio.run(_behind(offline, rows))
    if as_json:
        emit([{name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows])
        return Exit.OK
    _print(rows, ended)
    if not rows:
        from gateway.store.wanted import Wanted

        none = "there are no runs yet; toolgate run TEXT starts one" if wanted == Wanted() else "there are no such runs"
        click.echo(none, err=True)
    elif len(rows) == limit:
        from gateway.visible import visible

        click.echo(f"there may be more: toolgate runs list --before {visible(rows[-1].id)}", err=True)
    return Exit.OK


def _print(rows: "Sequence[RunRow]", ended: dict[str, str]) -> None:
    from gateway.cli.columns import aligned

    table = [
        (
            row.id,
            _when(row.created),
            ended.get(row.id) or _status(row),
            _who(row),
            row.tenant,
            row.title,
        )
        for row in rows
    ]
    for line in aligned(table):
        click.echo(line)


async def _ended(offline: "Offline", rows: "Sequence[RunRow]") -> dict[str, str]:
    """How the calls of clients ended that did not end well: their runs went as they should all the same."""
    calls = [row.id for row in rows if row.driver == "client" and row.status == "succeeded"]
    said = dict[str, str]()
    for run_id in calls:
        with contextlib.suppress(Unreadable):  # `runs show` says why
            said[run_id] = (await offline.run(run_id)).output
    return {run_id: f"ended: {output}" for run_id, output in said.items() if output}


async def _behind(offline: "Offline", rows: "Sequence[RunRow]") -> dict[str, str]:
    """For which other run of its session each waits that is queued."""
    lines = {row.id: await offline.store.line(row.id) for row in rows if row.status == "queued"}
    return {run_id: f"queued, behind {line.ahead[0].run_id}" for run_id, line in lines.items() if line and line.ahead}


def _status(row: "RunRow") -> str:
    from gateway.effects import UNDO
    from gateway.store.lease import is_dead

    gone = row.status == "running" and (row.owner is None or is_dead(row.owner))
    idle = "not all undone" if row.id.startswith(UNDO) else "running, no worker"
    return idle if gone else row.status


def _who(row: "RunRow") -> str:
    return f"{row.agent} for {row.user}" if row.agent else row.user


def _when(milliseconds: int) -> str:
    return dated(milliseconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
