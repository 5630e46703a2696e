"""A session: a conversation of one user that goes on from run to run. Pure.

What goes on is a memory: what the session's last run was told and has said, as the model was told of it, and no longer
than the admin lets it be. It is left with the event that ends a run well, and the next run begins with it (`Carried`).
Where it is too long, it is shortened by rule and in the order in which a full window is: the results of older calls
go first, then the older messages, of which a summary stays if the run's model had to write one; no model is asked for
one at the end, because a run whose work is done may not fail, pause or pay for that.

One run of a session is under way at a time. So the runs of one stand in a line, in the order in which they came.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import field, replace

from gateway.agents.compaction import LEAST_ROOM, Room, planned, settled
from gateway.agents.history import told
from gateway.agents.shortening import shortened
from gateway.agents.summary import by_rule
from gateway.call import JsonObject
from gateway.conversation import Carried
from gateway.run import Run
from gateway.transitions import Status
from gateway.values import value
from gateway.verbatim import encode
from gateway.weight import weight
from providers import Message, message_from_json, message_to_json

__all__ = [
    "ALONE",
    "NAME",
    "Ahead",
    "Dialogue",
    "Join",
    "Keep",
    "Line",
    "Memory",
    "Open",
    "Session",
    "Turn",
    "carried",
    "remembered",
]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}")

MOST = 1_000_000  # bytes of JSON, of messages and of answers: pictures weigh less than they take
_PART = 8_192  # bytes of a part of a message, where they are more than that all together
_SAID = 64_000  # characters of what the user said


@value(frozen=True, slots=True)
class Dialogue:
    """How the user goes on when a run has answered: within the same run (a `conversation`), in the next one of the same
    `session`, or not at all.
    """

    conversation: bool = False
    session: str = ""


ALONE = Dialogue()


# ---- what the store keeps of it


@value(frozen=True, slots=True)
class Session:
    """A line in the list of sessions. `turns` counts the runs that have left a memory, `run_id` is the last one.

    `size` is that of the memory in bytes, `open` are the runs that have not ended. Times are milliseconds since 1970.
    """

    name: str
    agent: str
    turns: int
    size: int
    run_id: str | None
    created: int
    updated: int
    open: Sequence[str] = ()


@value(frozen=True, slots=True)
class Open:
    """A run of a session that has not ended. Of those that have `begun` there is one: it has the turn. `alive`: the
    lease of its `owner` holds; `submitted`: workers take it up by themselves.
    """

    run_id: str
    status: Status
    begun: bool
    owner: str | None = None
    alive: bool = True
    submitted: bool = True

    @property
    def aside(self) -> bool:
        """Whether it was paused before its turn, and keeps nobody waiting."""
        return self.status == "paused" and not self.begun


@value(frozen=True, slots=True)
class Ahead:
    """A run that comes before another one of its session. `alive`: somebody drives it, or will; `submitted`: workers
    take it up by themselves.
    """

    run_id: str
    status: Status
    owner: str | None
    alive: bool
    submitted: bool = True

    @property
    def rests(self) -> bool:
        """Whether one may have to wait for it for as long as people please."""
        return not self.alive or self.status in ("waiting", "paused")


@value(frozen=True, slots=True)
class Line:
    """Where a run stands in its session: which are before it, and what the last one that ended has left, as text.

    `version` grows with each run that leaves something.
    """

    name: str
    version: int
    memory: str | None
    ahead: Sequence[Ahead] = ()


# ---- what a run changes about it, in one transaction with its events (`gateway.store.Change`)


@value(frozen=True, slots=True)
class Join:
    """The run that is queued with this stands at the end of the line; else the whole append fails (Conflict): the
    session is another agent's.
    """

    run_id: str
    name: str
    user: str
    tenant: str
    agent: str

    @property
    def session(self) -> str:
        """The name by which jobs of the same session know one another, whosever they are."""
        return json.dumps([self.tenant, self.user, self.name])


@value(frozen=True, slots=True)
class Turn:
    """It is the run's turn, and the memory is that of this version still; else the append fails (NotItsTurn). `gone`
    are owners that are known to be dead.
    """

    run_id: str
    version: int
    gone: Sequence[str] = ()


@value(frozen=True, slots=True)
class Keep:
    """What the run leaves for the next one of its session: `Memory` as text.

    `version` is that of the memory with which it has begun: what others have left since stays as it is. None: nobody
    knows.
    """

    run_id: str
    memory: str
    version: int | None = None


# ---- what is remembered


@value(frozen=True, slots=True)
class Memory:
    """What a run leaves. `messages` are `providers.Message`s as JSON, the others what `Carried` says."""

    messages: Sequence[JsonObject]
    pinned: Sequence[str] = ()
    answers: Sequence[JsonObject] = ()
    whole: bool = True
    said: str = ""
    tainted: bool = False
    servers: Sequence[str] | None = field(default_factory=list)

    def to_text(self) -> str:
        return encode({name: getattr(self, name) for name in self.__dataclass_fields__}).decode()

    @classmethod
    def from_text(cls, text: str) -> "Memory":
        """The inverse. What a newer version added is left out."""
        told = json.loads(text)
        return cls(**{name: told[name] for name in cls.__dataclass_fields__ if name in told})


def remembered(run: Run, tokens: int, keep_recent: int) -> Memory:
    """What a run leaves whose work is done. Of the conversation not more than about so many `tokens`; the results of
    the newest `keep_recent` exchanges stay whole as long as that is possible.
    """
    room = Room.of(tokens, 1.0)
    room = room if room.mark >= LEAST_ROOM else Room(LEAST_ROOM, LEAST_ROOM // 2)
    answers, whole = _newest([_answer(answer) for answer in run.answers])
    servers = None if run.servers is None else sorted(run.servers)
    messages = [message_to_json(message) for message in _bounded(_told(run, room, keep_recent))]
    return Memory(messages, run.pinned, answers, run.whole and whole, _end_of(run.input), run.tainted, servers)


def carried(memory: Memory, run: Run, version: int) -> Carried:
    """How a run that is queued begins with it, the session's memory of this version."""
    messages = [*memory.messages, *run.messages]
    return Carried(
        {"session": run.session, "version": version},
        messages,
        sum(map(weight, messages)),
        pinned=[*memory.pinned, *run.pinned],
        answers=memory.answers,
        whole=memory.whole,
        said=memory.said,
        tainted=memory.tainted,
        servers=memory.servers,
    )


def _told(run: Run, room: Room, keep_recent: int) -> Sequence[Message]:
    """What the model is told of it at the end, or as much of that as there is room for."""
    messages, now = [message_from_json(message) for message in run.messages], run.compaction
    if run.size <= room.mark:
        return told(messages, now)
    wanted = planned(messages, now, keep_recent, room)
    if wanted.messages > now.messages:
        summary = by_rule(messages[now.messages : wanted.messages], now.summary, room.summary)
        wanted = replace(wanted, summary=summary)
    return told(messages, settled(messages, wanted, room))


def _bounded(messages: Sequence[Message]) -> Sequence[Message]:
    if len(encode([message_to_json(message) for message in messages])) <= MOST:
        return messages
    return [shortened(message, _PART) for message in messages]


def _answer(answer: object) -> JsonObject:
    return {name: getattr(answer, name) for name in ("key", "path", "outcome")}


def _newest(answers: Sequence[JsonObject]) -> tuple[Sequence[JsonObject], bool]:
    """As many of the newest as there is room for, in their order, and whether that is all."""
    left, kept = MOST, list[JsonObject]()
    for answer in reversed(answers):
        left -= len(encode(answer))
        if left < 0:
            break
        kept.insert(0, answer)
    return kept, len(kept) == len(answers)


def _end_of(said: str) -> str:
    """The newest of it, and no word that was cut: half of a number is another number."""
    if len(said) <= _SAID:
        return said
    return said[-_SAID:].partition(" ")[2]
