"""What of a conversation is told no more when the window is full. Pure.

    1. the results of older calls: the model may call again
    2. the older messages: a summary takes their place
    3. what is left and too long for any window: its middle

Each step leaves calls and their results together and everything in its order, and goes well below the mark, so that
what the model is told begins alike for many turns: that is what prompt caches live from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from gateway.agents.history import told
from gateway.agents.shortening import LEAST, cut_text
from gateway.agents.summary import by_rule
from gateway.conversation import Compaction
from gateway.values import value
from gateway.weight import weight
from providers import Message, message_to_json

__all__ = ["BYTES_A_TOKEN", "LEAST_ROOM", "Room", "left_out", "planned", "settled", "weigh"]

BYTES_A_TOKEN = 3  # on the safe side for most languages, and for JSON; a provider that can count does better
LEAST_ROOM = 2_000  # bytes: with less there is no conversation

_LENGTHS = tuple(LEAST << power for power in range(9, -1, -1))  # 32 KB .. 64 bytes
_HEAD = 1_000  # bytes around a summary, and of a short task


@value(frozen=True, slots=True)
class Room:
    """Bytes of conversation: `mark` is where less is told, `aim` how much is left then."""

    mark: int
    aim: int

    @classmethod
    def of(cls, tokens: float, compact_at: float) -> "Room":
        """Where so many tokens fit."""
        mark = int(tokens * BYTES_A_TOKEN * compact_at)
        return cls(mark, mark // 2)

    def at_most(self, size: int) -> "Room":
        """The same, but for no more than so many bytes of conversation."""
        mark = min(self.mark, max(LEAST_ROOM, size))
        return Room(mark, min(self.aim, mark // 2))

    @property
    def summary(self) -> int:
        """The longest summary that leaves room for what it is about: bytes."""
        return max(LEAST, min(6_000, self.aim // 3))


class Scales:
    """Weighs the messages of one conversation, each once: what is told of it is made of the same ones."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._known = {id(message): weight(message_to_json(message)) for message in messages}
        self._kept = messages  # so that no other message takes an id of theirs

    def weigh(self, messages: Iterable[Message]) -> int:
        """Bytes."""
        known = self._known
        return sum(known.get(id(message)) or weight(message_to_json(message)) for message in messages)


def weigh(messages: Sequence[Message]) -> int:
    """Bytes."""
    return Scales(messages).weigh(messages)


def planned(messages: Sequence[Message], now: Compaction, keep_recent: int, room: Room) -> Compaction:
    """What is told from here on. Where its `messages` grow, a summary is wanted of those that `now` still tells."""
    begin, scales = _exchanges(messages), Scales(messages)
    recent = begin[-keep_recent] if len(begin) > keep_recent else begin[0]
    fewer = replace(now, results=max(now.results, recent), cut=0, longest=None)
    shown = told(messages, replace(fewer, messages=0))
    if not fewer.messages and scales.weigh(shown) <= room.aim:
        return fewer
    if fewer.messages and scales.weigh(told(messages, fewer)) <= room.aim:
        return fewer
    first = _where([scales.weigh(shown[at:end]) for at, end in pairwise([*begin, len(messages)])], begin, room)
    return replace(fewer, messages=max(fewer.messages, first))


def _exchanges(messages: Sequence[Message]) -> list[int]:
    """Where a reply with its results, or a word of the user's, begins: between those it may be cut."""
    return [index for index, message in enumerate(messages) if message.role != "tool"] or [0]


def _where(weights: Sequence[int], begin: Sequence[int], room: Room) -> int:
    """The first exchange that is told, by what each of them weighs; the last one always is."""
    left = room.aim - room.summary - _HEAD
    found = begin[-1]
    for start, size in zip(reversed(begin), reversed(weights), strict=True):
        left -= size
        if left < 0:
            break
        found = start
    return found


def settled(messages: Sequence[Message], wanted: Compaction, room: Room) -> Compaction:
    """With its summary, it fits: whatever is too long for that loses its middle; at last, all but the summary goes."""
    wanted, scales = replace(wanted, summary=cut_text(wanted.summary, room.summary)), Scales(messages)
    for trial in _trials(messages, wanted):
        if scales.weigh(told(messages, trial)) <= room.mark:
            return trial
    rest = by_rule(messages[wanted.messages :], wanted.summary, room.summary)
    everything = len(messages)
    return Compaction(everything, everything, cut_text(rest, LEAST), everything, LEAST)


def _trials(messages: Sequence[Message], wanted: Compaction) -> Sequence[Compaction]:
    return [wanted, *(replace(wanted, cut=len(messages), longest=longest) for longest in _LENGTHS)]


def left_out(messages: Sequence[Message], now: Compaction) -> Mapping[str, int]:
    """How much of the conversation is not told any more: messages, results, and bytes in all."""
    results = sum(message.role == "tool" for message in messages[now.messages : now.results])
    missing = weigh(messages) - weigh(told(messages, now))
    return {"messages": max(0, now.messages - 1), "results": results, "bytes": max(0, missing)}
