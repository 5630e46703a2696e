"""What is told no more: for any conversation it fits, and what belongs together stays together, in its order."""

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents.compaction import LEAST_ROOM, Room, left_out, planned, settled, weigh
from gateway.agents.history import told
from gateway.conversation import WHOLE, Compaction
from providers import Message, Text, Thinking, ToolCall, ToolResult
from tests.fixtures.parts import dangling

TASK = "Find out why the build is red."


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def exchange(number: int, sizes: Sequence[int], *, words: str = "Let me look.") -> list[Message]:
    """A reply with a call for each size, and results of so many bytes."""
    calls = [ToolCall(f"c{number}.{at}", "desk__look", json.dumps({"n": at})) for at, _ in enumerate(sizes)]
    results = [ToolResult(f"c{number}.{at}", [{"type": "text", "text": "r" * size}]) for at, size in enumerate(sizes)]
    reply = Message("assistant", (Thinking("hm", {"signature": "s"}), Text(words), *calls))
    return [reply, Message("tool", tuple(results))] if sizes else [reply]


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """From the task on: replies with and without calls, words of the user, and replies that were cut."""
    length = st.sampled_from([0, 1, 10, 300, 5_000, 60_000])
    messages = [user(draw(st.sampled_from([TASK, "", "x" * 30_000, "né☃" * 999])))]
    for number in range(draw(st.integers(0, 12))):
        sizes: list[int] = draw(st.lists(length, max_size=5))
        turn = exchange(number, sizes, words="w" * draw(length))
        cut = bool(sizes) and draw(st.integers(0, 3)) == 0
        messages += turn[:1] if cut else turn
        if cut or draw(st.booleans()):
            messages.append(user("u" * draw(length)))
    return messages


rooms = st.integers(LEAST_ROOM, 200_000).map(lambda mark: Room(mark, mark // 2))


def compacted(messages: Sequence[Message], room: Room, now: Compaction = WHOLE, keep: int = 4) -> Compaction:
    """As the loop does it: only where it does not fit."""
    if weigh(told(messages, now)) <= room.mark:
        return now
    wanted = planned(messages, now, keep, room)
    if wanted.messages > now.messages:
        wanted = replace(wanted, summary="Nobody knows yet. " * 500)
    return settled(messages, wanted, room)


@settings(max_examples=60)
@given(conversations(), rooms)
def test_whatever_was_said_it_fits(messages: list[Message], room: Room) -> None:
    assert weigh(told(messages, compacted(messages, room))) <= room.mark


@settings(max_examples=60)
@given(conversations(), rooms)
def test_calls_and_results_are_never_separated_and_each_keeps_its_order(messages: list[Message], room: Room) -> None:
    shown = told(messages, compacted(messages, room))
    assert dangling(shown) == []
    order = [call.id for message in messages for call in message.tool_calls]
    kept = [call.id for message in shown for call in message.tool_calls]
    assert kept == [call for call in order if call in kept]
    assert shown[0].role == "user"


@settings(max_examples=60)
@given(conversations(), rooms)
def test_the_beginning_of_the_task_stays(messages: list[Message], room: Room) -> None:
    first = told(messages, compacted(messages, room))[0].parts[0]
    assert isinstance(first, Text)
    assert first.text[:8] == messages[0].text[:8]


@settings(max_examples=60)
@given(conversations(), rooms)
def test_what_fits_is_not_made_shorter_again(messages: list[Message], room: Room) -> None:
    once = compacted(messages, room)
    assert compacted(messages, room, once) == once


@settings(max_examples=60)
@given(conversations(), conversations(), rooms)
def test_a_conversation_that_goes_on_is_told_from_later_and_later_and_always_fits(
    first: list[Message], more: list[Message], room: Room
) -> None:
    before = compacted(first, room)
    messages = [*first, *more]
    after = compacted(messages, room, before)
    assert weigh(told(messages, after)) <= room.mark
    assert after.messages >= before.messages
    assert after.results >= before.results
    assert dangling(told(messages, after)) == []


def test_old_results_go_first_and_the_newest_stay_whole() -> None:
    messages = [user(TASK), *(part for number in range(10) for part in exchange(number, [1_000]))]
    now = compacted(messages, Room(10_000, 9_000), keep=2)
    assert (now.messages, now.summary, now.cut) == (0, "", 0)
    results = [message.parts[0] for message in told(messages, now) if message.role == "tool"]
    texts = [part.content[0]["text"] for part in results if isinstance(part, ToolResult)]
    assert [text.startswith("[left out") for text in texts] == [True] * 8 + [False] * 2
    assert left_out(messages, now)["results"] == 8


def test_then_the_older_messages_and_what_is_left_is_well_below_the_mark() -> None:
    messages = [user(TASK), *(part for number in range(50) for part in exchange(number, [10], words="w" * 900))]
    room = Room(20_000, 10_000)
    now = compacted(messages, room)
    assert 0 < now.messages < len(messages) - 6
    assert now.cut == 0
    shown = told(messages, now)
    assert weigh(shown) <= room.aim
    assert shown[0].parts[0] == Text(TASK)
    assert left_out(messages, now)["messages"] == now.messages - 1


def test_at_last_what_is_too_long_for_any_window_loses_its_middle() -> None:
    messages = [user(TASK), *exchange(1, [500_000])]
    now = compacted(messages, Room(10_000, 5_000))
    assert (now.cut, now.messages) == (3, 1)
    (result,) = told(messages, now)[-1].parts
    assert isinstance(result, ToolResult)
    text = result.content[0]["text"]
    assert text.startswith("rrr")
    assert text.endswith("rrr")
    assert "cut to save room" in text
    grown = [*messages, *exchange(2, [3_000])]
    assert told(grown, now)[-1] == grown[-1]  # what comes after is whole


def test_room_is_for_bytes_and_less_is_told_before_all_of_it_is_full() -> None:
    assert Room.of(1_000, 0.8) == Room(2_400, 1_200)
