"""A request and its events on a real socket: whatever a server does, it is one failure of a known kind."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from providers import Connected, Deadlines, Endpoint, Finished, ProviderError
from providers.anthropic import connect as anthropic_connect
from providers.openai_chat import connect
from providers.openai_responses import connect as responses_connect
from providers.wire import client, line
from providers.wire.backend import who_is
from providers.wire.openai_client import openai_client
from tests.providers.serving import asked, events, head, serving, sse

KEY = "sk-very-secret-key"
HELLO = {"id": "c", "model": "tiny", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}
END = {
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
WHOLE = sse(HELLO, END, b"[DONE]")


def failing(*answer: bytes, end: str = "close", deadlines: Deadlines | None = None) -> ProviderError:
    """How a provider fails that is answered with these bytes."""

    async def scenario() -> ProviderError:
        async with serving(*answer, end=end) as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url, {"x-more": "also-secret"}))
            try:
                with pytest.raises(ProviderError) as failed:
                    await events(provider, asked(deadlines))
                assert len(served.requests) == 1, "it was asked again"
                return failed.value
            finally:
                await provider.aclose()

    error = asyncio.run(scenario())
    assert str(error).startswith("tiny-home: ")
    assert KEY not in str(error)
    assert "also-secret" not in str(error)
    assert error.__cause__ is None
    return error


def told(message: str, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


def test_a_whole_reply_is_heard() -> None:
    async def scenario() -> None:
        async with serving(head(), WHOLE) as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            *_, last = await events(provider)
            await provider.aclose()
        assert isinstance(last, Finished)
        assert last.reply.message.text == "Hello"
        top, body = served.requests[0]
        assert f"authorization: bearer {KEY}" in top.lower()
        assert body["stream"] is True

    asyncio.run(scenario())


def test_a_connection_is_used_again_when_a_reply_was_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_LAST_WORDS", 20)
    chunk = f"{len(WHOLE):x}\r\n".encode() + WHOLE + b"\r\n0\r\n\r\n"

    async def scenario() -> int:
        async with serving(head(transfer_encoding="chunked"), chunk, end="keep") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            await events(provider)
            await events(provider)
            await provider.aclose()
            return served.connections

    assert asyncio.run(scenario()) == 1


def test_a_reply_that_is_whole_does_not_wait_for_a_server_that_hangs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_LAST_WORDS", 0.05)

    async def scenario() -> None:
        async with serving(head(), sse(HELLO, END), end="wait") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            assert isinstance((await events(provider))[-1], Finished)
            await asyncio.wait_for(served.hung_up.wait(), 20)
            await provider.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "after"),
    [
        (400, {}, told("Bad"), "bad_request", None),
        (400, {}, told("This model's maximum context length is 8192 tokens"), "too_large", None),
        (401, {}, told(f"Incorrect API key provided: {KEY}"), "auth", None),
        (403, {}, told("No"), "permission", None),
        (404, {}, told("No such model"), "not_found", None),
        (413, {}, b"", "too_large", None),
        (429, {"retry_after": "7"}, told("Slow down"), "rate_limit", 7.0),
        (429, {"retry_after": "900"}, told("No credit", code="insufficient_quota"), "quota", 900.0),
        (500, {}, b"<html>Oops</html>", "server", None),
        (503, {"retry_after_ms": "250"}, b"", "overloaded", 0.25),
        (529, {}, told("Overloaded", type="overloaded_error"), "overloaded", None),
        (307, {"location": "https://elsewhere.example/"}, b"", "not_found", None),
    ],
)
def test_an_error_s_status_is_a_failure_of_its_kind(
    status: int, headers: dict[str, str], body: bytes, kind: str, after: float | None
) -> None:
    top = head(status, content_type="application/json", x_request_id="req-7", **headers)
    error = failing(top, body)
    assert (error.kind, error.status, error.retry_after, error.request_id) == (kind, status, after, "req-7")
    assert f"(status {status}, request req-7)" in str(error)


@pytest.mark.parametrize("cut", [b"", sse(HELLO), sse(HELLO)[:-1], WHOLE[: WHOLE.index(b'"finish')]])
def test_a_stream_that_ends_early_in_good_order_is_a_failure(cut: bytes) -> None:
    error = failing(head(), cut)
    assert (error.kind, "before it was complete" in str(error)) == ("protocol", True)


@pytest.mark.parametrize("sent", [b"", head(), head() + sse(HELLO)])
def test_a_connection_that_is_reset_is_a_failure(sent: bytes) -> None:
    assert failing(sent, end="reset").kind == "network"


def test_a_body_that_ends_before_its_length_is_a_failure() -> None:
    assert failing(head(content_length="999"), sse(HELLO)).kind == "network"


@pytest.mark.parametrize(
    "data", [b'data: {"choices": [{"del\n\n', b"data: \xff\xfe\n\n", b'data: "Hi"\n\n', b'data: {"choices": "Hi"}\n\n']
)
def test_an_event_that_can_not_be_read_is_a_failure(data: bytes) -> None:
    assert failing(head(), data, WHOLE).kind == "protocol"


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("text/html; charset=utf-8", b"<html>Sign in</html>", "`text/html` in place of events"),
        ("application/json", b'{"choices": []}', "one JSON document in place of events"),
        ("application/json", b"{", "not JSON"),
    ],
)
def test_an_answer_that_is_no_stream_is_a_failure(kind: str, body: bytes, words: str) -> None:
    error = failing(head(content_type=kind), body)
    assert error.kind == "protocol"
    assert words in str(error)


def test_an_error_that_is_told_with_status_200_is_a_failure_of_its_kind() -> None:
    error = failing(head(content_type="application/json"), told("Slow down", code=429))
    assert (error.kind, error.status) == ("rate_limit", 429)


def test_an_error_amid_the_stream_is_a_failure_of_its_kind() -> None:
    error = failing(
        head(x_request_id="req-9"), sse(HELLO, {"error": {"type": "overloaded_error", "message": f"No: {KEY}"}})
    )
    assert (error.kind, error.request_id) == ("overloaded", "req-9")


@pytest.mark.parametrize(
    ("sent", "deadlines", "words"),
    [
        (b"", Deadlines(0.1, 20, 20), "no reply began within 0.1 s"),
        (head(), Deadlines(0.1, 20, 20), "no reply began within 0.1 s"),
        (head() + sse(HELLO), Deadlines(20, 0.1, 20), "nothing more came for 0.1 s"),
        (head() + sse(HELLO) + b"data", Deadlines(20, 0.1, 20), "nothing more came for 0.1 s"),
        (head() + sse(HELLO), Deadlines(20, 20, 0.3), "no whole reply within 0.3 s"),
    ],
)
def test_who_falls_silent_is_not_waited_for(sent: bytes, deadlines: Deadlines, words: str) -> None:
    error = failing(sent, end="wait", deadlines=deadlines)
    assert (error.kind, words in str(error)) == ("timeout", True), str(error)


def test_a_server_that_is_not_there_is_a_failure_of_the_network() -> None:
    async def scenario() -> ProviderError:
        async with serving() as served:
            url = served.url
        provider = connect(Endpoint("tiny-home", KEY, url))
        with pytest.raises(ProviderError) as failed:
            await events(provider)
        await provider.aclose()
        return failed.value

    error = asyncio.run(scenario())
    assert (error.kind, "can't be reached" in str(error)) == ("network", True)


@pytest.mark.parametrize(
    ("key", "words"), [("sk-hush\nhush", "a header can't be sent"), ("sk-hüsh-hush", "could not be made")]
)
def test_a_request_that_can_not_be_sent_is_not_tried_again(key: str, words: str) -> None:
    async def scenario() -> ProviderError:
        async with serving(head()) as served:
            provider = connect(Endpoint("tiny-home", key, served.url))
            with pytest.raises(ProviderError) as failed:
                await events(provider)
            await provider.aclose()
            assert served.requests == []
            return failed.value

    error = asyncio.run(scenario())
    assert not error.retryable
    assert words in str(error)
    assert "hush" not in str(error)


def test_what_an_sdk_lacks_is_told_in_its_words() -> None:
    async def scenario() -> ProviderError:
        provider = anthropic_connect(Endpoint("v", host="vertex", options={"region": "global", "project_id": "p"}))
        with pytest.raises(ProviderError) as failed:
            await events(provider)
        await provider.aclose()
        return failed.value

    error = asyncio.run(scenario())
    assert not error.retryable
    assert "google" in str(error)


def test_a_reply_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MAX_REPLY", 1000)
    assert "longer than 1000 bytes" in str(failing(head(), sse(*[HELLO] * 100), end="wait"))


WITHOUT_COUNT = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("alive", [False, True])
def test_tokens_that_are_not_told_are_waited_for_only_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    """Whether the server is silent then, or goes on to say that it lives."""
    monkeypatch.setattr(line, "_USAGE", 0.05)
    monkeypatch.setattr(line, "_LAST_WORDS", 0.05)

    async def scenario() -> None:
        more = (b": still here\n\n",) if alive else ()
        async with serving(head(), sse(HELLO, WITHOUT_COUNT), *more, end="again" if alive else "wait") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            async with asyncio.timeout(60):
                *_, last = await events(provider, asked(Deadlines(600, 600, 600)))
            await provider.aclose()
        assert isinstance(last, Finished)
        assert (last.reply.message.text, last.reply.finish) == ("Hello", "stop")
        assert last.reply.usage.estimated

    asyncio.run(scenario())


def test_who_says_that_nothing_follows_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_USAGE", 600)
    monkeypatch.setattr(line, "_LAST_WORDS", 0.05)

    async def scenario() -> None:
        async with serving(head(), sse(HELLO, WITHOUT_COUNT, b"[DONE]"), end="wait") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            async with asyncio.timeout(60):
                *_, last = await events(provider, asked(Deadlines(600, 600, 600)))
            await provider.aclose()
        assert isinstance(last, Finished)

    asyncio.run(scenario())


@pytest.mark.parametrize("connected", [connect, anthropic_connect, responses_connect])
def test_an_error_that_never_ends_is_read_to_a_bound(connected: Callable[[Endpoint], Connected]) -> None:
    """64 kB of it, and what was on its way."""

    async def scenario() -> None:
        async with serving(head(429, retry_after="7"), b"x" * 16_384, end="again") as served:
            provider = connected(Endpoint("tiny-home", KEY, served.url))
            with pytest.raises(ProviderError) as failed:
                async with asyncio.timeout(30):
                    await events(provider)
            await provider.aclose()
            assert (failed.value.kind, failed.value.status, failed.value.retry_after) == ("rate_limit", 429, 7.0)

    asyncio.run(scenario())


def test_an_error_whose_words_do_not_come_is_one_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PATIENCE", 0.05)
    error = failing(head(401, content_type="application/json"), b'{"error": ', end="wait")
    assert (error.kind, error.status) == ("auth", 401)


def test_a_document_in_place_of_a_stream_is_read_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MAX_DOCUMENT", 1000)
    error = failing(head(content_type="application/json"), b" " * 700, end="again")
    assert (error.kind, "longer than 1000 bytes" in str(error)) == ("protocol", True)


def test_a_reply_may_come_compressed() -> None:
    async def scenario() -> bool:
        async with serving(head(content_encoding="gzip"), gzip.compress(WHOLE)) as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            *_, last = await events(provider)
            await provider.aclose()
            return isinstance(last, Finished)

    assert asyncio.run(scenario())


def test_closing_the_stream_hangs_up_at_once() -> None:
    async def scenario() -> None:
        async with serving(head(), sse(HELLO), end="wait") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            stream = provider.stream(asked())
            await anext(stream)
            assert not served.hung_up.is_set()
            await stream.aclose()
            await asyncio.wait_for(served.hung_up.wait(), 20)
            await provider.aclose()

    asyncio.run(scenario())


def test_an_answer_that_is_left_is_hung_up_though_somebody_holds_it() -> None:
    async def scenario() -> None:
        async with serving(head(), sse(HELLO), end="wait") as served:
            endpoint = Endpoint("tiny-home", KEY, served.url)
            sdk = openai_client(endpoint)
            answer = line.Line(sdk, who_is(endpoint)).ask("/chat/completions", {}, Deadlines())
            async with answer:
                assert await answer.batch()
            await asyncio.wait_for(served.hung_up.wait(), 20)
            assert answer.request_id is None
            await sdk.close()

    asyncio.run(scenario())


def test_a_cancelled_task_hangs_up_at_once() -> None:
    async def scenario() -> None:
        async with serving(head(), sse(HELLO), end="wait") as served:
            provider = connect(Endpoint("tiny-home", KEY, served.url))
            begun = asyncio.Event()

            async def listen() -> None:
                async for _ in provider.stream(asked()):
                    begun.set()

            task = asyncio.create_task(listen())
            await asyncio.wait_for(begun.wait(), 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(served.hung_up.wait(), 20)
            await provider.aclose()

    asyncio.run(scenario())
