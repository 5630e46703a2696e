"""The record, as the questions that its calls put to the policy: what a backtest reads."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.policy.history import Passed, Recalled, Stopped
from gateway.store.record import Period, Record
from gateway.store.told import BROKEN
from gateway.task import is_run_of_task

__all__ = ["Remembered", "recalled"]

_TEXTS = ("key", "path", "action", "arguments", "rule", "worker", "pin", "policy", "approval")

log = logging.getLogger("toolgate.recalling")

Remembered = tuple[str, Recalled | Stopped, Mapping[str, Any] | None]
"""The run's id, what happened, and the catalogue that was seen then."""


def recalled(
    record: Record, period: Period, wanted: Callable[[Recalled], bool] = lambda _: True
) -> Iterator[Remembered]:
    """Every call of the period that is wanted, one after the other; of the runs in which something happened then."""
    for run_id in record.runs(period):
        for call in _of_run(record, run_id):
            if not period.since <= call.at < period.until:
                continue
            if isinstance(call, Stopped):
                yield run_id, call, None
            elif wanted(call):
                yield run_id, _with_question(record, call), record.seen(call.worker, call.at)


def _of_run(record: Record, run_id: str) -> Iterator[Recalled | Stopped]:
    """What was admitted in the run of a task was asked, and is counted, in the run where its approval was asked for.

    One that can't be read (it was imported by a Toolgate that took in what is no run) is left out from there on.
    """
    if is_run_of_task(run_id):
        return
    passed, events = Passed(), record.events(run_id)
    while True:
        try:
            at, event = next(events)
            found = _checked(passed.add(at, event))
        except StopIteration:
            return
        except BROKEN as error:
            log.warning("run `%s` is damaged and is left out from there on: %s", run_id, error)
            return
        if found is not None:
            yield found


def _checked(found: Recalled | Stopped | None) -> Recalled | Stopped | None:
    """Raises TypeError for one that has something else where a policy looks at text."""
    if isinstance(found, Recalled) and not all(isinstance(getattr(found, name), str | None) for name in _TEXTS):
        raise TypeError("it has no text where text has to be")
    return found


def _with_question(record: Record, call: Recalled) -> Recalled:
    """What was asked of people is kept with the question."""
    if call.arguments is not None or call.approval is None:
        return call
    asked = record.asked(call.approval)
    if asked is None:
        return call
    return replace(call, arguments=asked.arguments, pin=asked.pin, policy=call.policy or asked.policy)
