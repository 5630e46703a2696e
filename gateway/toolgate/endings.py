"""How a run comes out of `Toolgate.run()`: as a result, or as an error that carries the run.

A run that waits or is paused is an error here, though it is a value everywhere inside: whoever writes
`result.output` must not go on with an empty one. Nothing is lost with the error: it has the run, and takes it up again.

* RunStopped           it did not come to its end
  - RunWaiting         people must answer first, or another run of its session must end, or a moment must come
  - RunPaused          a budget is spent, or somebody stopped it
  - RunFailed          it has ended: the model, or its backend, could not go on
  - RunCancelled       it has ended: somebody wanted that
"""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import ToolgateError

if TYPE_CHECKING:
    from gateway.approval import Approval
    from gateway.budget import Limits, Spend
    from gateway.run import Run

__all__ = ["Result", "RunCancelled", "RunFailed", "RunPaused", "RunStopped", "RunWaiting", "result_of", "stopped"]


@dataclass(frozen=True, slots=True)
class Result:
    """A run that succeeded: its answer, and what it took. `spend` and `limits` count in `gateway.budget.Spend`'s units
    (tokens, 10^-9 dollars, milliseconds). `messages` are `providers.Message`s as JSON. `value` is what the JSON of
    `output` says, where it had to fit a schema; else None.
    """

    run_id: str
    output: str
    model: str
    spend: "Spend"
    limits: "Limits"
    session: str = ""
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    value: Any = None


Resume = Callable[[], Awaitable[Result]]


class RunStopped(ToolgateError):
    """A run did not come to its end. `run` is what it has become, `run_id` its id."""

    run: "Run"
    run_id: str

    def __init__(self, text: str, run: "Run", resume: Resume) -> None:
        self.run, self.run_id, self._resume = run, run.id, resume
        super().__init__(text)

    async def resume(self) -> Result:
        """Goes on with it, by the gate that it came from, which is still open; as `Toolgate.resume(run_id)` does from
        anywhere, and `resume_sync(run_id)` without an event loop.
        """
        return await self._resume()


class RunWaiting(RunStopped):
    """People must answer first. `approvals` are the open questions; there are none where a call is in doubt, where
    another run of the same session comes first, or where it waits for a moment (`run.wakes`, in milliseconds since
    1970) or for news until then: the text says which.
    """

    approvals: "tuple[Approval, ...]"

    def __init__(self, text: str, run: "Run", resume: Resume, approvals: "Sequence[Approval]" = ()) -> None:
        super().__init__(text, run, resume)
        self.approvals = tuple(approvals)


class RunPaused(RunStopped):
    """A budget is spent (`run.budget_spent` is its unit), or somebody stopped it."""


class RunFailed(RunStopped):
    """It has ended: it can't be resumed. `run.cause` is `KIND: why`."""


class RunCancelled(RunStopped):
    """Somebody has ended it: it can't be resumed."""


def result_of(run: "Run") -> Result:
    """Of a run that succeeded."""
    return Result(run.id, run.output, run.model, run.spend, run.limits, run.session, run.messages, _value(run))


def _value(run: "Run") -> Any:
    """None also for what is no JSON: a run that was taken in from a file may have ended in anything."""
    with contextlib.suppress(ValueError):
        return None if run.output_schema is None else json.loads(run.output)
    return None


def stopped(run: "Run", resume: Resume, approvals: "Sequence[Approval]", ahead: str | None) -> RunStopped:
    """What is said of a run that did not succeed. `ahead` is the run of its session that comes first."""
    on = f'go on with `await gate.resume("{run.id}")`'
    match run.status:
        case "failed":
            return RunFailed(f"run `{run.id}` has failed: {run.cause}", run, resume)
        case "cancelled":
            return RunCancelled(f"run `{run.id}` was cancelled", run, resume)
        case "paused":
            return RunPaused(f"run `{run.id}` is paused: {run.cause}; {on}", run, resume)
    return RunWaiting(f"run `{run.id}` waits: {_awaited(run, approvals, ahead)}; then {on}", run, resume, approvals)


def _slept(run: "Run", wakes: int) -> str:
    from gateway.dates import dated
    from gateway.visible import visible

    news = ", ".join(f"`{visible(call.news)}`" for call in run.calls.values() if call.status == "asleep" and call.news)
    until = f"until {dated(wakes).isoformat(timespec='seconds')}"
    return f"for news ({news}), {until} at most" if news else until


def _awaited(run: "Run", approvals: "Sequence[Approval]", ahead: str | None) -> str:
    if ahead is not None:
        return f"run `{ahead}` of the session `{run.session}` comes first"
    asked = ", ".join(f"`{approval.id}` about `{approval.path}`" for approval in approvals)
    doubted = ", ".join(f"`{call.key}`" for call in run.calls.values() if call.status == "doubted")
    told = [f"people must answer {asked}"] if asked else []
    told += [f"somebody must say what became of {doubted}"] if doubted else []
    told += [_slept(run, run.wakes)] if run.wakes is not None else []
    last = "for somebody who drives it" if run.status == "queued" else "for what its user says next"
    return " and ".join(told) or last
