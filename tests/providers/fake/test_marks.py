import pytest

from providers import Message, Reply, Text, ToolCall, Usage
from providers.fake.marks import marked, recognised
from providers.scripted.place import MARK

_MARK = {MARK: {"step": 4, "played": 1, "turn": 2}}
_REPLY = Reply(Message("assistant", (Text("So.", _MARK), ToolCall("c2_1", "a", "{}"))), "tool_calls", Usage(), "m")


def test_a_mark_goes_out_in_ids_and_is_found_when_they_come_back() -> None:
    told = marked(_REPLY).message
    assert [call.id for call in told.tool_calls] == ["c2_1_s4p1"]
    came = Message("assistant", (Text("So."), ToolCall("toolu_c2_1_s4p1", "a", "{}")))
    (heard,) = recognised([came])
    assert heard.parts == (Text("So.", _MARK), came.parts[1])


@pytest.mark.parametrize("given", ["c2_1", "call_abc", "toolu_01s4p1", "c2_1_s4p1x"])
def test_ids_of_others_say_nothing(given: str) -> None:
    came = Message("assistant", (ToolCall(given, "a", "{}"),))
    assert recognised([came]) == (came,)


def test_a_reply_without_a_mark_stays_as_it_is() -> None:
    silent = Reply(Message("assistant", (ToolCall("c2_1", "a", "{}"),)), "tool_calls", Usage(), "m")
    assert marked(silent) is silent
