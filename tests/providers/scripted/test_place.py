import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import Message, ProviderError, Text, ToolCall, ToolResult, message_from_json, message_to_json
from providers.scripted.place import Place, place_of
from providers.scripted.script import parsed

SCRIPT = parsed(
    """
steps:
  - label: look
    call: {tool: shop/get_stock, args: {}, as: stock}
  - branch:
      - {when: {call: stock, at: stock, equals: 0}, goto: sorry}
      - {when: {said: twice}, goto: twice}
  - say: plenty
    goto: end
  - label: twice
    say: again
    repeat: 2
  - label: back
    say: once more
    goto: look
  - label: sorry
    say: none left
""",
    "s.yaml",
)
LOOK, PLENTY, TWICE, BACK, SORRY, END = 0, 2, 3, 4, 5, 6


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def reply(text: str = "x") -> Message:
    return Message("assistant", (Text(text),))


def looked(stock: int, call_id: str = "c1_1") -> tuple[Message, Message]:
    """The reply that calls get_stock, and its result."""
    result = ToolResult(call_id, [{"type": "text", "text": json.dumps({"stock": stock})}])
    return Message("assistant", (ToolCall(call_id, "shop__get_stock", "{}"),)), Message("tool", (result,))


@pytest.mark.parametrize(
    ("messages", "step", "turn"),
    [
        ([], LOOK, 1),
        ([user("hello")], LOOK, 1),
        ([user("hello"), *looked(4)], PLENTY, 2),
        ([user("hello"), *looked(0)], SORRY, 2),
        ([user("hello"), *looked(0), reply()], END, 3),
        ([user("hello"), *looked(4), reply()], END, 3),
        ([user("hello"), *looked(4), reply(), user("more"), reply()], END, 4),
        ([user("hello"), *looked(4), user("twice, please")], TWICE, 2),
        ([user("hello"), *looked(4), user("once"), user("no, twice")], TWICE, 2),
        ([user("hello"), *looked(4), user("twice"), user("no, once")], PLENTY, 2),
        ([user("twice"), *looked(4), reply()], TWICE, 3),
        ([user("twice"), *looked(4), reply(), reply()], BACK, 4),
        ([user("twice"), *looked(4), reply(), reply(), reply()], LOOK, 5),
        ([user("twice"), *looked(4), reply(), reply(), reply(), *looked(0, "c5_1")], SORRY, 6),
    ],
)
def test_the_conversation_alone_says_where_it_stands(messages: list[Message], step: int, turn: int) -> None:
    place = place_of(SCRIPT, messages)
    assert (place.step, place.turn) == (step, turn)


def test_results_stand_in_the_order_of_the_calls_however_they_arrive() -> None:
    script = parsed("steps:\n  - calls: [{tool: a/one, as: one}, {tool: a/two}]\n  - say: done", "s.yaml")
    calls = Message("assistant", (ToolCall("x", "a__one", "{}"), ToolCall("y", "a__two", "{}")))
    results = [Message("tool", (ToolResult(id_, [{"type": "text", "text": id_}]),)) for id_ in ("y", "x")]
    seen = place_of(script, [user("go"), calls, *results]).seen
    assert [returned.text for returned in seen.results] == ["x", "y"]
    assert seen.named["one"].text == "x"


def test_the_latest_call_of_a_name_counts() -> None:
    again = [user("twice"), *looked(4), reply(), reply(), reply(), *looked(9, "c5_1")]
    assert place_of(SCRIPT, again).seen.named["stock"].value == {"stock": 9}


@given(st.lists(st.sampled_from([0, 4]), max_size=4), st.booleans(), st.integers(0, 9))
def test_a_conversation_whose_beginning_was_cut_off_is_found_by_its_marks(
    stock: list[int], twice: bool, cut: int
) -> None:
    """Plays the script to an end, then drops messages from the front, as a compaction does."""
    levels, messages = iter([*stock, 0]), [user("twice" if twice else "hello")]
    while (place := place_of(SCRIPT, messages)).step != END:
        mark = place.mark()
        if place.step == LOOK:
            call, result = looked(next(levels), f"c{place.turn}_1")
            marked = replace(call.parts[0], meta=mark)
            messages += [Message("assistant", (marked,)), result]
        else:
            messages.append(Message("assistant", (Text("x", mark),)))
    stored = [message_from_json(json.loads(json.dumps(message_to_json(message)))) for message in messages]
    kept = stored[min(cut, len(stored) - 1) :]
    if any(message.role == "assistant" for message in kept):
        found = place_of(SCRIPT, kept)
        assert (found.step, found.turn) == (END, place.turn)


def test_forks_that_lead_in_a_circle_are_an_error_and_not_a_hang() -> None:
    script = parsed("steps:\n  - {label: a, branch: {goto: b}}\n  - {label: b, branch: {goto: a}}", "s.yaml")
    with pytest.raises(ProviderError, match=r"s\.yaml:[23]:5: the branches lead in a circle") as caught:
        place_of(script, [user("go")])
    assert caught.value.kind == "script"


def test_a_mark_names_step_round_and_turn() -> None:
    assert Place(3, 1, 7).mark() == {"scripted": {"step": 3, "played": 1, "turn": 7}}
