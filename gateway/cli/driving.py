"""A run, live: driven until it rests, with its questions asked where a person may answer them."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from gateway.approval import Approval
from gateway.budget import Limits
from gateway.call import Allow, JsonObject
from gateway.cli.asking import answer, has_spoken
from gateway.cli.console import console
from gateway.cli.discretion import blotted
from gateway.cli.exits import Exit, exit_of_run, must_go_on
from gateway.cli.lines import budget_line, doubts, recap
from gateway.cli.options import Caller, emit
from gateway.cli.runs.undoing import hint
from gateway.cli.view import LiveView, show_line
from gateway.config.output_schemas import read_output_schema
from gateway.dates import dated
from gateway.events import Paused, Recorded, Waited
from gateway.loop import Watcher
from gateway.run import ENDED, Run
from gateway.runtime import Runtime, open_runtime
from gateway.session import Dialogue
from gateway.shielded import shielded
from gateway.steps import users_turn
from gateway.store.waiting import until
from gateway.taking_turns import ahead_of
from gateway.visible import visible, visible_lines
from providers import StreamEvent

__all__ = ["Errand", "JsonLines", "Manner", "answer_of", "conclude", "driven", "how_it_goes_on", "print_answer"]
__all__ += ["raise_by", "resume", "run", "take_up", "warn"]


_OF_THE_MODEL = frozenset({"auth", "permission", "quota", "not_found"})
_SPELLED = {"nanos": "usd", "millis": "wall_time"}  # units that people call something else


class JsonLines:
    """A watcher that prints each fact as a line of JSON, once, however often the run is driven."""

    def __init__(self) -> None:
        self._seq = 0

    def recorded(self, recorded: Recorded) -> None:
        if recorded.seq > self._seq:
            self._seq = recorded.seq
            emit(recorded.to_json())

    def streamed(self, event: StreamEvent) -> None:
        """What is not kept is not data."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What `toolgate run` was asked for."""

    text: str
    agent: str | None = None
    model: str | None = None
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    session: str = ""
    output_schema: Path | None = None  # a file

    @property
    def form(self) -> JsonObject | None:
        """What the answer must fit, if this says so. Raises ConfigError."""
        file = self.output_schema
        return None if file is None else read_output_schema(file, str(file))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is shown, and whether its questions are asked here. `wait`: for answers that others give."""

    console: Console
    as_json: bool
    ask: bool
    wait: bool
    heard: bool = True  # the answer is shown as it comes, if there is a terminal
    option: str = ""  # what a command that is shown needs besides, to be given in the run's tenant

    @classmethod
    def of(cls, *, as_json: bool, wait: bool | None) -> "Manner":
        """On a terminal questions are asked, and other people's answers awaited; a script is told to come back."""
        terminal = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
        ask = terminal and wait is not False
        return cls(console(stderr=True), as_json, ask, terminal if wait is None else wait)

    def watcher(self) -> Watcher:
        return JsonLines() if self.as_json else LiveView(self.console)

    def say(self, text: str) -> None:
        """Talk, for people."""
        if not self.as_json:
            self.console.print(f"  {visible_lines(text)}", markup=False)


async def run(caller: Caller, errand: Errand, manner: Manner) -> int:
    """Queues a run and sees it through. Returns the exit code. Raises ConfigError, StoreError."""
    async with caller.runtime() as runtime:
        warn(runtime, manner)
        subject = runtime.subject_for(errand.agent)
        dialogue, form = Dialogue(session=errand.session), errand.form
        run_id = await runtime.submit(
            errand.text, subject, model=errand.model, limits=errand.limits, dialogue=dialogue, output_schema=form
        )
        manner = replace(manner, option=caller.tenant_option()(subject.tenant))
        return await _see_through(runtime, run_id, manner, manner.watcher())


async def take_up(caller: Caller, run_id: str, manner: Manner, *flags: tuple[str, str, str | None]) -> int:
    """Sees a run through that is queued, by a configuration with these flags on top. Returns the exit code."""
    async with open_runtime(caller.config(*flags), "fork") as runtime:
        warn(runtime, manner)
        manner = replace(manner, option=caller.tenant_option()((await runtime.offline.run(run_id)).subject.tenant))
        return await _see_through(runtime, run_id, manner, manner.watcher())


async def resume(caller: Caller, run_id: str, limits: Limits, manner: Manner) -> int:
    """Goes on with a run, under new limits if there are any. On a terminal what was before is told in a line.

    Raises UnknownRun, StoreError, IllegalEvent, LeaseLost.
    """
    async with caller.runtime() as runtime:
        warn(runtime, manner)
        found = await runtime.offline.run(run_id)
        history = await runtime.offline.store.events(found.id)
        if limits != Limits():
            must_go_on(found, "go on with")
            await runtime.offline.raise_limits(found.id, limits, runtime.offline.subject().user)
        await runtime.offline.resume(found.id, runtime.offline.subject().user)
        option = caller.tenant_option()(found.subject.tenant)
        manner = replace(manner, option=option, heard=found.status not in ENDED)
        return await _see_through(runtime, found.id, manner, _recapped(found, history, manner))


def warn(runtime: Runtime, manner: Manner) -> None:
    for problem in (*runtime.config.warnings, *runtime.offline.budgets.warnings):
        manner.say(visible(str(problem)))


def _recapped(found: Run, history: Sequence[Recorded], manner: Manner) -> Watcher:
    """A watcher of what is new: what happened since the run last rested, and what comes now."""
    watcher = manner.watcher()
    if isinstance(watcher, LiveView):
        show_line(manner.console, recap(found))
        rest = [at for at, recorded in enumerate(history, 1) if isinstance(recorded.event, (Waited, Paused))]
        watcher.passed(history[: rest[-1]] if rest and found.status not in ENDED else history)
    return watcher


async def _see_through(runtime: Runtime, run_id: str, manner: Manner, watcher: Watcher) -> int:
    """Drives it, and says how it ended, or how it goes on."""
    try:
        found = await driven(runtime, run_id, manner, watcher)
    except asyncio.CancelledError:
        await shielded(runtime.offline.interrupted(run_id))
        manner.say(f"interrupted; go on with: toolgate resume {run_id}")
        return Exit.INTERRUPTED
    conclude(found, manner)
    if found.status in ("failed", "cancelled") and (undo := await hint(runtime.offline, run_id)):
        manner.say(undo)
    return exit_of_run(found)


async def driven(runtime: Runtime, run_id: str, manner: Manner, watcher: Watcher) -> Run:
    """Drives, asks, and drives on, until the run ends or nobody here can help it."""
    found = await runtime.drive(run_id, watcher)
    while await _goes_on(runtime, found, manner):
        found = await runtime.drive(run_id, watcher)
    return found


async def _goes_on(runtime: Runtime, found: Run, manner: Manner) -> bool:
    if found.status == "queued":
        return await _has_its_turn(runtime, found, manner)
    return found.status == "waiting" and not users_turn(found) and await _answered(runtime, found, manner)


async def _has_its_turn(runtime: Runtime, found: Run, manner: Manner) -> bool:
    """Whether a run can go on before which another one of its session rests: because that has ended."""
    store, before = runtime.offline.store, await ahead_of(runtime.offline.store, found.id)
    if before is None:
        return True
    how = "is " + before.status if before.alive or before.status in ("waiting", "paused") else "has no worker"
    manner.say(f"run {before.run_id} of the session {found.session} comes first, and {how}")

    async def moved() -> bool:
        now = await ahead_of(store, found.id)
        return now is None or now.run_id != before.run_id or (await store.run_row(found.id)).status != "queued"

    if manner.wait:
        await until(store, moved)
    return manner.wait


async def _answered(runtime: Runtime, found: Run, manner: Manner) -> bool:
    """Whether the run can go on: because somebody here answered, or somebody elsewhere did."""
    waiting = await runtime.approving.waiting(found.id)
    approver = runtime.offline.subject()
    unsaid = [asked for asked in waiting if not has_spoken(approver, asked)]
    mine = [asked for asked in unsaid if isinstance(await runtime.approving.may_decide(approver, asked), Allow)]
    if manner.ask and mine:
        try:
            await answer(runtime.approving, approver, mine[0], manner.console)
        except EOFError:  # the terminal is gone, and with it whoever could answer
            return False
        return True
    alone = found.conversation and not waiting and found.wakes is None  # in doubt: whoever talks can say so himself
    if not manner.wait or alone:
        return False
    _tell(found, waiting, manner)
    await _decided(runtime, found, waiting)
    return True


async def _decided(runtime: Runtime, found: Run, waiting: Sequence[Approval]) -> None:
    """Returns when one of the questions has an answer, the run was changed by somebody else, or its moment has come."""

    async def moved() -> bool:
        left = {asked.id for asked in await runtime.approving.waiting(found.id)}
        if found.wakes is not None and found.wakes <= runtime.offline.store.now():
            return True
        return any(asked.id not in left for asked in waiting) or (await runtime.offline.run(found.id)).seq > found.seq

    await until(runtime.offline.store, moved)


def conclude(found: Run, manner: Manner, *, theirs: bool = False) -> None:
    """Says how a run ended, or how it goes on, to people: the answer goes to stdout. `theirs`: the workers drive it."""
    if manner.as_json:
        return
    manner.console.print(f"  {found.id} · {budget_line(found.limits, found.spend)}", style="dim", markup=False)
    if found.status == "succeeded":
        print_answer(found.output, heard=manner.heard)
    elif users_turn(found):
        print_answer(answer_of(found), heard=manner.heard)
        manner.say(f"go on with: toolgate chat --resume {found.id}")
    elif found.status == "waiting":
        _tell(found, [], manner)
        held = any(call.status == "held" for call in found.calls.values())
        see = "see what waits: toolgate approvals · " if held else ""
        manner.say(f"{see}then {'the workers go on' if theirs else f'go on with: toolgate resume {found.id}'}")
    elif found.status == "queued":
        manner.say(f"then go on with: toolgate resume {found.id}")
    elif found.status == "paused":
        manner.say(how_it_goes_on(found, f"toolgate resume {found.id}", _more(found.budget_spent)))
    elif found.status in ENDED:
        manner.say(f"see what happened: toolgate runs show {found.id}{_look_at(found)}")


def _look_at(found: Run) -> str:
    """What to look at when it was the model, and asking again would not help."""
    failed = found.status == "failed" and found.cause.partition(":")[0] in _OF_THE_MODEL
    return " · look at the model: toolgate models --check" if failed else ""


def how_it_goes_on(found: Run, command: str, more: str) -> str:
    """What lets a run go on that is paused: `more` for its own budget; another one is raised where it is written."""
    first = "" if found.budget is None else f"raise `{visible(found.budget)}` in budgets.toml; then "
    return f"{first}go on with: {command}{'' if first else more}"


def _more(unit: str | None) -> str:
    """The option that gives a run more of what it has spent."""
    return f" --budget {raise_by(unit)}" if unit else ""


def raise_by(unit: str) -> str:
    """How people write more of it: `usd=AMOUNT`."""
    return f"{_SPELLED.get(unit, unit)}=AMOUNT"


def answer_of(found: Run) -> str:
    """The model's last words, if the last word was its own."""
    last = found.messages[-1]
    return (
        "".join(part["text"] for part in last["parts"] if part["kind"] == "text") if last["role"] == "assistant" else ""
    )


def print_answer(output: str, *, heard: bool) -> None:
    """To stdout, without a credential of ours; but a terminal that has shown it already is not told twice.

    What stdout has no character for is a `?`: odd text breaks nothing.
    """
    output = str(blotted(output))
    if not (heard and sys.stdout.isatty() and sys.stderr.isatty()):
        told = "\n".join(map(visible, output.split("\n"))) if sys.stdout.isatty() else output
        encoding = sys.stdout.encoding or "utf-8"
        click.echo(told.encode(encoding, "replace").decode(encoding))


def _for_news(found: Run) -> str:
    """How somebody ends its waiting."""
    names = [call.news for call in found.calls.values() if call.status == "asleep" and call.news]
    return "".join(f", or for: toolgate runs notify {found.id} {visible(name)}" for name in names)


def _tell(found: Run, waiting: Sequence[Approval], manner: Manner) -> None:
    """Who could help."""
    for asked in waiting:
        manner.say(f"somebody else must decide: toolgate approve {asked.id} --as user:…{manner.option}")
    if found.wakes is not None:
        when = dated(found.wakes).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        manner.say(f"it waits until {when}{_for_news(found)}")
    for doubt in doubts(found):
        manner.say(doubt)
