"""A `Provider` made of a line to a backend and a wire format."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from providers.own_errors import Unsent
from providers.reply import Finished, ProviderError, Reply, StreamEvent
from providers.request import Deadlines, Endpoint, Request, known_as
from providers.wire.failures import Who
from providers.wire.line import Answer, Line

__all__ = ["Backend", "Counter", "Decoder", "Format", "Home", "merged", "origin_of", "who_is"]


_SECRET = re.compile("key|secret|token|password")  # options that are not told
_SHAPE = (LookupError, TypeError, ValueError, AttributeError)  # what is raised over values of other types


class Decoder(Protocol):
    """Reads the events of one reply."""

    @property
    def done(self) -> bool:
        """Nothing that matters can follow."""

    @property
    def complete(self) -> bool:
        """The backend has said that the reply is whole; its usage may follow."""

    def take(self, event: bytes, data: Any) -> Iterable[StreamEvent]:
        """What an event means. Raises ProviderError if it tells of a failure, LookupError, TypeError, ValueError or
        AttributeError if it has not the shape that it must have."""

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (`protocol`) if it was cut, and else as `take` does."""


@dataclass(frozen=True, slots=True)
class Format:
    """A wire format: where requests go, how they are written, how replies are read."""

    path: str
    encode: Callable[[Request], Mapping[str, Any]]
    decoder: Callable[[Request], Decoder]


class Backend:
    """Streams replies."""

    def __init__(self, line: Line, wire: Format, extra: Mapping[str, Any]) -> None:
        self._line, self._format, self._extra = line, wire, extra

    def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """The reply as it forms, and at its end the whole. Raises ProviderError. Closing it hangs up."""
        return self._streamed(request, self._format.decoder(request))

    async def _streamed(
        self, request: Request, decoder: Decoder, body: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """What one request is answered. `body` is sent in place of the request as it is written."""
        body = self._body(request) if body is None else body
        async with self._line.ask(self._format.path, body, request.deadlines) as answer:
            await answer.check()
            hurried = False
            while not decoder.done and (batch := await _batch(answer, decoder)) is not None:
                for event, data in batch:
                    for each in _taken(answer, decoder, event, data):
                        yield each
                if decoder.complete and not hurried:
                    hurried = True
                    answer.hurry()
            finished = _finished(answer, decoder)
            await answer.rest()
        yield finished

    def _body(self, request: Request) -> Mapping[str, Any]:
        return merged(_written(self._line, self._format.encode, request), self._extra)

    async def aclose(self) -> None:
        """Closes the connections that are kept open."""
        await self._line.client.close()


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of a request where the backend does. `kept` are the fields of a request that count."""

    line: Line
    path: str
    encode: Callable[[Request], Mapping[str, Any]]
    kept: frozenset[str]

    async def count(self, request: Request) -> int:
        """The input tokens of a request. Raises ProviderError."""
        written = _written(self.line, self.encode, request)
        body = {name: value for name, value in written.items() if name in self.kept}
        first = request.deadlines.first
        answer = await self.line.fetch(self.path, body, Deadlines(first, first, first))
        tokens = answer.get("input_tokens") if isinstance(answer, Mapping) else None
        if not isinstance(tokens, int):
            raise self.line.who.says(ProviderError("protocol", "it does not say how many tokens a request has"))
        return tokens


def who_is(endpoint: Endpoint) -> Who:
    """The backend's name, and what must not be told of it."""
    hidden = [value for name, value in endpoint.options.items() if _SECRET.search(name)]
    return Who.of(endpoint.name, (endpoint.api_key, *endpoint.headers.values(), *hidden))


@dataclass(frozen=True, slots=True)
class Home:
    """Where a wire format comes from: the endpoint of this name that has no address but this one."""

    name: str
    base_url: str | None


def origin_of(endpoint: Endpoint, request: Request, home: Home) -> str:
    """Whose signatures are whose: the key in `meta` of what goes back to this model at this backend only.

    It is `anthropic:NAME` at home, and `mine#1f0c2d3e:NAME` anywhere else. Older records have the name alone, which
    only who is at home reads: to all others nothing of theirs goes back, as when the backend changes.
    """
    url = (endpoint.base_url or home.base_url or "").rstrip("/")
    if (endpoint.name, url, endpoint.host) == (home.name, (home.base_url or "").rstrip("/"), "direct"):
        return f"{endpoint.name}:{request.model}"
    return f"{known_as(endpoint.name, f'{home.name} {endpoint.host} {url}')}:{request.model}"


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the user's own fields in it; objects are merged, and None takes a field away."""
    whole = dict(body)
    for name, value in extra.items():
        both = isinstance(value, Mapping) and isinstance(whole.get(name), Mapping)
        whole[name] = merged(whole[name], value) if both else value
    return {name: value for name, value in whole.items() if name not in extra or value is not None}


def _written(line: Line, encode: Callable[[Request], Mapping[str, Any]], request: Request) -> Mapping[str, Any]:
    """The request as it is sent. Raises Unsent where it can't be written: that is no illness of the endpoint, and the
    same request would fail again.
    """
    try:
        return encode(request)
    except ProviderError as error:
        said = line.who.says(error)
    except Exception as broken:  # noqa: BLE001 - a defect of ours: its text may hold a secret
        why = f"this request can't be written for it: {type(broken).__name__}"
        said = line.who.says(ProviderError("bad_request", why))
    raise Unsent(said.kind, str(said))


async def _batch(answer: Answer, decoder: Decoder) -> list[tuple[bytes, Any]] | None:
    try:
        return await answer.batch()
    except ProviderError:
        if decoder.complete:  # only its usage is missing
            return None
        raise


def _taken(answer: Answer, decoder: Decoder, event: bytes, data: Any) -> list[StreamEvent]:
    try:
        return list(decoder.take(event, data))
    except ProviderError as error:
        raise answer.failure(error) from None
    except _SHAPE:
        raise answer.failure(ProviderError("protocol", "it sent an event of a shape that is not known")) from None


def _finished(answer: Answer, decoder: Decoder) -> Finished:
    try:
        return Finished(decoder.reply())
    except ProviderError as error:
        raise answer.failure(error) from None
    except _SHAPE:
        raise answer.failure(ProviderError("protocol", "its reply has a shape that is not known")) from None
