"""Where a conversation stands in a script. Pure.

Nothing is remembered: the conversation is walked through from its start, so that any process can go on with it, and
any number of runs can use one script. Each reply also carries a mark of the step that made it, so that a conversation
whose beginning was cut off (to save context) is still found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from providers import Message, ProviderError, ToolResult
from providers.scripted.condition import miss
from providers.scripted.script import Fork, Script, Turn
from providers.scripted.seen import Returned, Seen

__all__ = ["MARK", "Place", "place_of"]

MARK = "scripted"  # the key of a reply's mark, in the `meta` of its first part


@dataclass(frozen=True, slots=True)
class Place:
    """The step to be played next, how often it was played in a row, the number of the turn (from 1), what is seen."""

    step: int = 0
    played: int = 0
    turn: int = 1
    seen: Seen = field(default_factory=Seen)

    def mark(self) -> dict[str, Any]:
        """What a reply made here carries."""
        return {MARK: {"step": self.step, "played": self.played, "turn": self.turn}}


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One reply, and everything that followed until the next."""

    reply: Message
    results: Mapping[str, ToolResult]
    said: str | None


def place_of(script: Script, messages: Sequence[Message]) -> Place:
    """The place after these messages. Raises ProviderError (`script`) if forks lead in a circle."""
    first = next((i for i, message in enumerate(messages) if message.role == "assistant"), len(messages))
    place = _settled(script, Place(seen=Seen(said=_said(messages[:first]) or "")))
    for exchange in _exchanges(messages[first:]):
        place = _settled(script, _after(script, _marked(place, exchange.reply), exchange))
    return place


def _exchanges(messages: Sequence[Message]) -> Iterator[_Exchange]:
    starts = [i for i, message in enumerate(messages) if message.role == "assistant"]
    for start, end in zip(starts, [*starts, len(messages)][1:], strict=True):
        followed = messages[start + 1 : end]
        parts = [part for message in followed for part in message.parts if isinstance(part, ToolResult)]
        yield _Exchange(messages[start], {part.call_id: part for part in parts}, _said(followed))


def _said(messages: Sequence[Message]) -> str | None:
    return next(
        (message.text for message in reversed(messages) if message.role == "user" and not _aside(message)), None
    )


def _aside(message: Message) -> bool:
    """What the gateway adds to the user's words is not the user's."""
    return all(part.meta.get("aside") for part in message.parts)


def _marked(place: Place, reply: Message) -> Place:
    mark = next((part.meta[MARK] for part in reply.parts if MARK in part.meta), None)
    return place if mark is None else replace(place, **mark)


def _after(script: Script, place: Place, exchange: _Exchange) -> Place:
    step = script.steps[place.step] if place.step < len(script.steps) else None
    if not isinstance(step, Turn):  # behind the end, or another script's mark
        return replace(place, turn=place.turn + 1, seen=_heard(place.seen, exchange))
    made = zip(step.calls, exchange.reply.tool_calls, strict=False)
    returned = [(use.name, Returned(use.tool, exchange.results.get(call.id))) for use, call in made]
    named = {name: came for name, came in returned if name is not None}
    seen = Seen(
        said=place.seen.said if exchange.said is None else exchange.said,
        results=tuple(came for _, came in returned),
        named={**place.seen.named, **named},
    )
    again = place.played + 1 < step.repeat
    following = place.step + 1 if step.goto is None else step.goto
    return Place(place.step if again else following, place.played + 1 if again else 0, place.turn + 1, seen)


def _heard(seen: Seen, exchange: _Exchange) -> Seen:
    return replace(seen, said=seen.said if exchange.said is None else exchange.said, results=())


def _settled(script: Script, place: Place) -> Place:
    """The next turn, or the end: forks on the way are taken."""
    for _ in range(len(script.steps) + 1):
        step = script.steps[place.step] if place.step < len(script.steps) else None
        if not isinstance(step, Fork):
            return place
        place = replace(place, step=_chosen(step, place))
    where = script.steps[place.step].where
    raise ProviderError("script", f"{where}: the branches lead in a circle without a turn between them")


def _chosen(fork: Fork, place: Place) -> int:
    for choice in fork.choices:
        if all(miss(wanted, place.seen) is None for wanted in choice.when):
            return choice.goto
    return place.step + 1
