"""What happens in a conversation beside questions to the model and calls: facts, as `gateway.events` has the others.

Pure. In a conversation the run does not end with the model's answer: it waits for what the user says next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from gateway.call import JsonObject
from gateway.values import value

__all__ = ["STOPPED", "WHOLE", "AnswerRejected", "Carried", "Compacted", "Compaction", "Interrupted", "ModelChosen"]
__all__ += ["Pinned", "Purpose", "Searched", "UserSpoke"]

Purpose = Literal["answer", "summary"]  # what a model is asked for

STOPPED = "Not executed: the user stopped this before it was made. Do not make it again unless the user asks for it."


@value(frozen=True, slots=True)
class Carried:
    """The run goes on where another one stood: written before it starts, together with its `Queued`, or in a session
    when those before it have ended.

    `messages` are the conversation so far (`providers.Message` as JSON), in the place of the run's own input, which
    stands in it where it was said. `compaction` and `size` say what of it a model is told, as `Compacted` does;
    `answers` are those of untrusted servers among it (`gateway.state.Answer` as JSON), all of them unless they are not
    `whole`; `said` is what the user has said before. `tainted` and `servers` are what it brings along, beside what
    `Queued` says of that. `source` is where it comes from: `{"run": "...", "seq": 12}`, or
    `{"session": "...", "version": 3}` (`gateway.session.Line`).
    """

    source: JsonObject
    messages: Sequence[JsonObject]
    size: int
    compaction: JsonObject = field(default_factory=dict)
    pinned: Sequence[str] = field(default_factory=list)
    answers: Sequence[JsonObject] = field(default_factory=list)
    whole: bool = True
    said: str = ""
    tainted: bool = False
    servers: Sequence[str] | None = field(default_factory=list)


@value(frozen=True, slots=True)
class UserSpoke:
    """The user said more. While calls are open, it joins the conversation behind their results."""

    text: str
    by: str


@value(frozen=True, slots=True)
class AnswerRejected:
    """The model's answer does not fit the schema that its run must end in; it is told why, and answers once more.

    `where` is the place in the answer (`order.items[2].price`), empty for the whole of it.
    """

    turn: int
    where: str
    why: str


@value(frozen=True, slots=True)
class Interrupted:
    """The user stopped the answer: what was not sent yet will not be."""

    by: str


@value(frozen=True, slots=True)
class Pinned:
    """A text that the model is told from here on, however long the conversation grows."""

    text: str
    by: str


@value(frozen=True, slots=True)
class ModelChosen:
    """Another model goes on with the whole conversation."""

    model: str
    by: str


@value(frozen=True, slots=True)
class Searched:
    """The model looked for tools. `found` are their `server/tool` paths, `content` is what it was told (MCP blocks)."""

    key: str
    query: str
    found: Sequence[str]
    content: Sequence[JsonObject]
    is_error: bool = False


@value(frozen=True, slots=True)
class Compacted:
    """From here on the model is told less of the conversation, because it would not fit its window.

    The fields are `Compaction`'s. `size` is what is left to be told, in bytes of its JSON; `left_out` counts what is
    not told any more: `{"messages", "results", "bytes"}`. `by` is the model that wrote the summary; empty if none did.
    `because` is `too_large` where the model had refused the question as that.
    """

    turn: int
    results: int
    messages: int
    summary: str
    size: int
    cut: int = 0
    longest: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    by: str = ""
    because: str = ""


@value(frozen=True, slots=True)
class Compaction:
    """What of a conversation a model is told. Of the results before message `results` only that there were any; of the
    messages before `messages` only the first one and the summary; of the parts of those before `cut` not more than
    `longest` bytes.
    """

    results: int = 0
    messages: int = 0
    summary: str = ""
    cut: int = 0
    longest: int | None = None


WHOLE = Compaction()
