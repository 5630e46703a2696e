"""What of a conversation is told no more when the window is full. Pure.

    1. the results of older calls: the model may call again
    2. the older messages: a summary takes their place
    3. what is left and too long for any window: its middle

Each step leaves calls and their results together and everything in its order, and goes well below the mark, so that
what the model is told begins alike for many turns: that is what prompt caches live from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.agents.history import told
from gateway.agents.shortening import LEAST, cut_text
from gateway.agents.summary import by_rule
from gateway.conversation import Compaction
from gateway.weight import weight
from providers import Message, message_to_json

__all__ = ["BYTES_A_TOKEN", "LEAST_ROOM", "Room", "left_out", "planned", "settled", "weigh"]

BYTES_A_TOKEN = 3  # on the safe side for most languages, and for JSON; a provider that can count does better
LEAST_ROOM = 2_000  # bytes: with less there is no conversation

_LENGTHS = tuple(LEAST << power for power in range(9, -1, -1))  # 32 KB .. 64 bytes
_HEAD = 1_000  # bytes around a summary, and of a short task


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of conversation: `mark` is where less is told, `aim` how much is left then."""

    mark: int
    aim: int

    @classmethod
    def of(cls, tokens: float, compact_at: float) -> "Room":
        """Where so many tokens fit."""
        mark = int(tokens * BYTES_A_TOKEN * compact_at)
        return cls(mark, mark // 2)

    @property
    def summary(self) -> int:
        """The longest summary that leaves room for what it is about: bytes."""
        return max(LEAST, min(6_000, self.aim // 3))


def weigh(messages: Sequence[Message]) -> int:
    """Bytes."""
    return sum(weight(message_to_json(message)) for message in messages)


def planned(messages: Sequence[Message], now: Compaction, keep_recent: int, room: Room) -> Compaction:
    """What is told from here on. Where its `messages` grow, a summary is wanted of those that `now` still tells."""
    begin = _exchanges(messages)
    recent = begin[-keep_recent] if len(begin) > keep_recent else begin[0]
    fewer = replace(now, results=max(now.results, recent), cut=0, longest=None)
    if weigh(told(messages, fewer)) <= room.aim:
        return fewer
    return replace(fewer, messages=_where(messages, fewer, begin, room))


def _exchanges(messages: Sequence[Message]) -> list[int]:
    """Where a reply with its results, or a word of the user's, begins: between those it may be cut."""
    return [index for index, message in enumerate(messages) if message.role != "tool"] or [0]


def _where(messages: Sequence[Message], now: Compaction, begin: Sequence[int], room: Room) -> int:
    """The first exchange that is told; the last one always is."""
    left = room.aim - room.summary - _HEAD
    shown = told(messages, replace(now, messages=0))
    rest, found = 0, begin[-1]
    for start, end in zip(reversed(begin), [len(messages), *reversed(begin)], strict=False):
        rest += weigh(shown[start:end])
        if rest > left:
            break
        found = start
    return max(now.messages, found)


def settled(messages: Sequence[Message], wanted: Compaction, room: Room) -> Compaction:
    """With its summary, it fits: whatever is too long for that loses its middle; at last, all but the summary goes."""
    wanted = replace(wanted, summary=cut_text(wanted.summary, room.summary))
    for trial in _trials(messages, wanted):
        if weigh(told(messages, trial)) <= room.mark:
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
