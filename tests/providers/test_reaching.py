"""Whether an endpoint answers, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from providers import Endpoint, ProviderError, reaching
from providers.reaching import reached
from tests.providers.serving import head, serving

KEY = "sk-hunter2hunter2"


@asynccontextmanager
async def answering(status: int, body: bytes, asked: list[bytes]) -> AsyncIterator[str]:
    """Answers every request with this."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def looked(
    provider: str, status: int, body: bytes, path: str = "/v1", headers: Mapping[str, str] = {}
) -> tuple[object, str]:
    """What came of it, and the head of the request."""

    async def scenario() -> tuple[object, str]:
        asked: list[bytes] = []
        async with answering(status, body, asked) as url:
            endpoint = Endpoint("it", KEY, f"{url}{path}", headers)
            try:
                return await reached(provider, endpoint), asked[0].decode()
            except ProviderError as error:
                return error, asked[0].decode()

    return asyncio.run(scenario())


LISTED = b'{"object": "list", "data": [{"id": "gpt-4o"}, {"id": "models/gemini-3"}]}'


@pytest.mark.parametrize(("provider", "path"), [("anthropic", ""), ("openai", "/v1"), ("compatible", "/v1/")])
def test_the_list_of_models_is_asked_for_with_the_key(provider: str, path: str) -> None:
    found, head = looked(provider, 200, LISTED, path, {"x-team": "blue"})
    assert found == {"gpt-4o", "gemini-3"}
    assert head.startswith("GET /v1/models?limit=1000 " if provider == "anthropic" else "GET /v1/models HTTP/1.1")
    assert f"authorization: Bearer {KEY}" in head
    assert "x-team: blue" in head
    assert ("anthropic-version" in head) == (provider == "anthropic")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_anthropics_address_may_have_its_version_or_not(path: str) -> None:
    _, head = looked("anthropic", 200, LISTED, path)
    assert head.startswith("GET /v1/models?limit=1000 HTTP/1.1")


def paged(provider: str, *pages: bytes) -> tuple[object, list[str]]:
    """What came of these answers, the last one again and again; and what was asked."""

    async def scenario() -> tuple[object, list[str]]:
        asked: list[str] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
                body = pages[min(len(asked), len(pages)) - 1]
                head = f"HTTP/1.1 200 X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        try:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                return await reached(provider, Endpoint("it", KEY, url), 60), asked
            except ProviderError as error:
                return error, asked
        finally:
            server.close()

    return asyncio.run(scenario())


MORE = b'{"data": [{"id": "a"}], "has_more": true, "last_id": "a&b"}'
LAST = b'{"data": [{"id": "z"}], "has_more": false, "last_id": "z"}'


def test_a_list_in_pages_is_read_to_its_end() -> None:
    found, asked = paged("anthropic", MORE, LAST)
    assert found == {"a", "z"}
    assert asked == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a%26b"]
    assert paged("openai", MORE) == ({"a"}, ["/models"])  # it has no pages, whatever somebody says


def test_a_list_without_end_is_not_read_for_ever() -> None:
    error, asked = paged("anthropic", MORE)
    assert isinstance(error, ProviderError)
    assert (str(error), len(asked)) == ("its list of models has more than 20 pages", 20)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_endpoint_without_a_list_is_reached_all_the_same(status: int) -> None:
    assert looked("compatible", status, b"no")[0] is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, b"", "auth", "it does not take the key (HTTP 401)"),
        (403, b"", "permission", "the key may not ask it (HTTP 403)"),
        (429, b"", "rate_limit", "it refuses (HTTP 429)"),
        (503, b"", "server", "it refuses (HTTP 503)"),
        (302, b"", "protocol", "it refuses (HTTP 302)"),
        (200, b"<html>", "protocol", "what it answers is no list of models: is the URL right?"),
        (200, b"[]", "protocol", "what it answers is no list of models: is the URL right?"),
        (200, b'{"data": [1]}', "protocol", "what it answers is no list of models: is the URL right?"),
    ],
)
def test_a_refusal_is_an_error_that_says_which_and_shows_no_key(status: int, body: bytes, kind: str, said: str) -> None:
    error, _ = looked("openai", status, body)
    assert isinstance(error, ProviderError)
    assert (error.kind, str(error)) == (kind, said)


def test_who_does_not_answer_can_not_be_reached() -> None:
    async def closed() -> str:
        async with answering(200, b"", []) as url:
            return url

    async def scenario() -> None:
        with pytest.raises(ProviderError, match="can't be reached") as error:
            await reached("openai", Endpoint("it", KEY, await closed()))
        assert error.value.kind == "network"

    asyncio.run(scenario())


def test_who_answers_too_late_is_not_waited_for() -> None:
    async def scenario() -> None:
        async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await over.wait()
            finally:
                writer.close()

        over = asyncio.Event()
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        try:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(ProviderError, match=r"no answer within 0.1 s"):
                await reached("openai", Endpoint("it", KEY, url), 0.1)
        finally:
            over.set()
            server.close()

    asyncio.run(scenario())


def test_an_endpoint_has_its_time_for_all_of_its_answer() -> None:
    """A byte now and then is no list."""

    async def scenario() -> None:
        async with serving(head(content_type="application/json"), b" ", end="wait") as served:
            with pytest.raises(ProviderError, match=r"no answer within 0.1 s"):
                await reached("openai", Endpoint("it", KEY, served.url), 0.1)

    asyncio.run(scenario())


@pytest.mark.parametrize("pauses", [False, True])
def test_an_answer_that_never_ends_is_read_for_a_time_and_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, pauses: bool
) -> None:
    if not pauses:
        monkeypatch.setattr(reaching, "MOST", 1000)

    async def scenario() -> None:
        async with serving(head(content_type="application/json"), b" " * 700, end="again") as served:
            with pytest.raises(ProviderError) as failed:
                async with asyncio.timeout(30):
                    await reached("openai", Endpoint("it", KEY, served.url), 0.2 if pauses else 60)
            assert failed.value.kind in (("timeout", "protocol") if pauses else ("protocol",))

    asyncio.run(scenario())


def test_what_comes_with_an_error_is_not_read() -> None:
    async def scenario() -> None:
        async with serving(head(503), b" " * 700, end="again") as served:
            with pytest.raises(ProviderError, match=r"it refuses \(HTTP 503\)"):
                await reached("openai", Endpoint("it", KEY, served.url), 60)

    asyncio.run(scenario())
