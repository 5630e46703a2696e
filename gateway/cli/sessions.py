"""`toolgate sessions`: conversations that go on from run to run. Each user sees his own. No server is started."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.session import Memory, Open, Session
    from gateway.store.sessions import SessionBook

__all__ = ["sessions_command"]

_WIDTH = 120  # characters of each message that is shown


@click.group("sessions", epilog=ends())
def sessions_command() -> None:
    """Conversations that go on from run to run (`toolgate run --session NAME`). Each user has his own."""


@sessions_command.command("list", epilog=ends())
@as_json
@caller
def list_command(as_json: bool, caller: Caller) -> int:
    """List your sessions, those that changed last first."""
    from gateway.cli.columns import ago, aligned

    with caller.offline() as offline:
        found = _book(offline).all()
    if as_json:
        emit([_record(session) for session in found])
        return Exit.OK
    now = time.time_ns() // 1_000_000
    rows = [
        (each.name, each.agent, _runs(each), f"{each.size:,} bytes", ago(each.updated, now), _open(each))
        for each in found
    ]
    for line in aligned(rows):
        click.echo(line)
    if not rows:
        click.echo("there are no sessions yet; toolgate run TEXT --session NAME begins one", err=True)
    return Exit.OK


@sessions_command.command("show", epilog=ends())
@click.argument("name", metavar="NAME")
@as_json
@caller
def show_command(name: str, as_json: bool, caller: Caller) -> int:
    """Show what the next run of a session begins with."""
    from gateway.session import Memory
    from gateway.visible import visible

    with caller.offline() as offline:
        session, text = _book(offline).get(name), _book(offline).memory(name)
        line = _book(offline).open(name)
    try:
        memory = None if text is None else Memory.from_text(text)
    except (LookupError, TypeError, ValueError, AttributeError):
        why = f"what the session `{visible(name)}` remembers is damaged in the store"
        raise Stop(Exit.ERROR, f"{why}; `toolgate sessions delete` forgets it") from None
    if as_json:
        kept = memory and {field: getattr(memory, field) for field in memory.__dataclass_fields__}
        stand = [{"run": each.run_id, "status": each.status, "begun": each.begun} for each in line]
        emit({**_record(session), "line": stand, "memory": kept})
        return Exit.OK
    last = f" · the last one is {session.run_id}" if session.run_id else ""
    click.echo(visible(f"{session.name} · {session.agent} · {_runs(session)}{last}"))
    for each in line:
        click.echo(visible(f"  {each.run_id}  {_stands(each)}"))
    for text in _lines(memory) if memory else ["nothing is remembered yet: no run of it has ended well"]:
        click.echo(f"  {visible(text)}")
    return Exit.OK


@sessions_command.command("delete", epilog=ends())
@click.argument("name", metavar="NAME")
@as_json
@caller
def delete_command(name: str, as_json: bool, caller: Caller) -> int:
    """Forget what a session remembers. Its runs stay on record."""
    with caller.offline() as offline:
        asyncio.run(_book(offline).delete(name))
    if as_json:
        emit({"session": name, "deleted": True})
    else:
        click.echo(f"deleted {name}; its runs stay on record", err=True)
    return Exit.OK


def _book(offline: "Offline") -> "SessionBook":
    who = offline.subject()
    return offline.store.sessions(who.user, who.tenant)


def _record(session: "Session") -> dict[str, Any]:
    return {name: getattr(session, name) for name in session.__dataclass_fields__}


def _runs(session: "Session") -> str:
    return f"{session.turns} run{'' if session.turns == 1 else 's'}"


def _open(session: "Session") -> str:
    return f"open: {', '.join(session.open)}" if session.open else ""


def _stands(run: "Open") -> str:
    """How it is with a run that has not ended, and what lets the session go on where nothing does by itself."""
    from gateway.taking_turns import is_left

    if run.aside:
        return f"paused before its turn: the others go past it; toolgate resume {run.run_id}"
    if run.status in ("waiting", "paused"):
        return f"{run.status}, and has the turn; toolgate resume {run.run_id}, or toolgate cancel {run.run_id}"
    if is_left(run):
        return f"running, no worker, and has the turn; toolgate resume {run.run_id}"
    return run.status


def _lines(memory: "Memory") -> list[str]:
    from gateway.visible import shortened

    told = [f"{message['role']:>9}  {shortened(_words(message), _WIDTH)}" for message in memory.messages]
    told += [f"   pinned  {shortened(text, _WIDTH)}" for text in memory.pinned]
    if memory.tainted:
        of = "nobody knows which servers" if memory.servers is None else ", ".join(memory.servers)
        told.append(f"  tainted  it holds what untrusted servers said; heard: {of}")
    return told


def _words(message: Any) -> str:
    """What is said in it, in one line."""
    told = []
    for part in message["parts"]:
        match part["kind"]:
            case "text":
                told.append(part["text"])
            case "tool_call":
                told.append(f"calls {part['name']} {part['arguments']}")
            case "tool_result":
                told.append(" ".join(str(block.get("text", f"[{block.get('type')}]")) for block in part["content"]))
    return " ".join(" ".join(told).split())
