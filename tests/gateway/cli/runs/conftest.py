"""Runs as they are recorded, for the commands that show and change them."""

import asyncio
import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.events import Admitted, Doubted, Event, ModelAnswered, ModelAsked, Queued, Started, Waited
from gateway.store import Change
from gateway.store.lease import machine
from gateway.store.sqlite import SqliteStore

QUEUED = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "count the bells")
DEAD = f"{machine()}/999999999/aa"  # no process has such a number
RUN = "r-0123456789abcdef"

TICKS = itertools.count(1_700_000_000_000)  # milliseconds: long ago, whatever the clock of this machine says


def record(
    project: Path,
    run_id: str,
    *events: Event,
    clock: Callable[[], int] = lambda: next(TICKS),
    changes: Sequence[Change] = (),
) -> None:
    store = SqliteStore(project / ".toolgate" / "toolgate.db", clock=clock)
    try:
        asyncio.run(store.append(run_id, events, lease=None, changes=changes))
    finally:
        store.close()


def away(project: Path) -> Path:
    """Another installation of the same project."""
    other = project.with_name("other")
    shutil.copytree(project, other, ignore=shutil.ignore_patterns(".toolgate"))
    return other


@pytest.fixture
def queued(bare: Path) -> Path:
    record(bare, RUN, QUEUED)
    return bare


@pytest.fixture
def doubted(bare: Path) -> Path:
    """A run that waits for somebody to say what became of its call."""
    call = {"key": "t1/call/1", "id": "1", "path": "echo/add"}
    message = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": "{}"}]}
    record(
        bare,
        RUN,
        QUEUED,
        Started(DEAD),
        ModelAsked(1, {}),
        ModelAnswered(1, message, "tool_calls", "demo", {}, {}, (call,)),
        Admitted("t1/call/1", "echo/add", "{}", "pin", "policy", {}),
        Doubted("t1/call/1", "no answer came to this call"),
        Waited("doubt"),
    )
    return bare
