"""Drives runs of one kind in a process of its own, and prints what their turns cost as one line of JSON.

python -m bench.one_run bare|commits|normal|full REPEATS
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from bench.bare_loop import bare_loop, commits
from bench.program import ROOT, rss_mb
from bench.project import RULES
from bench.rules import write_policies
from bench.tiny_model import TOOL_RESULT, Mark, TinyModel
from gateway.agents import Agent
from gateway.budget import Limits, Price
from gateway.call import Answered, Call, Outcome, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.events import Queued
from gateway.loop import Loop, Parts
from gateway.pipeline import CallSettings, Pipeline
from gateway.policy import LivePolicy
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Silent
from gateway.tracing import Tracing
from gateway.turn import Model

TURNS = 205
EARLY, LATE = slice(1, 6), slice(199, 204)  # turns 2 to 6, and 200 to 204

Drive = Callable[[TinyModel, str], Awaitable[None]]

_DEFINITION = {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
_LIMITS = Limits(turns=10**6, tool_calls=10**6, tokens=10**12, nanos=10**15, millis=10**12)


class _InProcess:
    """The server: a tool that answers at once."""

    catalogue = Catalogue.of([Tool("up", "echo", _DEFINITION, pin_of(_DEFINITION))], {}, {})

    async def forward(self, call: Call, **along: object) -> Outcome:
        del call, along
        return Answered(TOOL_RESULT)

    def wake(self, server: str) -> None:
        """It is always there."""


def _toolgate(folder: Path, synchronous: Literal["normal", "full"]) -> Drive:
    """Policy of 1,000 rules, every budget limited, lease and durable events."""
    write_policies(folder, RULES, ROOT / "policies" / "model.conf")
    policy = LivePolicy(folder / "model.conf", folder / "policy.csv")
    store = SqliteStore(folder / "toolgate.db", synchronous=synchronous)
    upstream, tracing = _InProcess(), Tracing(Silent())
    pipeline = Pipeline(upstream, store, policy, tracing, CallSettings())

    async def drive(model: TinyModel, run_id: str) -> None:
        parts = Parts(
            store=store,
            pipeline=pipeline,
            policy=policy,
            tracing=tracing,
            catalogue=lambda: upstream.catalogue,
            agent=lambda _name: Agent("assistant", "Help.", "tiny"),
            model=lambda _name, _most: Model(model, "tiny-1", Price(1000, 2000)),
        )
        queued = Queued("loop", "user:bench", "acme", None, "tiny", "Go.", _LIMITS.to_json())
        await store.append(run_id, [queued], lease=None)
        run = await Loop(parts).drive(run_id)
        if run.status != "succeeded":
            raise RuntimeError(f"the run is {run.status}: {run.cause}")

    return drive


def _bare(_folder: Path) -> Drive:
    return lambda model, _run_id: bare_loop(model, lambda _step: None)


def _commits(folder: Path) -> Drive:
    keep = commits(folder / "steps.db")
    return lambda model, _run_id: bare_loop(model, keep)


_KINDS: Mapping[str, Callable[[Path], Drive]] = {
    "bare": _bare,
    "commits": _commits,
    "normal": lambda folder: _toolgate(folder, "normal"),
    "full": lambda folder: _toolgate(folder, "full"),
}


async def _measured(drive: Drive, repeats: int) -> dict[str, float | None]:
    early: list[Mark] = []
    late: list[Mark] = []
    for number in range(repeats + 1):  # the first one warms up
        model = TinyModel(TURNS)
        await drive(model, f"r-{number}")
        costs = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(model.marks, model.marks[1:], strict=False)]
        if number:
            early += costs[EARLY]
            late += costs[LATE]
    return {**_medians("early", early), **_medians("late", late), "rss": rss_mb()}


def _medians(name: str, costs: Sequence[Mark]) -> dict[str, float]:
    """Milliseconds of a turn."""
    wall, cpu = zip(*costs, strict=True)
    return {f"{name}_wall": statistics.median(wall) / 1e6, f"{name}_cpu": statistics.mean(cpu) / 1e6}


def main() -> None:
    kind, repeats = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(_measured(_KINDS[kind](Path(folder)), repeats))), flush=True)


if __name__ == "__main__":
    main()
