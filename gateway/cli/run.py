"""`toolgate run` and `toolgate resume`: a run, live, with its questions asked where a person may answer them."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from gateway.approval import Approval
from gateway.budget import Limits
from gateway.call import Allow
from gateway.cli.asking import answer
from gateway.cli.exits import Exit, exit_of_run
from gateway.cli.lines import budget_line
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.view import LiveView
from gateway.config import parse_budget
from gateway.errors import IllegalEvent, ToolgateError
from gateway.events import Paused, Recorded
from gateway.loop import Watcher
from gateway.run import ENDED, Run
from gateway.runtime import Runtime, open_runtime
from providers import StreamEvent

__all__ = ["resume_command", "run_command"]


class JsonLines:
    """A watcher that prints each fact as a line of JSON."""

    def recorded(self, recorded: Recorded) -> None:
        emit(recorded.to_json())

    def streamed(self, event: StreamEvent) -> None:
        """What is not kept is not data."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is shown, and whether its questions are asked here. `wait`: for answers that others give."""

    console: Console
    as_json: bool
    ask: bool
    wait: bool

    @classmethod
    def of(cls, as_json: bool, wait: bool | None) -> "Manner":
        """On a terminal questions are asked, and other people's answers awaited; a script is told to come back."""
        terminal = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
        return cls(Console(stderr=True, highlight=False), as_json, terminal, terminal if wait is None else wait)

    def watcher(self) -> Watcher:
        return JsonLines() if self.as_json else LiveView(self.console)


@click.command("run")
@click.argument("text")
@click.option("--agent", help="Which of the configured agents; the first one if not said.")
@click.option("--model", help="A configured model, or `scripted:FILE`.")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="`usd=1`, `tokens=20k`, `turns=5`.")
@click.option("--wait/--no-wait", default=None, help="Wait for people's answers, or exit with code 7.")
@as_json
@caller
def run_command(
    text: str,
    agent: str | None,
    model: str | None,
    budgets: Sequence[str],
    wait: bool | None,
    as_json: bool,
    caller: Caller,
) -> int:
    """Let an agent work on TEXT, and watch it."""
    manner, limits, config = Manner.of(as_json, wait), parse_budget(budgets), caller.config()

    async def work() -> int:
        async with open_runtime(config) as runtime:
            subject = runtime.subject_for(agent)
            run_id = await runtime.submit(text, subject, model=_absolute(model), limits=limits)
            return await _see_through(runtime, run_id, manner)

    return _interruptible(work())


@click.command("resume")
@click.argument("run_id", metavar="RUN")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="New limits: `usd=10`, `tokens=1m`.")
@click.option("--wait/--no-wait", default=None, help="Wait for people's answers, or exit with code 7.")
@as_json
@caller
def resume_command(run_id: str, budgets: Sequence[str], wait: bool | None, as_json: bool, caller: Caller) -> int:
    """Go on with RUN: one that waits, that is paused, or that lost its worker."""
    manner, limits, config = Manner.of(as_json, wait), parse_budget(budgets), caller.config()

    async def work() -> int:
        async with open_runtime(config) as runtime:
            run = await runtime.offline.run(run_id)
            if limits != Limits():
                await runtime.offline.raise_limits(run.id, limits, runtime.offline.subject().user)
            await runtime.offline.resume(run.id)
            return await _see_through(runtime, run.id, manner)

    return _interruptible(work())


async def _see_through(runtime: Runtime, run_id: str, manner: Manner) -> int:
    """Drives, asks, and drives on, until the run ends or nobody here can help it."""
    watcher = manner.watcher()
    try:
        run = await runtime.drive(run_id, watcher)
        while run.status == "waiting" and await _answered(runtime, run, manner):
            run = await runtime.drive(run_id, _Later(watcher, run.seq))
    except asyncio.CancelledError:
        await asyncio.shield(_interrupted(runtime, run_id))
        _say(manner, f"interrupted; go on with: toolgate resume {run_id}")
        return Exit.INTERRUPTED
    _conclude(run, manner)
    return exit_of_run(run)


class _Later:
    """A watcher that has seen the run up to `seq` already."""

    def __init__(self, watcher: Watcher, seq: int) -> None:
        self._watcher, self._seq = watcher, seq

    def recorded(self, recorded: Recorded) -> None:
        if recorded.seq > self._seq:
            self._watcher.recorded(recorded)

    def streamed(self, event: StreamEvent) -> None:
        self._watcher.streamed(event)


async def _answered(runtime: Runtime, run: Run, manner: Manner) -> bool:
    """Whether the run can go on: because somebody here answered, or somebody elsewhere did."""
    waiting = [approval for approval in await runtime.approving.waiting() if approval.run_id == run.id]
    approver = runtime.offline.subject()
    mine = [asked for asked in waiting if isinstance(runtime.approving.may_decide(approver, asked), Allow)]
    if manner.ask and mine:
        await answer(runtime.approving, approver, mine[0], manner.console)
        return True
    if not manner.wait:
        return False
    _tell(manner, waiting)
    await _decided(runtime, run, waiting)
    return True


async def _decided(runtime: Runtime, run: Run, waiting: Sequence[Approval]) -> None:
    """Returns when one of the questions has an answer, or the run was changed by somebody else."""
    while True:
        await runtime.changed()
        left = {asked.id for asked in await runtime.approving.waiting()}
        if any(asked.id not in left for asked in waiting) or (await runtime.offline.run(run.id)).seq > run.seq:
            return


async def _interrupted(runtime: Runtime, run_id: str) -> None:
    """Leaves a note of it; a run that is not running needs none."""
    try:
        await runtime.offline.store.append(run_id, [Paused("interrupted", "it was interrupted")], lease=None)
    except (IllegalEvent, ToolgateError):
        return


def _conclude(run: Run, manner: Manner) -> None:
    if manner.as_json:
        return
    _say(manner, f"[dim]{run.id} · {budget_line(run.limits, run.spend)}[/dim]", markup=True)
    if run.status == "succeeded":
        click.echo(run.output)
    elif run.status == "waiting":
        _say(manner, f"see what waits: toolgate approvals · then go on with: toolgate resume {run.id}")
    elif run.status == "paused":
        _say(manner, f"go on with: toolgate resume {run.id} --budget UNIT=AMOUNT")
    elif run.status in ENDED:
        _say(manner, f"see what happened: toolgate runs show {run.id}")


def _tell(manner: Manner, waiting: Sequence[Approval]) -> None:
    for asked in waiting:
        _say(manner, f"somebody else must decide: toolgate approve {asked.id} --as user:…")


def _say(manner: Manner, text: str, *, markup: bool = False) -> None:
    manner.console.print(f"  {text}", markup=markup, soft_wrap=True)


def _absolute(model: str | None) -> str | None:
    """`scripted:FILE` from wherever the run is taken up again."""
    if model is None or not model.startswith("scripted:"):
        return model
    return f"scripted:{Path(model.removeprefix('scripted:')).resolve()}"


def _interruptible(work: Any) -> int:
    """SIGTERM ends a run as Ctrl-C does: noted, and ready to be resumed."""

    async def main() -> int:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return int(await work)

    return asyncio.run(main())
