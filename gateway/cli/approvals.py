"""`toolgate approvals`: what waits for people, exactly as it will run. No server is started."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.lazy import Lazy
from gateway.cli.options import Caller, as_json, caller, emit, only_behind

if TYPE_CHECKING:
    from gateway.offline import Offline

__all__ = ["approvals_command"]

RUNS_SEEN = 500  # the newest, among which calls in doubt are looked for
MOST_SHOWN = 200  # questions, on a page for people

_BELOW = {
    "show": ("watching", "One question, with all that is known about it."),
    "watch": ("watching", "Questions as they come, until Ctrl-C."),
    "escalate": ("answering", "Hand a question up to those with the role that its line names."),
    "rules": ("habits", "How people answer each rule: which are always answered with yes?"),
    "remembered": ("remembering", "The answers that count for more calls than one."),
    "forget": ("remembering", "Take back a remembered answer."),
    "delegate": ("remembering", "Let somebody decide in your place until a date."),
    "delegations": ("remembering", "Who decides for whom."),
    "end": ("remembering", "End a delegation."),
}


@click.group("approvals", invoke_without_command=True, cls=Lazy, table=_BELOW, epilog=ends())
@as_json
@caller
@click.pass_context
def approvals_command(context: click.Context, as_json: bool, caller: Caller) -> int:
    """List the calls that wait for a person, the oldest first, with every argument. Identical ones are one question."""
    if context.invoked_subcommand is not None:
        return only_behind(context, "toolgate approvals {name} ...")
    with caller.offline() as offline:
        waiting, now = asyncio.run(offline.approving.waiting(limit=sys.maxsize)), offline.store.now()
        doubted = [] if as_json else asyncio.run(_doubted(offline))
    if as_json:
        from gateway.preview import record

        emit([record(approval) for approval in waiting])
        return Exit.OK
    if not waiting and not doubted:
        click.echo("nothing waits for a person", err=True)
        return Exit.OK
    from gateway.approving import alike
    from gateway.cli.asking import how, show_lines, show_question
    from gateway.cli.console import console

    option = caller.tenant_option()
    paper = console()
    for same in alike(waiting[:MOST_SHOWN]):
        show_question(paper, same[0], now)
        show_lines(paper, [how(approval, option(approval.tenant)) for approval in same])
    if len(waiting) > MOST_SHOWN:
        click.echo(f"and {len(waiting) - MOST_SHOWN} more; --json lists them all", err=True)
    for doubt in doubted:
        click.echo(f"\n  {doubt}")
    return Exit.OK


async def _doubted(offline: "Offline") -> list[str]:
    """How to say what became of the calls that nobody knows about, and for which runs wait."""
    from gateway.cli.lines import doubts
    from gateway.errors import Unreadable
    from gateway.store.legible import left_out

    rows = await offline.store.run_rows(RUNS_SEEN)
    found = list[str]()
    for row in (row for row in rows if row.status == "waiting"):
        try:
            found += doubts(await offline.run(row.id))
        except Unreadable as error:
            left_out(error)
    return found
