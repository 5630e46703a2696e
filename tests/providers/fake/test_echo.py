import pytest

from providers import Message, Reply, Text, Thinking, ToolCall, Usage
from providers.fake.echo import repeated, with_key
from providers.scripted.faults import parsed

_REPLY = Reply(Message("assistant", (Thinking("Hm."), ToolCall("1", "a", "{}"))), "tool_calls", Usage(1, 1), "m")


def test_a_reply_says_the_key_after_what_was_thought() -> None:
    told = repeated(_REPLY, with_key(parsed("repeat-key"), "sk-hush"))
    assert [type(part) for part in told.message.parts] == [Thinking, Text, ToolCall]
    assert told.message.text == "Incorrect API key provided: sk-hush. "


@pytest.mark.parametrize("fault", [None, "cut", "401"])
def test_no_other_fault_says_it(fault: str | None) -> None:
    other = parsed(fault) if fault else None
    assert with_key(other, "sk-hush") is other
    assert repeated(_REPLY, other) is _REPLY
