"""A run's record as what a replay plays: its replies and failures, and what had been said before each.

From the store, or from a file: what `toolgate runs show RUN --json`, `toolgate run --json` or `/save talk.json` wrote.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from gateway.errors import ConfigError, IllegalEvent
from gateway.events import ModelAnswered, ModelFailed, Recorded, event_from_json
from gateway.run import Run, apply
from providers import ProviderError, ProviderErrorKind, Reply, Usage, message_from_json
from providers.replay import Failed, Recording, Step

__all__ = ["read_recording", "recording_of"]

_KINDS: tuple[ProviderErrorKind, ...] = get_args(ProviderErrorKind)
_USAGE = frozenset(each.name for each in fields(Usage))


@dataclass(slots=True)
class _Steps:
    """As they are read: what failed since the last reply."""

    done: list[Step] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    heard: int = 0

    def failed(self, event: ModelFailed, heard: int) -> None:
        if event.kind == "lost":  # its worker died: nobody knows what it would have said
            return
        if self.failures and heard != self.heard:  # somebody said more since
            self.done.append(Step(self.heard, tuple(self.failures)))
            self.failures = []
        kind: ProviderErrorKind = next((known for known in _KINDS if known == event.kind), "protocol")
        self.heard = heard
        self.failures.append(Failed(ProviderError(kind, event.why), event.then))

    def answered(self, event: ModelAnswered, heard: int) -> None:
        usage = Usage(**{name: value for name, value in event.usage.items() if name in _USAGE})
        reply = Reply(message_from_json(event.message), event.finish, usage, event.model)  # type: ignore[arg-type]
        self.done.append(Step(heard, tuple(self.failures), reply))
        self.failures = []

    @property
    def all(self) -> Sequence[Step]:
        rest = [Step(self.heard, tuple(self.failures))] if self.failures else []
        return [*self.done, *rest]


def recording_of(name: str, events: Iterable[Recorded]) -> Recording:
    """Raises IllegalEvent for what is no run's record, and ValueError for what holds nothing."""
    run, steps, summaries = Run(name), _Steps(), _Steps()
    for recorded in events:
        event, heard = recorded.event, len(run.messages)
        if isinstance(event, ModelFailed):
            (steps if event.purpose == "answer" else summaries).failed(event, heard)
        elif isinstance(event, ModelAnswered):
            (steps if event.purpose == "answer" else summaries).answered(event, heard)
        run = apply(run, recorded)
    if not run.seq:
        raise ValueError("nothing is recorded")
    messages = [message_from_json(message) for message in run.messages]
    return Recording(name, messages, steps.all, summaries.all)


def read_recording(path: Path) -> Recording:
    """One JSON object with `events`, or a line of JSON for each. Raises ConfigError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError.at(str(path), f"the recording can't be read: {why}") from None
    try:
        return recording_of(path.name, [_recorded(value) for value in _values(text)])
    except (ValueError, KeyError, TypeError, AttributeError, IllegalEvent):
        hint = "write one with `toolgate runs show RUN --json > FILE`"
        raise ConfigError.at(str(path), "this is no recorded run", hint=hint) from None


def _values(text: str) -> Sequence[Mapping[str, Any]]:
    try:
        whole = json.loads(text)
    except ValueError:  # more than one line of it
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    events: Sequence[Mapping[str, Any]] = whole.get("events", [whole])
    return events


def _recorded(value: Mapping[str, Any]) -> Recorded:
    return Recorded(value["run"], value["seq"], value["at"], event_from_json(value))
