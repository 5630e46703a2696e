"""Plays a recorded run: an embedded model that says again what was said, and fails again where it failed.

It answers only what was asked then. Where what it is asked now differs (a tool returned something else, the user says
another thing), it says what differs first, and stops: a `ProviderError` of the kind `script`.

Nothing is remembered but how often it has failed: where a conversation stands is read off the marks in its replies.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from providers import (
    Finished,
    Message,
    MovedOn,
    ProviderError,
    Reply,
    Request,
    Retrying,
    Started,
    StreamEvent,
    UsageUpdate,
)
from providers.differing import difference
from providers.streamed import streamed

__all__ = ["MARK", "Failed", "Recording", "ReplayProvider", "Step"]

MARK = "replay"  # the key of a reply's mark, in the `meta` of its first part


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that failed. `then` is how it went on by itself: `again`, or the model that was asked next."""

    error: ProviderError
    then: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was asked with so many messages `heard`, and what came: perhaps failures, then a reply, unless it ended."""

    heard: int
    failures: tuple[Failed, ...] = ()
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """`messages` are all of the run's; `steps` its answers, `summaries` what was asked for in between."""

    name: str
    messages: Sequence[Message]
    steps: Sequence[Step]
    summaries: Sequence[Step] = ()


class ReplayProvider:
    """A `providers.Provider`. `load` reads the recording, when the first question comes. It may raise ProviderError."""

    def __init__(self, load: Callable[[], Awaitable[Recording]]) -> None:
        self._load = load
        self._recording: Recording | None = None
        self._asked: Counter[tuple[str | None, str, int]] = Counter()  # by conversation, purpose and place

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """The reply that was given then. Raises ProviderError: what was recorded, or `script` for another question."""
        recording = self._recording = self._recording or await self._load()
        place, step = self._summary(recording) if request.purpose == "summary" else _answer(recording, request)
        for number, failed in enumerate(self._left(request, place, step), 2):
            if not failed.then:
                raise failed.error
            again = failed.then == "again"
            yield Retrying(number, 0.0, failed.error) if again else MovedOn(failed.then, failed.error)
        if step.reply is None:
            raise ProviderError("script", f"the recording of {recording.name} ends here: the run got no more answer")
        reply = _marked(step.reply, place)
        yield Started(reply.model, reply.response_id)
        for event in streamed(reply.message):
            yield event
        yield UsageUpdate(reply.usage)
        yield Finished(reply)

    def _summary(self, recording: Recording) -> tuple[int, Step]:
        """They come in their order; the last one as often as it is asked for."""
        place = max(0, min(self._asked[None, "summaries", 0], len(recording.summaries) - 1))
        self._asked[None, "summaries", 0] += 1
        return place, _step(recording, recording.summaries, place)

    def _left(self, request: Request, place: int, step: Step) -> Sequence[Failed]:
        """The failures that come this time: after one that ended a question, it was asked anew."""
        key = (request.cache_key, request.purpose, place)
        done = self._asked[key]
        ends = [at for at, failed in enumerate(step.failures, 1) if not failed.then]
        begin = ends[done - 1] if 0 < done <= len(ends) else len(step.failures) if done else 0
        self._asked[key] += 1
        return step.failures[begin:]


def _answer(recording: Recording, request: Request) -> tuple[int, Step]:
    place = _place(request.messages)
    step = _step(recording, recording.steps, place)
    _check(recording, place, step, request)
    return place, step


def _place(messages: Sequence[Message]) -> int:
    """Which reply comes next."""
    marks = [part.meta[MARK]["reply"] for message in messages for part in message.parts if MARK in part.meta]
    return max(marks, default=-1) + 1


def _step(recording: Recording, steps: Sequence[Step], place: int) -> Step:
    if place >= len(steps):
        raise ProviderError("script", f"the recording of {recording.name} has {len(steps)} answers, and no more")
    return steps[place]


def _check(recording: Recording, place: int, step: Step, request: Request) -> None:
    """What was said since the last reply is what was said then; what came before that was looked at then."""
    begin = recording.steps[place - 1].heard + 1 if place else 0
    last = max((at for at, message in enumerate(request.messages) if message.role == "assistant"), default=-1)
    replies = request.messages[last].tool_calls if last >= 0 else ()
    names = {call.id: call.name for call in replies}
    found = difference(recording.messages[begin : step.heard], request.messages[last + 1 :], names)
    if found is not None:
        told = f"this is not what was recorded in {recording.name}: before its answer {place + 1}, {found}"
        raise ProviderError("script", told)


def _marked(reply: Reply, place: int) -> Reply:
    if not reply.message.parts:
        return reply
    first, *others = reply.message.parts
    marked = replace(first, meta={**first.meta, MARK: {"reply": place}})
    return replace(reply, message=Message(reply.message.role, (marked, *others)))
