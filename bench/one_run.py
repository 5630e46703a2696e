"""Drives runs of one kind in a process of its own, and prints what their turns cost as one line of JSON.

python -m bench.one_run bare|commits|normal|full|postgres REPEATS
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from bench.bare_loop import bare_loop, commits
from bench.loops.marks import TURNS, Costs, say
from bench.program import ROOT
from bench.project import RULES
from bench.rules import write_policies
from bench.tiny_model import TOOL_RESULT, TinyModel
from gateway.agents import Agent
from gateway.budget import Limits, Price
from gateway.call import Answered, Call, Outcome, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.events import Queued
from gateway.loop import Loop, Parts
from gateway.pipeline import CallSettings, Pipeline
from gateway.policy import LivePolicy
from gateway.store import Store
from gateway.store.postgres.store import PostgresStore
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Silent
from gateway.tracing import Tracing
from gateway.turn import Model
from tests.fixtures.postgres import running

__all__ = ["Drive", "toolgate"]

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


def toolgate(folder: Path, store: Store) -> Drive:
    """Policy of 1,000 rules, every budget limited, lease and durable events."""
    write_policies(folder, RULES, ROOT / "policies" / "model.conf")
    policy = LivePolicy(folder / "model.conf", folder / "policy.csv")
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


@contextlib.contextmanager
def _bare(_folder: Path) -> Iterator[Drive]:
    yield lambda model, _run_id: bare_loop(model, lambda _step: None)


@contextlib.contextmanager
def _commits(folder: Path) -> Iterator[Drive]:
    keep = commits(folder / "steps.db")
    yield lambda model, _run_id: bare_loop(model, keep)


@contextlib.contextmanager
def _on_sqlite(folder: Path, synchronous: Literal["normal", "full"] = "normal") -> Iterator[Drive]:
    with contextlib.closing(SqliteStore(folder / "toolgate.db", synchronous=synchronous)) as store:
        yield toolgate(folder, store)


@contextlib.contextmanager
def _on_postgres(folder: Path) -> Iterator[Drive]:
    """On a server of its own, which flushes each commit as servers do, and goes with this process."""
    with running({"fsync": "on"}) as server, contextlib.closing(PostgresStore(server.url())) as store:
        yield toolgate(folder, store)


_KINDS: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Drive]]] = {
    "bare": _bare,
    "commits": _commits,
    "normal": _on_sqlite,
    "full": lambda folder: _on_sqlite(folder, "full"),
    "postgres": _on_postgres,
}


async def _measured(drive: Drive, repeats: int) -> Costs:
    costs = Costs()
    for number in range(repeats + 1):  # the first one warms up
        model = TinyModel(TURNS)
        await drive(model, f"r-{number}")
        if number:
            costs.add(model.marks)
    return costs


def main() -> None:
    kind, repeats = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, _KINDS[kind](Path(folder)) as drive:
        say(asyncio.run(_measured(drive, repeats)), folder)


if __name__ == "__main__":
    main()
