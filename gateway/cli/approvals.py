"""`toolgate approvals`, `approve`, `deny`: what waits, exactly as it will run, and the answer. No server is started."""

import asyncio

import click
from rich.console import Console

from gateway.approval import Approval
from gateway.call import Deny
from gateway.cli.asking import show_question
from gateway.cli.exits import Exit
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.events import Decision
from gateway.runtime import Offline, open_offline
from gateway.visible import visible

__all__ = ["approvals_command", "approve_command", "deny_command"]


@click.command("approvals")
@as_json
@caller
def approvals_command(as_json: bool, caller: Caller) -> int:
    """List the calls that wait for a person, the oldest first, with every argument."""
    with open_offline(caller.config()) as offline:
        waiting = asyncio.run(offline.approving.waiting())
    if as_json:
        emit([approval.to_json() for approval in waiting])
        return Exit.OK
    console = Console(highlight=False)
    for approval in waiting:
        show_question(console, approval)
        console.print(f"  │ {'answer':>12}  toolgate approve {approval.id}", soft_wrap=True)
    if not waiting:
        click.echo("nothing waits for a person", err=True)
    return Exit.OK


@click.command("approve")
@click.argument("approval_id", metavar="ID")
@as_json
@caller
def approve_command(approval_id: str, as_json: bool, caller: Caller) -> int:
    """Let the call that waits as ID happen, once, exactly as shown."""
    return _decide(caller, approval_id, "approved", "", as_json)


@click.command("deny")
@click.argument("approval_id", metavar="ID")
@click.option("--reason", default="", help="Told to the model.")
@as_json
@caller
def deny_command(approval_id: str, reason: str, as_json: bool, caller: Caller) -> int:
    """Refuse the call that waits as ID."""
    return _decide(caller, approval_id, "denied", reason, as_json)


def _decide(caller: Caller, approval_id: str, decision: Decision, reason: str, as_json: bool) -> int:
    with open_offline(caller.config()) as offline:
        answer = asyncio.run(_answer(offline, approval_id, decision, reason))
        if isinstance(answer, Deny):
            rule = f" [{answer.rule}]" if answer.rule else ""
            who = offline.subject().user
            click.echo(f"toolgate: {who} may not decide this: {visible(answer.why)}{rule}", err=True)
            return Exit.DENIED
        driver = asyncio.run(offline.store.run_row(answer.run_id)).driver
    if as_json:
        emit(answer.to_json())
        return Exit.OK
    then = f"toolgate resume {answer.run_id}" if driver == "loop" else "the client makes the same call again"
    click.echo(
        f"{decision} by {answer.decided_by}: {visible(answer.path)}; unless it goes on by itself: {then}", err=True
    )
    return Exit.OK


async def _answer(offline: Offline, approval_id: str, decision: Decision, reason: str) -> Approval | Deny:
    await offline.store.expire()
    return await offline.approving.decide(offline.subject(), approval_id, decision, reason)
