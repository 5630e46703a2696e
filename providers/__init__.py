"""The contract between an agent loop and a model backend, whoever makes the model.

A `Provider` turns a `Request` into a stream of `StreamEvent`s that ends in exactly one `Finished`, or raises one
`ProviderError`. Modules beside this one implement it: one for each wire format, and embedded ones that need no key.
Nothing here imports `gateway`. Shapes: what Anthropic Messages, OpenAI Responses and Chat Completions have in common.

    values              frozen dataclasses that cost what plain ones do
    message             what is said: parts, messages, their JSON
    request             what is asked, and where
    reply               what is answered, event by event, and how a backend fails
    streamed            a whole message as the events in which it would have come
    anthropic/          Anthropic's Messages, by their SDK
    openai_responses/   OpenAI's Responses, by their SDK
    openai_chat/        Chat Completions, with the deviations of those who are compatible
    answer_form         the form of an answer, asked for in words where a backend can't be given its schema
    wire/               what those three have in common: from turns to sockets
    scripted/           an embedded model that plays a script
    blotting, blotted   secrets out of texts, streams and replies
    replay, differing   an embedded model that plays a recorded run, and the first difference from it
    fake/               the same script on a socket, in all three formats, with faults

The others are backends that stand before backends:

    sound               every event is what the contract says
    discreet            ... and tells no secrets
    fitting             a request as a model takes it that can't do everything
    late                connected when it is first asked
    retrying            the same request again, where that may help
    failover            ... or by the next model
    limiter             who asks too soon waits: by a `bucket` of ours, and the `allowance` that an endpoint tells
    breaker             an endpoint that fails again and again is left alone, by the table of `circuit`
    own_errors          how these fail
    reaching            whether an endpoint answers at all
    clock               the time, for what waits and counts
"""

from collections.abc import AsyncGenerator
from typing import Protocol

from providers.message import (
    File,
    Image,
    Message,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    message_from_json,
    message_to_json,
)
from providers.reply import (
    Finish,
    Finished,
    MovedOn,
    ProviderError,
    ProviderErrorKind,
    Reply,
    Retrying,
    Started,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.request import (
    Deadlines,
    Effort,
    Endpoint,
    Host,
    Request,
    ToolSpec,
)

__all__ = [
    "Connected",
    "Counting",
    "Deadlines",
    "Effort",
    "Endpoint",
    "File",
    "Finish",
    "Finished",
    "Host",
    "Image",
    "Message",
    "MovedOn",
    "Opaque",
    "Part",
    "Provider",
    "ProviderError",
    "ProviderErrorKind",
    "Reply",
    "Request",
    "Retrying",
    "Role",
    "Started",
    "StreamEvent",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "ToolCall",
    "ToolCallArgumentsDelta",
    "ToolCallDone",
    "ToolCallStarted",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "UsageUpdate",
    "message_from_json",
    "message_to_json",
]


class Provider(Protocol):
    """A model backend: the seam has one method."""

    def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Asks the model. Ends in one Finished, or raises ProviderError. Closing the generator cancels the request."""
        ...


class Counting(Protocol):
    """A backend that can say beforehand how much a question is."""

    async def count(self, request: Request) -> int:
        """The input tokens of a request, cached ones included. Raises ProviderError."""
        ...


class Connected(Provider, Protocol):
    """A backend behind a network. Each wire format has one `connect(endpoint) -> Connected`.

    `connect` loads an SDK (half a second and more) and opens no connection; call it in a thread.
    """

    async def aclose(self) -> None:
        """Closes the connections that are kept open. No request may be under way."""
