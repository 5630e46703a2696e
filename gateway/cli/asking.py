"""The question to a person, on a terminal: exactly what will run, and why it is asked.

Only `y` or `yes` lets a call happen as it is; `?` says what else may be said (`gateway.cli.letters`). What was typed
before the question stood there is no answer to it.
"""

import asyncio
import sys
import termios
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from gateway.answer import Answer, Unclear, answer_of
from gateway.approval import Approval
from gateway.approving import Approving, Choices
from gateway.call import Deny, JsonObject, Subject
from gateway.cli.columns import ago, within
from gateway.cli.letters import explained, help_wanted, said_in
from gateway.cli.options import os_user
from gateway.errors import Conflict
from gateway.preview import Line, background, preview
from gateway.store.waiting import until
from gateway.visible import visible

__all__ = ["answer", "forget_typed", "has_spoken", "how", "read_line", "show_lines", "show_question"]

_LETTERS = 20  # columns


@dataclass(frozen=True, slots=True)
class _Asking:
    """Whom we ask, and where."""

    approving: Approving
    approver: Subject
    console: Console

    def say(self, text: str) -> None:
        self.console.print(f"  {visible(text)}", markup=False)


@dataclass(frozen=True, slots=True)
class _Question:
    """`draft` is the call as it would be with his `edit`, and `may` what he can say of that."""

    asked: Approval
    draft: Approval
    may: Choices
    edit: JsonObject | None = None


async def answer(approving: Approving, approver: Subject, approval: Approval, console: Console) -> None:
    """Asks until there is an answer, here or elsewhere. What runs is what was shown: the approval holds the arguments.

    Raises EOFError when nobody is there any more; then nothing is decided.
    """
    here = _Asking(approving, approver, console)
    show_question(console, approval)
    show_lines(console, background(approval, await approving.background(approval)))
    said = await _first(_asked(here, approval), _settled(approving, approval))
    if said is None:
        console.print("\n  somebody else has answered")
        return
    try:
        outcome = await approving.answer(approver, approval.id, said)
    except Conflict as error:
        here.say(str(error))
        return
    if isinstance(outcome, Deny):
        here.say(outcome.why)
    elif said.decision == "escalated":
        here.say(f"it goes to {outcome.escalate_to} now")
    elif outcome.state == "pending":
        console.print(f"  {outcome.needs - len(outcome.approvers)} more must agree", markup=False)


def has_spoken(approver: Subject, approval: Approval) -> bool:
    """Whether it waits for others now: his yes counts already, also one that was said in his place, or he has handed it
    up. Pure.
    """
    counted = frozenset[str]().union(*(vote.people for vote in approval.votes))
    own = [vote.decision for vote in approval.decisions if vote.by == approver.user]
    return approver.user in counted or own[-1:] == ["escalated"]


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


async def _asked(here: _Asking, asked: Approval) -> Answer:
    """What he says, once it can be read: whatever can't decides nothing, and he is asked again."""
    question = _Question(asked, asked, await here.approving.choices(here.approver, asked))
    while True:
        forget_typed()
        _prompt(here, question)
        line = await read_line()
        if help_wanted(line):
            _explain(here, question)
            continue
        try:
            said = said_in(line, question.may)
            given = _bound(here, said, question) if said is not None else None
        except Unclear as error:
            here.say(str(error))
            continue
        if said is not None and given is not None:
            if "edit" not in said:
                return given
            question = await _changed(here, question, given)


def _prompt(here: _Asking, question: _Question) -> None:
    changed = " as changed" if question.edit is not None else ""
    who = (visible(here.approver.user), "yellow")
    here.console.print(Text.assemble("  ", who, f", may it happen{changed}? (y/n, ? for more) "), end="")


def _explain(here: _Asking, question: _Question) -> None:
    for letters, does in explained(question.asked, question.may):
        here.say(f"{letters:<{_LETTERS}}{does}")


def _bound(here: _Asking, said: JsonObject, question: _Question) -> Answer:
    """His answer to the call that he was shown, with what he has changed of it. Raises Unclear."""
    changed = {"edit": question.edit} if question.edit and said["decision"] == "approved" else {}
    method = f"terminal, os user {os_user()}"
    return answer_of({**changed, **said, "digest": question.asked.digest}, method, here.approving.store.now())


async def _changed(here: _Asking, question: _Question, said: Answer) -> _Question:
    """The question about the call as he would have it, which is shown; as before, if it could not be made so."""
    draft = await here.approving.draft(here.approver, question.asked, said)
    if isinstance(draft, Deny):
        here.say(draft.why)
        return question
    show_question(here.console, draft)
    may = await here.approving.choices(here.approver, draft)
    return _Question(question.asked, draft, may, said.edit if draft.digest != question.asked.digest else None)


async def _settled(approving: Approving, approval: Approval) -> None:
    """Returns when the question is open no longer."""

    async def closed() -> bool:
        await approving.store.expire()
        return (await approving.store.approval(approval.id)).state != "pending"

    await until(approving.store, closed)


async def _first(mine: Awaitable[Answer], theirs: Awaitable[None]) -> Answer | None:
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
