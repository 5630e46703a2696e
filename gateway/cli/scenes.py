"""The scenes of `toolgate demo`: the main job in a few seconds, offline and without a key. Nothing is pretended.

Two MCP servers run as child processes, policy, approvals and budgets are those that Toolgate ships, and a worker really
is killed. The project stays where it was made, to look at and to play with.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sqlite3
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.approval import Approval
from gateway.budget import Limits
from gateway.call import Deny, Subject
from gateway.cli.asking import answer, show_question
from gateway.cli.lines import Line, budget_line
from gateway.cli.options import Caller
from gateway.cli.program import near, program
from gateway.cli.timeline import print_timeline
from gateway.cli.view import LiveView, show_line
from gateway.errors import ToolgateError
from gateway.run import Run
from gateway.runtime import Runtime, open_runtime
from gateway.store.lease import is_dead

__all__ = ["Demo", "prepare"]

_STARTER = Path(__file__).parent.parent / "starter"
_BOB = "user:bob"
_SCRIPTS = ("desk", "parcel", "stocktaking")
_DELAY_MS = "3000"
_SHOP_ONLY = {"TOOLGATE_SERVERS__WORKSPACE__DISABLED": "true"}  # to place an order, the worker needs no files
_PATIENCE = 20.0  # seconds for the worker to get as far as its order


def prepare(folder: Path) -> None:
    """A fresh project: the last demo's is thrown away, anything else is left alone."""
    marker = folder / ".toolgate" / "demo"
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise ToolgateError(f"`{folder}` holds something else than a demo; choose another folder with --dir")
        shutil.rmtree(folder)
    source = _STARTER / "demo"
    (folder / "scripts").mkdir(parents=True)
    (folder / "workspace" / "notes").mkdir(parents=True)
    marker.parent.mkdir()
    marker.touch()
    for name in _SCRIPTS:
        shutil.copy(source / f"{name}.yaml", folder / "scripts")
    shutil.copy(source / "toolgate.toml", folder)
    shutil.copy(source / "mcp.json", folder / ".mcp.json")
    shutil.copytree(_policies(), folder / "policies")


def _policies() -> Path:
    """In the wheel beside the other texts, in a checkout at the top."""
    return next(place for place in (_STARTER / "policies", _STARTER.parent.parent / "policies") if place.is_dir())


class Demo:
    """The four scenes, one after the other, in one project."""

    def __init__(self, folder: Path, console: Console, *, ask: bool) -> None:
        self._folder, self._console, self._ask = folder, console, ask
        self._began = time.monotonic()

    async def play(self) -> dict[str, object]:
        """Plays all scenes. Returns what was found: run ids, orders, and whether all went as it should."""
        self._title()
        self._scene("An agent at work", "reads are free, an order needs a second person, a rule forbids a refund")
        self._say("·", "dim", "two MCP servers start: a shop and a workspace")
        async with open_runtime(Caller(self._folder).config()) as runtime:
            desk = await self._desk(runtime)
            parcel, orders = await self._parcel(runtime)
            counted = await self._stocktaking(runtime)
            self._scene("What is on record", f"{program()} runs show {desk.id} {self._place}")
            print_timeline(desk, await runtime.offline.store.events(desk.id), self._console)
        runs = (desk, parcel, counted)
        self._next()
        return {
            "as_expected": orders == 1 and all(run.status == "succeeded" for run in runs),
            "runs": [run.id for run in runs],
            "orders_after_kill": orders,
            "seconds": round(time.monotonic() - self._began, 1),
            "folder": str(self._folder),
        }

    async def _desk(self, runtime: Runtime) -> Run:
        run_id = await runtime.submit("Mara's light was stolen. Help her.", runtime.subject_for("support"))
        return await self._through(runtime, run_id, ask=self._ask)

    async def _parcel(self, runtime: Runtime) -> tuple[Run, int]:
        self._scene(
            "A worker is killed in the middle of an order", "kill -9, and then the run goes on: once, not twice"
        )
        before = self._orders()
        subject = runtime.subject_for("support")
        run_id = await runtime.submit("Two bells for Tomasz.", subject, model="parcel")
        view = LiveView(self._console)
        await runtime.drive(run_id, view)
        for asked in await self._waiting(runtime, run_id):
            await self._approve(runtime, asked)
        await self._catch_up(runtime, run_id, view)
        worker = await self._worker(run_id)
        self._say("·", "dim", f"worker {worker.pid} starts, to take it up")
        await self._ordered(before + 1)
        await self._catch_up(runtime, run_id, view)
        os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
        row = await runtime.offline.store.run_row(run_id)
        self._say(
            "☠", "red", f"worker {worker.pid} was killed with -9 after the shop had booked, before it could answer"
        )
        self._say(
            "·", "dim", f"the run is still `{row.status}`, and its worker is {_state(row.owner)}; another takes over"
        )
        run = await runtime.drive(run_id, view)
        orders = self._orders() - before
        style = "green" if orders == 1 else "red"
        self._say("=", style, f"{orders} order in the shop's database: the call was repeated with the same key")
        return run, orders

    async def _catch_up(self, runtime: Runtime, run_id: str, view: LiveView) -> None:
        """What others have recorded."""
        for recorded in await runtime.offline.store.events(run_id):
            view.recorded(recorded)

    async def _stocktaking(self, runtime: Runtime) -> Run:
        self._scene(
            "A budget that holds", "three calls are allowed; the run stops, and goes on when somebody pays more"
        )
        run_id = await runtime.submit(
            "Count the shelves.", runtime.subject_for("support"), model="stocktaking", limits=Limits(tool_calls=3)
        )
        view = LiveView(self._console)
        await runtime.drive(run_id, view)
        await runtime.offline.raise_limits(run_id, Limits(tool_calls=10), _BOB)
        await runtime.offline.resume(run_id)
        run = await runtime.drive(run_id, view)
        self._say("=", "green", f"spent: {budget_line(run.limits, run.spend)}")
        return run

    async def _through(self, runtime: Runtime, run_id: str, *, ask: bool) -> Run:
        """Drives, and answers what is asked: you, if you are there, else a second person."""
        view = LiveView(self._console)
        run = await runtime.drive(run_id, view)
        while run.status == "waiting":
            for asked in await self._waiting(runtime, run_id):
                if ask:
                    self._say("·", "dim", "you are user:bob, a manager; ann may not approve what she asked for herself")
                    await answer(runtime.approving, self._bob(), asked, self._console)
                else:
                    show_question(self._console, asked)
                    self._say("·", "dim", "nobody is at this terminal, so user:bob, a manager, approves")
                    await self._approve(runtime, asked)
            run = await runtime.drive(run_id, view)
        return run

    async def _waiting(self, runtime: Runtime, run_id: str) -> list[Approval]:
        return [asked for asked in await runtime.approving.waiting() if asked.run_id == run_id]

    async def _approve(self, runtime: Runtime, asked: Approval) -> None:
        answered = await runtime.approving.decide(self._bob(), asked.id, "approved")
        if isinstance(answered, Deny):
            raise ToolgateError(f"the demo's policy does not let bob approve: {answered.why}")

    def _bob(self) -> Subject:
        return Subject(_BOB, "acme")

    async def _worker(self, run_id: str) -> asyncio.subprocess.Process:
        """Another process that takes the run up. Its shop keeps the answer back for a while after it has booked."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "resume", run_id, "--json", "--project", str(self._folder)),
            env={**os.environ, "SHOP_DELAY_MS": _DELAY_MS, **_SHOP_ONLY},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def _ordered(self, orders: int) -> None:
        """Returns when the shop's database holds so many orders."""
        async with asyncio.timeout(_PATIENCE):
            while self._orders() < orders:  # noqa: ASYNC110 - another program's database sets no event of ours
                await asyncio.sleep(0.02)

    def _orders(self) -> int:
        database = sqlite3.connect(f"file:{self._folder / '.toolgate' / 'shop.db'}?mode=ro", uri=True)
        try:
            return int(database.execute("SELECT count(*) FROM orders").fetchone()[0])
        finally:
            database.close()

    @property
    def _place(self) -> str:
        return f"--project {shlex.quote(str(near(self._folder)))}"

    def _title(self) -> None:
        self._console.print()
        self._console.print(Text("Toolgate", style="bold"), "· between language models and tools", style="dim")
        self._console.print(
            Text("offline, no key: two MCP servers as child processes, one policy, one store", style="dim")
        )

    def _scene(self, title: str, subtitle: str) -> None:
        self._console.print()
        self._console.rule(Text(title, style="bold"), align="left", style="dim")
        self._console.print(Text(f"  {subtitle}", style="dim"), soft_wrap=True)

    def _say(self, mark: str, style: str, text: str) -> None:
        show_line(self._console, Line(mark, style, text))

    def _next(self) -> None:
        toolgate, place = program(), self._place
        self._scene("Try next", f"all of this took {time.monotonic() - self._began:.1f} s")
        refund = """--who user:ann --agent support --tool shop/refund --args '{"amount": 900}'"""
        for command in (
            f"{toolgate} policy explain {place} {refund}",
            f"{toolgate} tools {place}",
            f"{toolgate} init my-gateway && {toolgate} run hello --project my-gateway",
        ):
            self._console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
        self._console.print()


def _state(owner: str | None) -> str:
    return "dead" if owner is None or is_dead(owner) else "alive"
