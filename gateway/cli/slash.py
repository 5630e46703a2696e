"""What can be typed in `toolgate chat` beside words to the model: `/tools`, `/model`, `/budget`, `/save` and so on."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.agents.offering import offered
from gateway.agents.searching import Index
from gateway.budget import Spend
from gateway.call import Tool
from gateway.cli.columns import aligned
from gateway.cli.discretion import told
from gateway.cli.lines import budget_line
from gateway.cli.run import absolute
from gateway.cli.saving import written
from gateway.cli.talk import Talk
from gateway.config import parse_budget
from gateway.conversation import ModelChosen, Pinned
from gateway.errors import ToolgateError
from gateway.events import Cancelled, Recorded, Resolution
from gateway.gates import listed
from gateway.replacing import replace_file
from gateway.run import ENDED, Run
from gateway.submitting import agent_of, check_text
from gateway.visible import shortened, visible
from gateway.wording import did_you_mean
from providers import ToolSpec

__all__ = ["COMMANDS", "Quit", "obey"]

_WIDTH = 60  # of a description
_RESOLUTIONS: Mapping[str, Resolution] = {
    "happened": "happened", "did-not": "did_not_happen", "give-up": "give_up"
}  # fmt: skip
_USAGE = 26  # columns
_MANY = 40  # tools that are listed at once


class Quit(Exception):
    """The user has had enough."""


@dataclass(frozen=True, slots=True)
class Command:
    """`usage` is what may stand behind it."""

    obey: Callable[[Talk, str], Awaitable[None]]
    usage: str
    text: str


async def obey(talk: Talk, line: str) -> None:
    """Does what was typed. What is wrong with it is said, and changes nothing. Raises Quit."""
    name, _, rest = line[1:].strip().partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        talk.manner.say(
            f"there is no `/{visible(name)}`; {did_you_mean(name, COMMANDS) or '/help lists what there is'}"
        )
        return
    try:
        await command.obey(talk, rest.strip())
    except (ToolgateError, OSError) as error:
        talk.manner.say(visible(str(error)))


async def _help(talk: Talk, _rest: str) -> None:
    for name, command in COMMANDS.items():
        talk.manner.say(f"{f'/{name} {command.usage}'.rstrip():<{_USAGE}}  {command.text}")
    talk.manner.say("Enter sends, Alt-Enter begins a new line, Up finds what was said before; //word sends /word")


async def _tools(talk: Talk, rest: str) -> None:
    runtime, subject = talk.runtime, talk.runtime.subject_for(talk.agent)
    catalogue, policy, now = runtime.upstream.catalogue, runtime.offline.policy.glance, datetime.now(UTC)
    agent = agent_of(runtime.config, (subject.agent or "").removeprefix("agent:"))
    shown = offered(agent, catalogue, lambda tool: listed(tool, catalogue, policy, subject, now))
    seen = [catalogue.tools[catalogue.names[spec.name]] for spec in shown]
    found = _matching(seen, rest) if rest else seen
    rows = [
        (policy.summary(subject, tool, now), visible(tool.path), shortened(tool.description, _WIDTH))
        for tool in found[:_MANY]
    ]
    for row in aligned(rows) if rows else ():
        talk.manner.say(row)
    more = f"; the first {_MANY} of {len(found)}: /tools WORDS finds others" if len(found) > _MANY else ""
    talk.manner.say(f"{len(seen)} tools{more}" if found else "no such tool")


def _matching(tools: list[Tool], words: str) -> list[Tool]:
    by_path = {tool.path: tool for tool in tools}
    specs = [ToolSpec(tool.path, tool.description, tool.input_schema) for tool in tools]
    return [by_path[spec.name] for spec in Index(specs).search(words, len(tools))]


async def _model(talk: Talk, rest: str) -> None:
    if not rest:
        others = ", ".join(visible(name) for name in talk.runtime.config.models if name != talk.model)
        talk.manner.say(f"{visible(talk.model)}{f'; there is also {others}' if others else ''}")
        return
    name = absolute(rest) or rest
    talk.runtime.models.open(name, "/model")
    if talk.run is None:
        talk.choose(name)
    else:
        await talk.record(ModelChosen(name, talk.user))
    talk.manner.say(f"{visible(name)} goes on")


async def _budget(talk: Talk, rest: str) -> None:
    if rest:
        limits = parse_budget(rest.split())
        if talk.run is None:
            talk.limit(limits)
        else:
            await talk.runtime.offline.raise_limits(talk.run.id, limits, talk.user)
            await talk.look()
    talk.manner.say(budget_line(talk.run.limits, talk.run.spend) if talk.run else budget_line(talk.limits, Spend()))
    if rest and talk.run is not None and talk.run.status == "paused":
        await talk.answer()


async def _save(talk: Talk, rest: str) -> None:
    if talk.run is None:
        talk.manner.say("nothing has been said yet")
        return
    events = [told(recorded) for recorded in await talk.runtime.offline.store.events(talk.run.id)]
    _put(talk, talk.run, Path(rest or f"{talk.run.id}.md"), events)


def _put(talk: Talk, run: Run, wanted: Path, events: Sequence[Recorded]) -> None:
    path = wanted.expanduser()
    if path.exists():
        talk.manner.say(f"{visible(str(path))} is there already; give it another name")
        return
    if path.suffix == ".json":
        told = {"run": run.id, "status": run.status, "events": [recorded.to_json() for recorded in events]}
        text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    else:
        text = written(run, events)
    replace_file(path, text.encode(errors="backslashreplace"), new=0o600)
    talk.manner.say(f"saved in {visible(str(path))}")


async def _pin(talk: Talk, rest: str) -> None:
    if not rest:
        pinned = [*(talk.run.pinned if talk.run else ()), *([] if talk.run else talk.pins)]
        talk.manner.say("; ".join(map(visible, pinned)) or "nothing is pinned; /pin TEXT does")
        return
    check_text(rest)
    if talk.run is None:
        talk.pins.append(rest)
        talk.manner.say("pinned")
    else:
        await talk.record(Pinned(rest, talk.user))
        talk.manner.say("pinned")


async def _again(talk: Talk, _rest: str) -> None:
    if talk.run is None or talk.run.status in ENDED:
        talk.manner.say("nothing has been said yet")
    else:
        await talk.say("Please try again.")


async def _settle(talk: Talk, rest: str) -> None:
    key, _, word = rest.partition(" ")
    said, _, note = word.strip().partition(" ")
    resolution = _RESOLUTIONS.get(said)
    if talk.run is None or resolution is None:
        talk.manner.say(f"write /settle {COMMANDS['settle'].usage}")
        return
    await talk.runtime.offline.resolve(talk.run.id, key, resolution, talk.user, note.strip())
    await talk.look()
    await talk.answer()


async def _end(talk: Talk, _rest: str) -> None:
    """Nobody goes on with it any more: it is over, and not left waiting for a word."""
    if talk.run is not None and talk.run.status not in ENDED:
        await talk.record(Cancelled(talk.user, "the conversation was ended"))
        talk.manner.say(f"it is over; all of it: toolgate runs show {talk.run.id}")
    raise Quit


async def _quit(_talk: Talk, _rest: str) -> None:
    raise Quit


COMMANDS: Mapping[str, Command] = {
    "help": Command(_help, "", "this list"),
    "tools": Command(_tools, "[WORDS]", "what the agent may use, and what the policy says"),
    "model": Command(_model, "[NAME]", "who answers; with a name, somebody else from here on"),
    "budget": Command(_budget, "[UNIT=AMOUNT]", "what is spent, and of how much; more of it: usd=5"),
    "pin": Command(_pin, "[TEXT]", "what the model is told however long this becomes"),
    "again": Command(_again, "", "have it try again, after a failure"),
    "settle": Command(_settle, "CALL WORD [NOTE]", "a call in doubt happened, did-not, or give-up"),
    "save": Command(_save, "[FILE]", "as Markdown; as events, if FILE ends in .json"),
    "end": Command(_end, "", "this is over: nobody goes on with it"),
    "quit": Command(_quit, "", "the same as Ctrl-D"),
}
