"""A backend that tells no secrets: not its key, not what its headers hold, not what an adapter trips over.

Neither its errors do nor its replies: a model that has seen the key, or an endpoint that repeats it, would have it
recorded, shown and given to tools.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from providers import (
    Finished,
    Provider,
    ProviderError,
    Request,
    Started,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
)
from providers.blotted import blotted
from providers.blotting import Blotter, Pieces

__all__ = ["Discreet", "told"]


class Discreet:
    """`secrets` are never repeated. An exception that is no ProviderError becomes one that says only its name."""

    def __init__(self, provider: Provider, secrets: Sequence[str]) -> None:
        self._provider, self._secrets, self._blotter = provider, tuple(secrets), Blotter(secrets)

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        failed: ProviderError
        quiet = _Quiet(self._blotter)
        try:
            async with aclosing(self._provider.stream(request)) as events:
                async for event in events:
                    for each in quiet.told(event) if self._blotter else (event,):
                        yield each
                return
        except ProviderError as error:
            failed = told(error, self._secrets)
        except Exception as broken:  # noqa: BLE001 - a defect of an adapter: its text may hold a secret
            why = f"the adapter of this backend failed: {type(broken).__name__}"
            failed = ProviderError("protocol", why)
        failed.__cause__ = failed.__context__ = None  # what it was before does not come along
        raise failed


class _Quiet:
    """One reply, as it may be told: also a secret that comes in two pieces is none of it."""

    def __init__(self, blotter: Blotter) -> None:
        self._blotter = blotter
        self._text, self._thought = Pieces(blotter), Pieces(blotter)
        self._arguments: dict[int, Pieces] = {}

    def told(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case TextDelta(piece):
                yield from (TextDelta(text) for text in (self._text.more(piece),) if text)
            case ThinkingDelta(piece):
                yield from (ThinkingDelta(text) for text in (self._thought.more(piece),) if text)
            case ToolCallStarted():
                self._arguments[event.index] = Pieces(self._blotter)
                name, given = self._blotter.blotted(event.name), self._blotter.blotted(event.id)
                yield replace(event, id=given, name=name)
            case ToolCallArgumentsDelta(index, piece):
                argued = self._arguments.setdefault(index, Pieces(self._blotter)).more(piece)
                yield from (ToolCallArgumentsDelta(index, text) for text in (argued,) if text)
            case _:
                yield from self._other(event)

    def _other(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case Started(model, response_id):
                yield Started(self._blotter.blotted(model), self._blotter.blotted(response_id))
            case ToolCallDone(index):
                rest = self._arguments.pop(index, Pieces(self._blotter)).rest()
                yield from (ToolCallArgumentsDelta(index, text) for text in (rest,) if text)
                yield event
            case Finished(reply):
                yield from (ThinkingDelta(text) for text in (self._thought.rest(),) if text)
                yield from (TextDelta(text) for text in (self._text.rest(),) if text)
                yield Finished(blotted(reply, self._blotter))
            case _:
                yield event


def told(error: ProviderError, secrets: Sequence[str]) -> ProviderError:
    """The error, or one that says the same without the secrets."""
    blotter = Blotter(secrets)
    text, request_id = blotter.blotted(str(error)), blotter.blotted(error.request_id or "") or None
    if text == str(error) and request_id == (error.request_id or None):
        return error
    return ProviderError(error.kind, text, status=error.status, retry_after=error.retry_after, request_id=request_id)
