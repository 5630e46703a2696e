"""The question to a person, on a terminal: exactly what will run, and why it is asked.

Only `y` or `yes` lets a call happen. What was typed before the question stood there is no answer to it.
"""

import asyncio
import re
import sys
import termios
from collections.abc import Awaitable, Sequence

from rich.console import Console
from rich.text import Text

from gateway.answer import Answer
from gateway.approval import Approval, Said
from gateway.approving import Approving
from gateway.call import Deny, Subject
from gateway.cli.columns import ago, within
from gateway.cli.options import os_user
from gateway.errors import Conflict
from gateway.preview import Line, background, preview
from gateway.store.waiting import until
from gateway.visible import visible

__all__ = ["answer", "answered", "forget_typed", "how", "read_line", "show_lines", "show_question"]

MAX_REASON = 500  # characters

_ANSWER = re.compile(r"(?P<yes>y|yes)|(?:n|no)(?:[\s,:;.]+(?P<reason>.*))?", re.IGNORECASE | re.DOTALL)


async def answer(approving: Approving, approver: Subject, approval: Approval, console: Console) -> None:
    """Asks until there is an answer, here or elsewhere. What runs is what was shown: the approval holds the arguments.

    Raises EOFError when nobody is there any more; then nothing is decided.
    """
    show_question(console, approval)
    show_lines(console, background(approval, await approving.background(approval)))
    said = await _first(_asked(approver, console), _settled(approving, approval))
    if said is None:
        console.print("\n  somebody else has answered")
        return
    try:
        decision, reason = said
        given = Answer(decision, reason, f"terminal, os user {os_user()}", seen=approval.digest)
        outcome = await approving.answer(approver, approval.id, given)
    except Conflict as error:
        console.print(f"  {visible(str(error))}", markup=False)
        return
    if isinstance(outcome, Deny):
        console.print(f"  {visible(outcome.why)}", markup=False)
    elif outcome.state == "pending":
        console.print(f"  {outcome.needs - len(outcome.approvers)} more must agree", markup=False)


def answered(line: str) -> tuple[Said, str] | None:
    """`y`, `n`, or `n` and a reason; None for anything else, also for a yes with words behind it. Pure."""
    found = _ANSWER.fullmatch(line.strip())
    if found is None:
        return None
    return ("approved", "") if found["yes"] else ("denied", (found["reason"] or "")[:MAX_REASON])


def show_question(console: Console, approval: Approval, now: int | None = None, *, whole: bool = False) -> None:
    """The exact call, its values spelled out, and the rule that asks. With `now` (ms since 1970) also how old it is."""
    lines = [*preview(approval, whole=whole), *_agreed(approval)]
    if now is not None:
        lines.append(Line("asked", f"{ago(approval.created, now)}; expires {within(now, approval.expires)}"))
        if approval.escalates is not None and approval.escalate_to is not None:
            when = "now" if approval.escalated(now) else within(now, approval.escalates)
            lines.append(Line("goes to", f"{approval.escalate_to} {when}"))
    console.print()
    show_lines(console, lines)


def show_lines(console: Console, lines: Sequence[Line]) -> None:
    for line in lines:
        console.print(Text.assemble((f"  │ {line.label:>12}  ", "yellow"), line.text), soft_wrap=True)


def how(approval: Approval, option: str = "") -> Line:
    """The command that agrees to this very call: it does nothing once somebody has changed it."""
    return Line("answer", f"toolgate approve {approval.id}{option} --digest {approval.digest}")


def _agreed(approval: Approval) -> list[Line]:
    return [Line("agreed", visible(" and ".join(approval.approvers)))] if approval.approvers else []


async def _asked(approver: Subject, console: Console) -> tuple[Said, str]:
    forget_typed()
    while True:
        prompt = Text.assemble("  ", (visible(approver.user), "yellow"), ", may it happen? (y/n, or n and a reason) ")
        console.print(prompt, end="")
        said = answered(await read_line())
        if said is not None:
            return said


async def _settled(approving: Approving, approval: Approval) -> None:
    """Returns when the question is open no longer."""

    async def closed() -> bool:
        await approving.store.expire()
        return (await approving.store.approval(approval.id)).state != "pending"

    await until(approving.store, closed)


async def _first(mine: Awaitable[tuple[Said, str]], theirs: Awaitable[None]) -> tuple[Said, str] | None:
    """What comes first; the other one is given up."""
    tasks = asyncio.ensure_future(mine), asyncio.ensure_future(theirs)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else tasks[1].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
    return line


def _wake(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)


def forget_typed() -> None:
    """What was typed before the question stood there is no answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
