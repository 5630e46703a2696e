"""A backend made of a line and a format: what is asked, what is told, and what breaks."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from providers import Endpoint, Finished, Message, ProviderError, Reply, Request, StreamEvent, Text, TextDelta, Usage
from providers.breaker import Breaker, Guarded
from providers.circuit import Rule
from providers.openai_chat import connect
from providers.own_errors import Unsent, was_sent
from providers.retrying import Persistent
from providers.wire.backend import Backend, Counter, Format, Home, merged, origin_of, who_is
from providers.wire.line import Line
from providers.wire.openai_client import openai_client
from tests.fixtures.acting import heard as told_by
from tests.providers.serving import asked, events, head, serving, sse


@dataclass
class Words:
    """A format in which each event is one word, and a full stop is the end."""

    complete: bool = False
    done: bool = False
    words: tuple[str, ...] = ()

    def take(self, event: bytes, data: Any) -> Iterator[StreamEvent]:
        if data == "fail":
            raise ProviderError("overloaded", "no more words")
        if data == ".":
            self.complete = True
            return
        self.words += (data["word"],)
        yield TextDelta(data["word"])

    def reply(self) -> Reply:
        if not self.complete:
            raise ProviderError("protocol", "no full stop")
        return Reply(Message("assistant", (Text("".join(self.words)),)), "stop", Usage(), "m")


def encode(request: Request) -> Mapping[str, Any]:
    if not request.messages:
        raise ProviderError("bad_request", "there is nothing to say")
    return {"model": request.model, "options": {"a": 1, "b": 2}, "stream": True}


def backend(url: str, extra: Mapping[str, Any] | None = None) -> Backend:
    endpoint = Endpoint("words", "sk-hush-hush", url)
    wire = Format("/words", encode, lambda _request: Words())
    return Backend(Line(openai_client(endpoint), who_is(endpoint)), wire, extra or {})


def heard(*answer: bytes, end: str = "close") -> list[StreamEvent]:
    async def scenario() -> list[StreamEvent]:
        async with serving(head(), *answer, end=end) as served:
            provider = backend(served.url)
            try:
                return list(await events(provider))
            finally:
                await provider.aclose()

    return asyncio.run(scenario())


def test_events_are_told_as_they_come_and_the_whole_at_the_end() -> None:
    *told, last = heard(sse({"word": "a"}, {"word": "b"}, "."))
    assert told == [TextDelta("a"), TextDelta("b")]
    assert isinstance(last, Finished)
    assert last.reply.message.text == "ab"


def test_a_connection_that_breaks_when_the_reply_is_complete_costs_nothing() -> None:
    reply = b"%x\r\n%s\r\n" % (len(sse({"word": "a"}, ".")), sse({"word": "a"}, "."))

    async def scenario() -> list[StreamEvent]:
        async with serving(head(transfer_encoding="chunked"), reply) as served:  # without its last chunk
            provider = backend(served.url)
            try:
                return list(await events(provider))
            finally:
                await provider.aclose()

    assert isinstance(asyncio.run(scenario())[-1], Finished)


@pytest.mark.parametrize(
    ("answer", "words", "kind"),
    [
        (sse({"word": "a"}), "words: no full stop", "protocol"),
        (sse("fail"), "words: no more words", "overloaded"),
        (sse({"werd": "a"}), "words: it sent an event of a shape that is not known", "protocol"),
        (sse([1]), "words: it sent an event of a shape that is not known", "protocol"),
    ],
)
def test_what_breaks_is_told_with_the_backend_s_name(answer: bytes, words: str, kind: str) -> None:
    with pytest.raises(ProviderError) as failed:
        heard(answer)
    assert (str(failed.value), failed.value.kind) == (words, kind)


@pytest.mark.parametrize("broken", [AttributeError("sk-hush-hush"), TypeError(), KeyError("a"), RecursionError()])
def test_a_defect_in_how_requests_are_written_is_no_illness_of_the_endpoint(broken: Exception) -> None:
    def defective(_request: Request) -> Mapping[str, Any]:
        raise broken

    async def scenario() -> None:
        async with serving(head()) as served:
            endpoint = Endpoint("words", "sk-hush-hush", served.url)
            line = Line(openai_client(endpoint), who_is(endpoint))
            provider = Backend(line, Format("/words", defective, lambda _request: Words()), {})
            breaker = Breaker("words", Rule(failures=1))
            (told,) = await told_by(Persistent(Guarded(provider, breaker)))
            assert isinstance(told, ProviderError)
            assert (told.kind, was_sent(told), breaker.name) == ("bad_request", False, "closed")
            assert str(told) == f"words: this request can't be written for it: {type(broken).__name__}"
            with pytest.raises(Unsent, match="can't be written"):
                await Counter(line, "/count", defective, frozenset()).count(asked())
            await provider.aclose()
            assert served.requests == []

    asyncio.run(scenario())


def test_a_request_that_can_not_be_written_is_not_sent() -> None:
    async def scenario() -> None:
        async with serving(head()) as served:
            provider = backend(served.url)
            with pytest.raises(ProviderError, match="words: there is nothing to say"):
                await events(provider, Request("m", "", []))
            await provider.aclose()
            assert served.requests == []

    asyncio.run(scenario())


def test_extra_fields_are_merged_into_the_body() -> None:
    async def scenario() -> Any:
        async with serving(head(), sse(".")) as served:
            provider = backend(served.url, {"options": {"b": 3, "c": 4}, "more": True})
            await events(provider)
            await provider.aclose()
            return served.requests[0][1]

    assert asyncio.run(scenario()) == {
        "model": "tiny", "options": {"a": 1, "b": 3, "c": 4}, "stream": True, "more": True,
    }  # fmt: skip


def test_nothing_in_extra_takes_a_field_away() -> None:
    assert merged({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": None}}) == {"b": {"d": 2}}
    assert merged({"a": None}, {}) == {"a": None}


HOME = Home("anthropic", "https://api.anthropic.com")


def test_who_signed_something_is_a_model_at_a_backend() -> None:
    assert origin_of(Endpoint("here"), asked(), HOME) != origin_of(Endpoint("there"), asked(), HOME)


@pytest.mark.parametrize("url", [None, "https://api.anthropic.com", "https://api.anthropic.com/"])
def test_at_home_it_is_the_name_that_stands_in_older_records(url: str | None) -> None:
    assert origin_of(Endpoint("anthropic", base_url=url), asked(), HOME) == "anthropic:tiny"


def test_a_backend_that_has_moved_under_its_name_is_another_one() -> None:
    here, there = (Endpoint("anthropic", base_url=f"http://127.0.0.1:{port}/v1") for port in (1, 2))
    ways = [(each, HOME) for each in (here, there, Endpoint("anthropic"), Endpoint("anthropic", host="vertex"))]
    ways += [(Endpoint("mine"), HOME), (Endpoint("mine"), Home("openai", None)), (here, Home("openai", None))]
    origins = {origin_of(endpoint, asked(), home) for endpoint, home in ways}
    assert len(origins) == len(ways)
    slashed = Endpoint("anthropic", base_url="http://127.0.0.1:1/v1/")
    assert origin_of(here, asked(), HOME) == origin_of(slashed, asked(), HOME)
    assert "127.0.0.1" not in "".join(origins)


def test_what_is_secret_of_an_endpoint_is_known() -> None:
    options = {"aws_secret_key": "secret-1", "aws_session_token": "secret-2", "region": "eu-west-1"}
    who = who_is(Endpoint("x", "secret-3", headers={"authorization": "secret-4"}, options=options))
    assert who.scrubbed("secret-1 secret-2 secret-3 secret-4 eu-west-1") == "*** *** *** *** eu-west-1"
    assert "secret" not in repr(who)


@pytest.mark.parametrize(
    ("body", "tokens"), [(b'{"input_tokens": 12}', 12), (b'{"tokens": 12}', None), (b"[]", None), (b"<html>", None)]
)
def test_tokens_are_counted_where_that_is_possible(body: bytes, tokens: int | None) -> None:
    async def scenario() -> Any:
        async with serving(head(content_type="application/json"), body) as served:
            client = openai_client(Endpoint("words", "sk-hush-hush", served.url))
            counter = Counter(Line(client, who_is(Endpoint("words"))), "/count", encode, frozenset({"model"}))
            try:
                return await counter.count(asked()), served.requests[0][1]
            except ProviderError as error:
                return error.kind, served.requests[0][1]
            finally:
                await client.close()

    assert asyncio.run(scenario()) == (tokens or "protocol", {"model": "tiny"})


def test_requests_side_by_side_do_not_meet() -> None:
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}

    async def scenario() -> list[str]:
        async with serving(head(), sse(chunk, b"[DONE]")) as served:
            provider = connect(Endpoint("x", "", served.url))
            told = await asyncio.gather(*(events(provider, asked(text=str(n))) for n in range(8)))
            await provider.aclose()
            asked_for = sorted(body["messages"][0]["content"] for _, body in served.requests)
            assert asked_for == [str(n) for n in range(8)]
            return [last.reply.message.text for *_, last in told if isinstance(last, Finished)]

    assert asyncio.run(scenario()) == ["Hi"] * 8
