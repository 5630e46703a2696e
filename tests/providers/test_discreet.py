import traceback

import pytest

from providers import (
    Finished,
    Message,
    ProviderError,
    Reply,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.blotted import NO_ARGUMENTS
from providers.discreet import Discreet, told
from tests.fixtures.acting import Acting, answer, heard, timeless

KEY = "sk-ant-hunter2hunter2"


@pytest.mark.parametrize(
    "error", [ProviderError("auth", f"bad key {KEY} in Bearer {KEY}", status=401), KeyError(KEY), ValueError(KEY)]
)
def test_no_error_repeats_a_secret_nor_brings_along_one_that_does(error: Exception) -> None:
    async def scenario() -> None:
        (said,) = await heard(Discreet(Acting([error]), [KEY]))
        assert isinstance(said, ProviderError)
        assert "hunter2" not in "".join(traceback.format_exception(said))

    with timeless() as runner:
        runner.run(scenario())


def test_an_error_keeps_all_else() -> None:
    error = ProviderError("rate_limit", f"{KEY} is slow", status=429, retry_after=3.0, request_id="q")
    said = told(error, ["hunter2", KEY])
    assert (said.kind, str(said), said.status, said.retry_after, said.request_id) == (
        "rate_limit", "*** is slow", 429, 3.0, "q",
    )  # fmt: skip
    harmless = ProviderError("server", "it broke")
    assert told(harmless, [KEY, "", "it"]) is harmless


def test_a_defect_of_an_adapter_is_an_error_of_the_backend() -> None:
    async def scenario() -> None:
        (said,) = await heard(Discreet(Acting([KeyError("choices")]), []))
        assert isinstance(said, ProviderError)
        assert (said.kind, str(said)) == ("protocol", "the adapter of this backend failed: KeyError")
        assert isinstance((await heard(Discreet(Acting([answer()]), [])))[-1], Finished)

    with timeless() as runner:
        runner.run(scenario())


def _said(*events: StreamEvent) -> list[StreamEvent | ProviderError]:
    async def scenario() -> list[StreamEvent | ProviderError]:
        return await heard(Discreet(Acting([events]), [KEY]))

    with timeless() as runner:
        return runner.run(scenario())


@pytest.mark.parametrize("cut", range(len(KEY) + 1))
def test_a_reply_that_repeats_a_secret_does_so_to_nobody_wherever_it_is_cut(cut: int) -> None:
    begun, end = KEY[:cut], KEY[cut:]
    call = ToolCall("c", "look", f'{{"sku": "{KEY}"}}')
    reply = Reply(Message("assistant", (Thinking(KEY), Text(f"It is {KEY}s"), call)), "tool_calls", Usage(1, 1), "m")
    events = _said(
        Started("m", f"r-{KEY}"),
        ThinkingDelta(begun), ThinkingDelta(end),
        TextDelta(f"It is {begun}"), UsageUpdate(Usage(1, 1)), TextDelta(end), TextDelta("s"),
        ToolCallStarted(0, "c", "look"), ToolCallArgumentsDelta(0, f'{{"sku": "{begun}'), ToolCallStarted(1, "d", KEY),
        ToolCallArgumentsDelta(0, f'{end}"}}'), ToolCallDone(0), ToolCallDone(1),
        Finished(reply),
    )  # fmt: skip
    assert "hunter2" not in str(events)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "It is ***s"
    assert "".join(event.text for event in events if isinstance(event, ThinkingDelta)) == "***"
    argued = [event.text for event in events if isinstance(event, ToolCallArgumentsDelta) and event.index == 0]
    assert "".join(argued) == '{"sku": "***"}'
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.reply.message == Message(
        "assistant", (Thinking("***"), Text("It is ***s"), ToolCall("c", "look", NO_ARGUMENTS))
    )


def test_what_is_held_back_for_a_moment_is_told_in_the_end() -> None:
    reply = Reply(Message("assistant", (Text("a task"),)), "stop", Usage(1, 1), "m")
    events = _said(
        ThinkingDelta("so s"),
        TextDelta("a task"),
        TextDelta(" s"),
        ToolCallStarted(0, "c", "x"),
        ToolCallArgumentsDelta(0, "s"),
        ToolCallDone(0),
        Finished(reply),
    )
    told = [event.text for event in events if isinstance(event, ThinkingDelta | TextDelta | ToolCallArgumentsDelta)]
    assert told == ["so ", "a ta", "sk ", "s", "s", "s"]
    assert events[-1] == Finished(reply)
