"""`toolgate approvals`, `approve`, `deny`: what waits, exactly as it will run, and the answer. No server is started."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.approval import Approval, Said
    from gateway.call import Deny
    from gateway.runtime import Offline

__all__ = ["approvals_command", "approve_command", "deny_command"]

RUNS_SEEN = 500  # the newest, among which calls in doubt are looked for
MOST_SHOWN = 200  # questions, on a page for people
SHORTEST_ID = 6  # of what an id begins with: an empty variable in a script must not answer the only question there is


@click.command("approvals", epilog=ends())
@as_json
@caller
def approvals_command(as_json: bool, caller: Caller) -> int:
    """List the calls that wait for a person, the oldest first, with every argument."""
    with caller.offline() as offline:
        waiting = asyncio.run(offline.approving.waiting(limit=sys.maxsize))
        doubted = [] if as_json else asyncio.run(_doubted(offline))
    if as_json:
        emit([approval.to_json() for approval in waiting])
        return Exit.OK
    if not waiting and not doubted:
        click.echo("nothing waits for a person", err=True)
        return Exit.OK
    from gateway.cli.asking import show_question
    from gateway.cli.console import console

    option = caller.tenant_option()
    paper, now = console(), time.time_ns() // 1_000_000
    for approval in waiting[:MOST_SHOWN]:
        show_question(paper, approval, now)
        paper.print(f"  │ {'answer':>12}  toolgate approve {approval.id}{option(approval.tenant)}", markup=False)
    if len(waiting) > MOST_SHOWN:
        click.echo(f"and {len(waiting) - MOST_SHOWN} more; --json lists them all", err=True)
    for doubt in doubted:
        click.echo(f"\n  {doubt}")
    return Exit.OK


async def _doubted(offline: "Offline") -> list[str]:
    """How to say what became of the calls that nobody knows about, and for which runs wait."""
    from gateway.cli.lines import doubts

    rows = await offline.store.run_rows(RUNS_SEEN)
    waiting = [await offline.run(row.id) for row in rows if row.status == "waiting"]
    return [doubt for run in waiting for doubt in doubts(run)]


@click.command("approve", epilog=ends(Exit.DENIED))
@click.argument("approval_id", metavar="ID")
@as_json
@caller
def approve_command(approval_id: str, as_json: bool, caller: Caller) -> int:
    """Let the call that waits as ID happen, once, exactly as shown."""
    return _decide(caller, approval_id, "approved", "", as_json)


@click.command("deny", epilog=ends(Exit.DENIED))
@click.argument("approval_id", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Told to the model.")
@as_json
@caller
def deny_command(approval_id: str, reason: str, as_json: bool, caller: Caller) -> int:
    """Refuse the call that waits as ID."""
    return _decide(caller, approval_id, "denied", reason, as_json)


def _decide(caller: Caller, approval_id: str, decision: "Said", reason: str, as_json: bool) -> int:
    from gateway.call import Deny
    from gateway.visible import visible

    if len(approval_id) < SHORTEST_ID:
        raise click.BadParameter(f"give at least the first {SHORTEST_ID} characters of the id", param_hint="ID")
    with caller.offline() as offline:
        answer, driver = asyncio.run(_answer(offline, approval_id, decision, reason))
        who = offline.subject().user
    if isinstance(answer, Deny):
        rule = f" [{answer.rule}]" if answer.rule else ""
        raise Stop(Exit.DENIED, f"{who} may not decide this: {visible(answer.why)}{rule}", {"rule": answer.rule})
    if as_json:
        emit(answer.to_json())
        return Exit.OK
    then = _then(decision, driver, answer.run_id)
    click.echo(f"{decision} by {answer.decided_by}: {visible(answer.path)}; {then}", err=True)
    return Exit.OK


def _then(decision: "Said", driver: str, run_id: str) -> str:
    """What comes next. A run that waits goes on by itself only where somebody keeps it open."""
    if driver == "client":
        return "the client makes the same call again" if decision == "approved" else "the caller is told"
    told = "" if decision == "approved" else "the caller is told; "
    return f"{told}if its run does not go on by itself: toolgate resume {run_id}"


async def _answer(offline: "Offline", approval_id: str, decision: "Said", reason: str) -> tuple["Approval | Deny", str]:
    """The answered question, or why not; and who drives its run."""
    await offline.store.expire()
    answer = await offline.approving.decide(offline.subject(), approval_id, decision, reason)
    run_id = getattr(answer, "run_id", None)
    return answer, (await offline.store.run_row(run_id)).driver if run_id else ""
