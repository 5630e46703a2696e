"""`toolgate approvals show`, `watch`: a question with all that is known about it, and questions as they come."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.approval import Approval
    from gateway.offline import Offline

__all__ = ["show_command", "watch_command"]


@click.command("show", epilog=ends())
@click.argument("approval_id", metavar="ID")
@click.option("--full", is_flag=True, help="Cut nothing, however long it is.")
@as_json
@caller
def show_command(approval_id: str, full: bool, as_json: bool, caller: Caller) -> int:
    """One question: the exact call, what differs from the last such one, where each value came from, what it costs."""
    with caller.offline() as offline:
        return asyncio.run(_show(offline, approval_id, full=full, as_json=as_json))


async def _show(offline: "Offline", approval_id: str, *, full: bool, as_json: bool) -> int:
    from gateway.preview import background, preview, record

    asked = await offline.store.approval(approval_id)
    lines = background(asked, await offline.approving.background(asked))
    if as_json:
        shown = [*preview(asked, whole=full), *lines]
        emit({**record(asked), "view": [[line.label, line.text] for line in shown]})
        return Exit.OK
    from gateway.cli.asking import show_lines, show_question
    from gateway.cli.console import console
    from gateway.preview import Line
    from gateway.visible import visible

    paper = console()
    show_question(paper, asked, offline.store.now(), whole=full)
    votes = [
        Line("vote", visible(f"{vote.by}: {vote.decision} ({vote.method or 'unknown'}) {vote.comment}".rstrip()))
        for vote in asked.decisions
    ]
    show_lines(paper, [*lines, *votes, Line("state", asked.state), Line("id", asked.id), Line("digest", asked.digest)])
    return Exit.OK


@click.command("watch", epilog=ends())
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after so many questions.")
@as_json
@caller
def watch_command(count: int | None, as_json: bool, caller: Caller) -> int:
    """Show questions as they come, until Ctrl-C; with --json one a line."""
    with caller.offline() as offline:
        asyncio.run(_watch(offline, count or sys.maxsize, as_json=as_json))
    return Exit.OK


async def _watch(offline: "Offline", count: int, *, as_json: bool) -> None:
    from gateway.store.waiting import until

    seen: set[str] = set()

    async def more() -> bool:
        for asked in await offline.approving.waiting(limit=sys.maxsize):
            if asked.id not in seen and len(seen) < count:
                seen.add(asked.id)
                _print(asked, offline.store.now(), as_json=as_json)
        return len(seen) >= count

    await until(offline.store, more)


def _print(asked: "Approval", now: int, *, as_json: bool) -> None:
    if as_json:
        from gateway.preview import record

        emit(record(asked))
        return
    from gateway.cli.asking import how, show_lines, show_question
    from gateway.cli.console import console

    paper = console()
    show_question(paper, asked, now)
    show_lines(paper, [how(asked)])
