"""The question to a person, on a terminal: exactly what will run, and why it is asked."""

import asyncio
import json
import sys
import textwrap

from rich.console import Console
from rich.text import Text

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.call import Deny, Subject
from gateway.errors import Conflict
from gateway.visible import visible

__all__ = ["answer", "read_line", "show_question"]


async def answer(approving: Approving, approver: Subject, approval: Approval, console: Console) -> None:
    """Asks until there is an answer, and gives it. What runs is what was shown: the approval holds the arguments."""
    show_question(console, approval)
    said = ""
    while said[:1] not in ("y", "n"):
        console.print(f"  [yellow]{visible(approver.user)}[/yellow], may it happen? (y/n, or n and a reason) ", end="")
        said = (await read_line()).strip()
        if said == "":
            continue
    decision, reason = ("approved", "") if said.startswith("y") else ("denied", said[1:].strip(" ,:o"))
    try:
        outcome = await approving.decide(approver, approval.id, decision, reason)  # type: ignore[arg-type]  # a Decision
    except Conflict as error:
        console.print(f"  {visible(str(error))}", markup=False)
        return
    if isinstance(outcome, Deny):
        console.print(f"  {visible(outcome.why)}", markup=False)


def show_question(console: Console, approval: Approval) -> None:
    """The exact call, its values spelled out, and the rule that asks."""
    who = f"{approval.agent} for {approval.user}" if approval.agent else approval.user
    lines = [
        ("call", visible(approval.path)),
        ("for", f"{visible(who)} · {visible(approval.tenant)}"),
        ("why", visible(approval.why) + (f"  [{approval.rule}]" if approval.rule else "")),
        *_arguments(approval.arguments),
    ]
    console.print()
    for label, text in lines:
        console.print(Text.assemble((f"  │ {label:>12}  ", "yellow"), text), soft_wrap=True)


def _arguments(text: str) -> list[tuple[str, str]]:
    """One line for each argument, the whole of each value."""
    values = json.loads(text)
    shown = {visible(key): visible(json.dumps(value, ensure_ascii=False)) for key, value in values.items()}
    return [("with", f"{key} = {value}") for key, value in shown.items()] or [("with", "no arguments")]


async def read_line() -> str:
    """A line of stdin, without a thread that would outlive Ctrl-C. Raises EOFError at its end."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), _wake, readable)
    try:
        await readable
        line = sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    if not line:
        raise EOFError("nobody is there to answer")
    return textwrap.shorten(line, 500)


def _wake(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)
