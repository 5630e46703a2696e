"""A recorded run is played: the same events, the same failures; and what differs is told."""

import asyncio
from collections.abc import Sequence

import pytest

from providers import (
    Finished,
    Message,
    MovedOn,
    ProviderError,
    Reply,
    Request,
    Retrying,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
    UsageUpdate,
)
from providers.replay import MARK, Failed, Recording, ReplayProvider, Step

GO = Message("user", (Text("Go."),))
WISH = Message("assistant", (Text("Well. "), ToolCall("c1", "shop__stock", "{}")))
BACK = Message("tool", (ToolResult("c1", [{"type": "text", "text": "12"}]),))
DONE = Message("assistant", (Text("Done."),))
USAGE = Usage(20, 10, cache_read=5)
BUSY = Failed(ProviderError("overloaded", "busy"), "again")
DOWN = Failed(ProviderError("server", "down"), "openai:b")
ENDED = Failed(ProviderError("network", "gone"))


def reply(message: Message) -> Reply:
    return Reply(message, "tool_calls" if message.tool_calls else "stop", USAGE, "claude-x")


def recording(*failures: Failed, summaries: Sequence[Step] = ()) -> Recording:
    steps = [Step(1, failures, reply(WISH)), Step(3, (), reply(DONE))]
    return Recording("run r-1", [GO, WISH, BACK, DONE], steps, summaries)


def provider(found: Recording) -> ReplayProvider:
    async def load() -> Recording:
        return found

    return ReplayProvider(load)


def asked(model: ReplayProvider, *messages: Message, **more: str) -> list[StreamEvent]:
    async def ask() -> list[StreamEvent]:
        return [event async for event in model.stream(Request("x", "", messages, **more))]  # type: ignore[arg-type]

    return asyncio.run(ask())


def said(events: Sequence[StreamEvent]) -> Reply:
    last = events[-1]
    assert isinstance(last, Finished)
    return last.reply


def test_what_was_said_is_said_again_in_the_same_events() -> None:
    model = provider(recording())
    events = asked(model, GO)
    assert events[0] == Started("claude-x")
    assert events[1] == TextDelta("Well. ")
    assert UsageUpdate(USAGE) in events
    first = said(events)
    assert (first.finish, first.usage, first.message.tool_calls) == ("tool_calls", USAGE, WISH.tool_calls)
    assert first.message.parts[0].meta == {MARK: {"reply": 0}}
    assert said(asked(model, GO, first.message, BACK)).message.text == "Done."


def test_any_process_can_go_on_with_it_also_when_the_beginning_is_told_no_more() -> None:
    first = said(asked(provider(recording()), GO)).message
    head = Message("user", (Text("Go. In short: it went."),))
    assert said(asked(provider(recording()), head, first, BACK)).message.text == "Done."


def test_failures_that_it_got_over_by_itself_are_gone_through_again() -> None:
    events = asked(provider(recording(BUSY, DOWN)), GO)
    assert events[:2] == [Retrying(2, 0.0, BUSY.error), MovedOn("openai:b", DOWN.error)]
    assert said(events).message.text == "Well. "


def test_a_failure_that_ended_a_question_is_raised_once_and_what_followed_follows() -> None:
    model = provider(recording(BUSY, ENDED, BUSY))
    with pytest.raises(ProviderError, match="gone") as caught:
        asked(model, GO)
    assert caught.value.retryable
    events = asked(model, GO)
    assert events[0] == Retrying(2, 0.0, BUSY.error)
    assert said(events).message.text == "Well. "


def test_another_question_is_no_part_of_the_recording_and_it_says_why() -> None:
    model = provider(recording())
    told = "not what was recorded in run r-1: before its answer 1, what the user said was `Go.` and is `Stop.`"
    with pytest.raises(ProviderError, match=told) as caught:
        asked(model, Message("user", (Text("Stop."),)))
    assert (caught.value.kind, caught.value.retryable) == ("script", False)
    first = said(asked(model, GO)).message
    other = Message("tool", (ToolResult("c1", [{"type": "text", "text": "13"}]),))
    with pytest.raises(ProviderError, match=r"the result of `shop__stock` at `content\[0\].text` was `12` and is `13`"):
        asked(model, GO, first, other)


def test_behind_its_end_there_is_nothing() -> None:
    model = provider(recording())
    first = said(asked(model, GO)).message
    second = said(asked(model, GO, first, BACK)).message
    with pytest.raises(ProviderError, match="the recording of run r-1 has 2 answers, and no more"):
        asked(model, GO, first, BACK, second, GO)
    cut = Recording("run r-2", [GO], [Step(1, (ENDED,))])
    model = provider(cut)
    with pytest.raises(ProviderError, match="gone"):
        asked(model, GO)
    with pytest.raises(ProviderError, match="the recording of run r-2 ends here"):
        asked(model, GO)


def test_summaries_come_in_their_order_whatever_they_are_of() -> None:
    short = [Step(3, (), reply(Message("assistant", (Text(text),)))) for text in ("One.", "Two.")]
    model = provider(recording(summaries=short))
    texts = [said(asked(model, GO, purpose="summary")).message.text for _ in range(3)]
    assert texts == ["One.", "Two.", "Two."]
    with pytest.raises(ProviderError, match="has 0 answers"):
        asked(provider(recording()), GO, purpose="summary")
