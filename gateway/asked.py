"""What models were asked, and what came of it: facts, as `gateway.events` has the others. Pure."""

from collections.abc import Mapping
from dataclasses import field

from gateway.call import JsonObject
from gateway.conversation import Purpose
from gateway.values import value

__all__ = ["ModelAnswered", "ModelAsked", "ModelFailed"]


@value(frozen=True, slots=True)
class ModelAsked:
    """`model` is the one that is asked, where several may be, one after another.

    `purpose` is `summary` where it is asked for one of the conversation: that is no turn of its own.
    """

    turn: int
    reserved: Mapping[str, int]
    model: str = ""
    purpose: Purpose = "answer"


@value(frozen=True, slots=True)
class ModelAnswered:
    """`message` is a `providers.Message` as JSON; `calls` are `{"key", "id", "path"}`, resolved once, in its order; of
    a call that was made by way of `call_tool`, with the tool's own `arguments` as JSON text.
    """

    turn: int
    message: JsonObject
    finish: str
    model: str
    usage: JsonObject
    spent: Mapping[str, int]
    calls: tuple[JsonObject, ...] = ()
    purpose: Purpose = "answer"


@value(frozen=True, slots=True)
class ModelFailed:
    """One attempt at a reply. `then` is how it goes on by itself: `again`, or the name of the model that is asked next;
    empty where it does not. `attempt` counts those of this model at this question, from 1, also those that never got to
    the network; `delay` is the pause before the next one, in seconds; or for
    how long its backend wants to be left alone.
    """

    turn: int
    kind: str
    why: str
    retryable: bool
    spent: Mapping[str, int] = field(default_factory=dict)
    model: str = ""
    then: str = ""
    purpose: Purpose = "answer"
    attempt: int = 1
    delay: float = 0.0
