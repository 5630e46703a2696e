"""A conversation with an agent: what is typed becomes the user's words in a run, which is driven until it answers.

A conversation is one run: its budget, its taint and its record are one, and whoever takes it up again, also after a
crash, goes on where it was. On a terminal Ctrl-C stops the answer and not the program.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from gateway.budget import Limits
from gateway.cli.asking import read_line
from gateway.cli.driving import JsonLines, Manner, answer_of, warn
from gateway.cli.exits import Exit, Stop, exit_of_run, must_go_on
from gateway.cli.lines import recap
from gateway.cli.options import Caller
from gateway.cli.slash import COMMANDS, Quit, obey
from gateway.cli.talk import ChatView, Opening, Talk
from gateway.cli.view import LiveView, show_line
from gateway.errors import Unreadable
from gateway.loop import Watcher
from gateway.run import ENDED, Run
from gateway.steps import users_turn
from gateway.visible import shortened

__all__ = ["Opening", "chat"]

LAST = "last"
_SHOWN = 400  # characters of what was said last, when a conversation is taken up again
_LOOKED_AT = 200  # runs, for the last conversation


class Reader(Protocol):
    """Whoever knows what is said next. Raises EOFError when there is nothing more."""

    async def line(self) -> str: ...


class Plain:
    """Each line of stdin is a message."""

    async def line(self) -> str:
        return (await read_line()).rstrip("\r\n")


async def chat(caller: Caller, opening: Opening, manner: Manner) -> int:
    """Talks until nothing more is said. Returns the exit code. Raises ConfigError, StoreError, Stop."""
    async with caller.runtime() as runtime:
        warn(runtime, manner)
        manner = replace(manner, option=caller.tenant_option()(runtime.offline.subject().tenant))
        watcher: Watcher = JsonLines() if manner.as_json else ChatView(manner.console)
        talk = Talk(runtime, manner, opening, watcher)
        if opening.resume is not None:
            await _take_up(talk, opening.resume)
        else:
            runtime.models.open(talk.model, "--model" if opening.model else "toolgate.toml")
        try:
            return await _converse(talk, await _reader(talk))
        except asyncio.CancelledError:
            talk.farewell()
            return Exit.INTERRUPTED


async def _take_up(talk: Talk, which: str) -> None:
    """An earlier conversation. What was not finished is finished first."""
    offline, opening = talk.runtime.offline, talk.opening
    run = await offline.run(await _last(talk) if which == LAST else which)
    if not run.conversation:
        raise Stop(Exit.USAGE, f"run {run.id} is no conversation; go on with: toolgate resume {run.id}")
    must_go_on(run, "talk about")
    talk.run = run
    history = await offline.store.events(run.id)
    if isinstance(talk.watcher, LiveView):
        show_line(talk.manner.console, recap(run))
        talk.watcher.passed(history)
        if users_turn(run) and (text := answer_of(run)):
            talk.manner.console.print(f"  {shortened(text, _SHOWN)}", style="dim", markup=False)
    if opening.model is not None and opening.model != run.model:
        await obey(talk, f"/model {opening.model}")
    if opening.limits != Limits():
        await offline.raise_limits(run.id, opening.limits, talk.user)
        await talk.look()
    if not users_turn(run):
        await talk.answer()


async def _last(talk: Talk) -> str:
    offline = talk.runtime.offline
    for row in await offline.store.run_rows(_LOOKED_AT):
        with contextlib.suppress(Unreadable):
            if row.driver == "loop" and row.status not in ENDED and (await offline.run(row.id)).conversation:
                return row.id
    raise Stop(Exit.ERROR, "there is no conversation yet that could go on; toolgate chat begins one")


async def _reader(talk: Talk) -> Reader:
    if not talk.manner.ask:
        return Plain()
    from gateway.cli.prompting import Prompt

    talk.manner.say(f"{talk.who} · /help says what can be typed · Ctrl-C stops an answer · Ctrl-D ends")
    return Prompt([f"/{name}" for name in COMMANDS], _said(talk.run), talk.below)


def _said(run: Run | None) -> Sequence[str]:
    """What the user has said until now: Up finds it."""
    messages = run.messages if run else ()
    return [part["text"] for message in messages if message["role"] == "user" for part in message["parts"]]


async def _converse(talk: Talk, reader: Reader) -> int:
    while True:
        ended = _ended(talk)
        if ended is not None:
            return ended
        try:
            text = await reader.line()
            if text.startswith("/") and not text.startswith("//"):
                await obey(talk, text)
            elif text.strip():
                await talk.say(text.removeprefix("/") if text.startswith("//") else text)
        except KeyboardInterrupt:  # at the prompt: what was typed is gone, and nothing else
            continue
        except (EOFError, Quit):
            talk.farewell()
            return Exit.OK


def _ended(talk: Talk) -> int | None:
    """How it ends, if it does: a script is told at once, a person may do something about it."""
    run = talk.run
    if run is None:
        return None
    code = exit_of_run(run)
    if run.status in ENDED:
        return code
    if talk.manner.ask or code == Exit.OK or (users_turn(run) and not talk.asked):  # what failed before goes on
        return None
    sys.stdout.flush()
    talk.farewell()
    return code
