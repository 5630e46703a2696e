"""The runs of a session, one after the other: each begins with what the one before has left.

Whoever drives a run that is queued waits here until it is its turn; he holds the run's lease meanwhile, so the others
see that he is at it. He does not wait for people: where the run before rests, nobody knows for how long.
"""

import contextlib

from gateway.agents import Agent
from gateway.agents.context import window_of
from gateway.errors import NotItsTurn
from gateway.events import Event, Started
from gateway.run import Run
from gateway.session import Ahead, Keep, Line, Memory, Open, Turn, carried, remembered
from gateway.store import Change, Lease, Store
from gateway.store.lease import is_dead
from gateway.store.waiting import changed

__all__ = ["ahead_of", "is_left", "left_by", "take_turn"]


async def ahead_of(store: Store, run_id: str) -> Ahead | None:
    """The run for which this one has to wait, if it is in a session and there is one."""
    line = await store.line(run_id)
    return next(iter(_ahead(line)), None) if line else None


def _ahead(line: Line) -> list[Ahead]:
    """Without those that were left before they had begun: that a process is gone is known at once on its machine."""
    return [each for each in line.ahead if each.status != "queued" or not each.alive or not _is_gone(each)]


def is_left(run: Ahead | Open) -> bool:
    """Whether it has the turn and stands still: whoever drove it is gone, and no worker takes it up."""
    return run.status == "running" and not run.submitted and (not run.alive or _is_gone(run))


def _is_gone(run: Ahead | Open) -> bool:
    return run.owner is not None and is_dead(run.owner)


async def take_turn(store: Store, run: Run, lease: Lease, *, waits: bool = True) -> bool:
    """Begins a run that is queued when it is its turn. Whether it has begun: not where it was cancelled meanwhile, or
    the run before it rests. Raises LeaseLost, StoreError; and NotItsTurn for whoever never `waits`: a worker has others
    to drive.
    """
    while True:
        version = await store.version()  # before the look: what is written meanwhile is seen at the next one
        line = await store.line(run.id) or Line(run.session, 0, None)
        ahead = _ahead(line)
        if not ahead:
            with contextlib.suppress(NotItsTurn):  # somebody came between: all of it is looked at again
                gone = [each.owner for each in line.ahead if each.owner is not None]
                turn = Turn(run.id, line.version, gone)
                await store.append(run.id, _beginning(run, line, lease), lease=lease, changes=[turn])
                return True
        elif not waits:
            raise NotItsTurn(f"`{ahead[0].run_id}` comes first")
        elif any(each.rests or _is_gone(each) for each in ahead):
            return False
        else:
            await changed(store, version)
        if (await store.run_row(run.id)).status != "queued":
            return False


def _beginning(run: Run, line: Line, lease: Lease) -> list[Event]:
    started = Started(lease.owner)
    return [started] if line.memory is None else [carried(Memory.from_text(line.memory), run, line.version), started]


def left_by(run: Run, agent: Agent, of_model: int | None) -> list[Change]:
    """What is kept of a run whose work is done, for the next one of its session. `of_model` is its model's window, in
    tokens.
    """
    most = min(agent.context.memory, window_of(agent, of_model) // 2)
    return [Keep(run.id, remembered(run, most, agent.context.keep_recent).to_text(), run.version)]
