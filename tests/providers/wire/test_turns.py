"""Conversations that no backend would take, and what becomes of them."""

from hypothesis import given

from providers import Message, Text, Thinking, ToolCall, ToolResult
from providers.wire.turns import NINE, prepared
from tests.providers.conversations import messages

HI, BYE = Message("user", (Text("Hi"),)), Message("user", (Text("Bye"),))


def reply(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(each, "look", "{}") for each in ids))


def result(call_id: str, text: str = "seen") -> ToolResult:
    return ToolResult(call_id, [{"type": "text", "text": text}])


def tool(*ids: str) -> Message:
    return Message("tool", tuple(map(result, ids)))


@given(messages)
def test_every_call_has_its_result_and_every_result_its_call(said: list[Message]) -> None:
    found = prepared(said)
    seen: set[str] = set()
    for before, message in zip([None, *found], found, strict=False):
        assert message.parts
        assert (message.role == "tool") == (before is not None and bool(before.tool_calls))
        if message.role == "tool":
            ids = [part.call_id for part in message.parts if isinstance(part, ToolResult)]
            assert before is not None
            assert ids == [call.id for call in before.tool_calls]
            assert not seen & set(ids)
            seen |= set(ids)
        if before is not None and before.role == message.role:
            assert message.role == "system"
    talk = [message.role for message in found if message.role != "system"]
    assert talk[0] == "user"
    assert talk[-1] != "assistant"


def test_a_sound_conversation_stays_as_it_is() -> None:
    said = [HI, reply("a", "b"), tool("a", "b"), Message("assistant", (Text("So."),)), BYE]
    assert list(prepared(said)) == said
    assert all(mine is given for mine, given in zip(prepared(said), said, strict=True) if given.role == "assistant")


def test_results_come_at_once_in_the_order_of_the_calls() -> None:
    assert list(prepared([HI, reply("a", "b"), Message("tool", (result("b"),)), BYE, tool("a")])) == [
        HI, reply("a", "b"), tool("a", "b"), BYE,
    ]  # fmt: skip


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    _, _, results, _ = prepared([HI, reply("a"), BYE])
    (missing,) = results.parts
    assert isinstance(missing, ToolResult)
    assert missing.is_error
    assert "no result" in missing.content[0]["text"]


def test_a_result_without_a_call_is_told_in_words() -> None:
    assert prepared([tool("gone"), HI])[0].text == "(The result of a call that was left out: seen)Hi"


def test_ids_that_come_again_are_told_apart_and_the_same_every_time() -> None:
    said = [HI, reply("a"), tool("a"), reply("a", "a"), tool("a")]
    found = prepared(said)
    ids = [call.id for message in found for call in message.tool_calls]
    assert ids[0] == "a"
    assert len(set(ids)) == 3
    assert prepared(said) == found


def test_ids_that_a_backend_does_not_take_are_replaced() -> None:
    odd = prepared([HI, reply("functions.look:0")])[1].tool_calls[0].id
    assert odd.startswith("call_")
    assert odd.isidentifier()
    assert len(prepared([HI, reply("toolu_1", "abcdefghi")], NINE)[1].tool_calls[0].id) == 9
    assert prepared([HI, reply("abcdefghi")], NINE)[1].tool_calls[0].id == "abcdefghi"


def test_what_one_says_twice_is_one_message() -> None:
    thought = Message("assistant", (Thinking("Hm."),))
    said = [HI, BYE, thought, Message("assistant", (Text("So."),)), BYE]
    assert list(prepared(said)) == [
        Message("user", (Text("Hi"), Text("Bye"))),
        Message("assistant", (Thinking("Hm."), Text("So."))),
        BYE,
    ]


def test_a_conversation_begins_and_ends_with_the_user() -> None:
    rules, answer = Message("system", (Text("Be kind."),)), Message("assistant", (Text("So."),))
    assert [message.text for message in prepared([rules, answer])] == [
        "Be kind.", "(What was said before was left out.)", "So.", "(Go on.)",
    ]  # fmt: skip
    assert [message.text for message in prepared([])] == ["(What was said before was left out.)"]
