"""What a model answers, as it comes in, and how a backend fails: values. Pure."""

from typing import Literal

from providers.message import Message
from providers.values import value

__all__ = [
    "Finish",
    "Finished",
    "MovedOn",
    "ProviderError",
    "ProviderErrorKind",
    "Reply",
    "Retrying",
    "Started",
    "StreamEvent",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallArgumentsDelta",
    "ToolCallDone",
    "ToolCallStarted",
    "Usage",
    "UsageUpdate",
]

Finish = Literal[
    "stop", "tool_calls", "length", "refusal", "content_filter", "context_window", "paused", "cancelled", "error"
]

ProviderErrorKind = Literal[
    "auth", "permission", "quota", "not_found", "bad_request", "too_large", "rate_limit", "overloaded", "server",
    "timeout", "network", "protocol", "refused", "too_long",
    "unsupported", "script",
]  # fmt: skip
# `quota`: the account has no money left, which time does not mend. `too_large`: the question, for the model's window.
# `unsupported`: this wire format has no way to ask for it.
# `too_long`: the reply, for what was asked for; another would be as long, and cost. `script` is the scripted model's
# own: what its script expects, or refers to, is not there.


@value(frozen=True, slots=True)
class Usage:
    """Tokens. `input` includes cached ones. `estimated` says that the backend did not report them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output


@value(frozen=True, slots=True)
class Reply:
    """A whole answer. `cost_nanos` is its price in billionths of a US dollar if the provider knows it, else None.

    `reason` is the backend's own word for why it ended. Tools may be executed only if `finish` is `stop` or
    `tool_calls`.
    """

    message: Message
    finish: Finish
    usage: Usage
    model: str
    response_id: str = ""
    cost_nanos: int | None = None
    reason: str = ""


class ProviderError(Exception):
    """A model backend failed, in one of a few known ways. `retry_after` is in seconds."""

    def __init__(
        self,
        kind: ProviderErrorKind,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.kind, self.status, self.retry_after, self.request_id = kind, status, retry_after, request_id
        super().__init__(message)

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.kind in ("rate_limit", "overloaded", "server", "timeout", "network", "protocol")


@value(frozen=True, slots=True)
class Started:
    """The first event of an answer. `response_id` is the backend's."""

    model: str
    response_id: str = ""


@value(frozen=True, slots=True)
class TextDelta:
    text: str


@value(frozen=True, slots=True)
class ThinkingDelta:
    text: str


@value(frozen=True, slots=True)
class ToolCallStarted:
    """`index` counts the calls of one reply from 0. Calls may form at the same time."""

    index: int
    id: str
    name: str


@value(frozen=True, slots=True)
class ToolCallArgumentsDelta:
    index: int
    text: str


@value(frozen=True, slots=True)
class ToolCallDone:
    """The arguments of this call are whole. It may be executed only when the whole reply is there (`Finished`)."""

    index: int


@value(frozen=True, slots=True)
class UsageUpdate:
    """What the reply has used until now, in all."""

    usage: Usage


@value(frozen=True, slots=True)
class Retrying:
    """The attempt before failed; what was streamed of it is void. `attempt` counts from 2, `delay` is in seconds."""

    attempt: int
    delay: float
    error: ProviderError


@value(frozen=True, slots=True)
class MovedOn:
    """The model before failed, what was streamed of it is void, and `model` is asked now."""

    model: str
    error: ProviderError


@value(frozen=True, slots=True)
class Finished:
    """The one event that ends a stream. A stream without it was cut: nothing of it may be executed."""

    reply: Reply


StreamEvent = (
    Started
    | TextDelta
    | ThinkingDelta
    | ToolCallStarted
    | ToolCallArgumentsDelta
    | ToolCallDone
    | UsageUpdate
    | Retrying
    | MovedOn
    | Finished
)
