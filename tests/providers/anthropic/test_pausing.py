"""A reply that pauses is asked to go on, a few times, and is one reply to whoever asked: on a real socket."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

import pytest

from providers import (
    Deadlines,
    Endpoint,
    Finished,
    Message,
    Opaque,
    ProviderError,
    Reply,
    Request,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.anthropic import connect
from providers.anthropic.connecting import AnthropicBackend
from providers.anthropic.pausing import MOST_PAUSES
from providers.wire.backend import Decoder
from tests.fixtures.acting import timeless
from tests.providers.serving import Served, asked, events, head, serving, sse

Json = dict[str, Any]

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tea"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "Eq=="}]}
SOURCE = {"type": "web_search_result_location", "url": "https://tea.example", "encrypted_index": "Eo8="}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "Sé="}
LOOK = {"type": "tool_use", "id": "toolu_1", "name": "shop__look", "input": {"sku": "A"}}
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 3, "output_tokens": 20}


def said(*blocks: Json, stop: str = "pause_turn", container: Json | None = None) -> bytes:
    """A whole answer."""
    return head() + sse(*_events(blocks, stop, {} if container is None else {"container": container}))


def _events(blocks: Sequence[Json], stop: str, more: Json) -> Iterator[Json]:
    yield {"type": "message_start", "message": {"id": "msg_1", "model": "tiny", "usage": {"input_tokens": 1}, **more}}
    for index, block in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": USAGE}
    yield {"type": "message_stop"}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def told(*answers: bytes, request: Request | None = None, extra: Json | None = None) -> tuple[Any, list[Json]]:
    """The events, or how it failed; and the bodies of what was asked."""

    async def scenario(served: Served) -> Sequence[StreamEvent] | ProviderError:
        provider = connect(Endpoint("anthropic", "sk-hush-hush", served.url, extra=extra or {}))
        try:
            return await events(provider, request)
        except ProviderError as error:
            return error
        finally:
            await provider.aclose()

    async def whole() -> tuple[Any, list[Json]]:
        async with serving(*answers, one_each=True) as served:
            return await scenario(served), [body for _, body in served.requests]

    return asyncio.run(whole())


def reply(came: Sequence[StreamEvent]) -> Reply:
    assert isinstance(came[-1], Finished)
    return came[-1].reply


def test_what_was_said_until_the_pause_goes_back_as_it_came_and_the_reply_is_one() -> None:
    cited = text("Tea is", citations=[SOURCE])
    came, (first, second) = told(said(THOUGHT, cited, SEARCH, FOUND), said(text(" hot."), LOOK, stop="tool_use"))
    assert second == first | {
        "messages": [*first["messages"], {"role": "assistant", "content": [THOUGHT, cited, SEARCH, FOUND]}],
        "max_tokens": first["max_tokens"] - 20,
    }
    whole = reply(came)
    assert [type(part) for part in whole.message.parts] == [Thinking, Text, Opaque, Opaque, Text, ToolCall]
    assert (whole.message.text, whole.finish, whole.response_id) == ("Tea is hot.", "tool_calls", "msg_1")
    assert whole.usage == Usage(26, 40, 6)
    assert "".join(event.text for event in came if isinstance(event, TextDelta)) == "Tea is hot."
    assert [type(event) for event in came if isinstance(event, Started | Finished)] == [Started, Finished]
    assert [event for event in came if isinstance(event, ToolCallStarted | ToolCallDone)] == [
        ToolCallStarted(0, "toolu_1", "shop__look"),
        ToolCallDone(0),
    ]


def test_tokens_are_told_as_those_of_the_whole_reply() -> None:
    came, _ = told(said(text("a"), SEARCH), said(text("b"), SEARCH), said(text("c"), stop="end_turn"))
    updates = [event.usage for event in came if isinstance(event, UsageUpdate)]
    assert [usage.input for usage in updates] == [1, 13, 14, 26, 27, 39]
    assert updates[-1] == reply(came).usage == Usage(39, 60, 9)


def test_a_reply_that_pauses_twice_gives_all_of_it_back() -> None:
    came, (_, _, third) = told(said(text("a"), SEARCH), said(FOUND, text("b")), said(text("c"), stop="end_turn"))
    assert third["messages"][-1] == {"role": "assistant", "content": [text("a"), SEARCH, FOUND, text("b")]}
    assert len(third["messages"]) == 2
    assert (reply(came).message.text, reply(came).finish) == ("abc", "stop")


def test_a_reply_that_pauses_for_ever_is_not_asked_for_ever() -> None:
    came, bodies = told(said(text("a"), SEARCH))
    assert len(bodies) == MOST_PAUSES + 1
    whole = reply(came)
    assert (whole.finish, whole.reason, whole.message.text) == ("paused", "pause_turn", "a" * 6)
    assert whole.usage == Usage(13 * 6, 20 * 6, 3 * 6)


def test_all_of_it_is_no_longer_than_one_reply_may_be() -> None:
    came, bodies = told(said(text("a"), SEARCH), request=asked(max_output_tokens=50))
    assert [body["max_tokens"] for body in bodies] == [50, 30, 10]
    assert (reply(came).finish, reply(came).reason, reply(came).usage.output) == ("length", "pause_turn", 60)


@pytest.mark.parametrize(("most", "times"), [(0, 1), (45, 1), (46, 2), (58, 2), (59, 3), (None, MOST_PAUSES + 1)])
def test_it_goes_on_only_while_another_reading_fits_what_may_be_read(most: int | None, times: int) -> None:
    """It reads 13 tokens and says 20, which it reads again."""
    came, bodies = told(said(text("a"), SEARCH), request=asked(most_input=most))
    assert (len(bodies), reply(came).finish, reply(came).usage.input) == (times, "paused", 13 * times)


@pytest.mark.parametrize(
    ("extra", "container"), [({}, "c1"), ({"container": {"skills": ["x"]}}, {"skills": ["x"], "id": "c1"})]
)
def test_its_tools_go_on_where_they_ran(extra: Json, container: Any) -> None:
    ran = {"id": "c1", "expires_at": "2026-11-26T10:00:00Z"}
    _, (first, second) = told(said(text("a"), SEARCH, container=ran), said(text("b"), stop="end_turn"), extra=extra)
    assert (first.get("container"), second["container"]) == (extra.get("container"), container)


def test_a_pause_with_a_call_of_ours_stays_one_and_nothing_is_asked_again() -> None:
    came, bodies = told(said(LOOK))
    assert (reply(came).finish, len(bodies)) == ("paused", 1)


def test_a_pause_before_anything_was_said_stays_one() -> None:
    came, bodies = told(said())
    assert (reply(came).finish, len(bodies)) == ("paused", 1)


def test_a_reply_that_fails_after_a_pause_has_failed() -> None:
    came, bodies = told(said(text("a"), SEARCH), head(529))
    assert isinstance(came, ProviderError)
    assert (came.kind, len(bodies)) == ("overloaded", 2)


class Slow(AnthropicBackend):
    """Each answer takes 100 s, and pauses."""

    def __init__(self) -> None:
        super().__init__(Endpoint("anthropic", "sk-hush-hush"), None)
        self.given: list[Deadlines] = []

    async def _streamed(
        self, request: Request, decoder: Decoder, body: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        self.given.append(request.deadlines)
        await asyncio.sleep(100)
        yield Finished(Reply(Message("assistant", (Text("a"),)), "paused", Usage(1, 1), "tiny"))


def test_the_whole_reply_has_the_time_of_one() -> None:
    slow = Slow()
    with timeless() as runner:
        runner.run(events(slow, asked(Deadlines(first=7, between=8, total=550))))
    assert slow.given == [Deadlines(7, 8, total) for total in (550, 450, 350, 250, 150, 50)]
