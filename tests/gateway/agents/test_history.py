"""What of a conversation is told; and keeping up with one that grows tells the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents.history import CAPTION, History, told
from gateway.conversation import WHOLE, Compaction
from providers import Message, Text, ToolCall, ToolResult, message_to_json
from tests.gateway.agents.test_compaction import conversations, exchange, user


def test_a_short_conversation_is_told_as_it_was() -> None:
    messages = [user("Go."), *exchange(1, [10, 20]), *exchange(2, [])]
    assert told(messages) == messages


def test_a_reply_that_was_cut_is_told_without_the_calls_that_nobody_made() -> None:
    call = ToolCall("c1", "desk__put", '{"wor')
    cut = [user("Go."), Message("assistant", (Text("Well"), call)), user("Go on.")]
    assert told(cut)[1] == Message("assistant", (Text("Well"),))
    only = [user("Go."), Message("assistant", (call,)), user("Go on.")]
    assert "none of them was made" in told(only)[1].text


def test_a_summary_stands_behind_the_task_and_before_what_is_new() -> None:
    messages = [user("Go."), *exchange(1, [10]), *exchange(2, [10])]
    shown = told(messages, Compaction(results=3, messages=3, summary="One thing was done."))
    assert shown[0].parts == (Text("Go."), Text(f"{CAPTION}\nOne thing was done."))
    assert shown[1:] == messages[3:]


def test_a_result_that_is_left_out_says_how_long_it_was_and_a_short_one_stays() -> None:
    messages = [user("Go."), *exchange(1, [9_000, 5])]
    first, second = told(messages, Compaction(results=3))[2].parts
    assert isinstance(first, ToolResult)
    assert "a result of 9,0" in first.content[0]["text"]
    assert second == messages[2].parts[1]


@settings(max_examples=80)
@given(
    conversations(),
    st.lists(st.integers(0, 40), max_size=6),
    st.builds(Compaction, st.integers(0, 9), st.integers(0, 9), st.just("short"), st.integers(0, 9), st.just(500)),
)
def test_to_keep_up_is_to_be_told_all_of_it(messages: list[Message], stops: list[int], later: Compaction) -> None:
    history, raw = History(), [message_to_json(message) for message in messages]
    now = WHOLE
    for number, stop in enumerate([*sorted(stops), len(raw)]):
        known = raw[:stop]
        if not known:
            continue
        now = later if number > 2 and later.messages <= len(known) else now
        history.keep_up(known, now)
        assert list(history.shown) == told(messages[:stop], now)
        assert history.messages == messages[: len(known)]
