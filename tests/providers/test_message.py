"""Messages and their JSON: what is stored is what was said."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import (
    File,
    Image,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    message_from_json,
    message_to_json,
)

texts = st.text(max_size=20)
metas: st.SearchStrategy[Mapping[str, Any]] = st.dictionaries(
    texts, st.dictionaries(texts, texts, max_size=2), max_size=2
)
blocks = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts, metas),
    st.builds(Image, texts, texts, texts, metas),
    st.builds(File, texts, texts, texts, metas),
    st.builds(Thinking, texts, metas),
    st.builds(ToolCall, texts, texts, texts, metas),
    st.builds(ToolResult, texts, blocks, st.booleans(), metas),
    st.builds(Opaque, texts, metas),
)
messages = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(parts, max_size=4).map(tuple)
)


@given(messages)
def test_a_message_is_what_its_json_says(message: Message) -> None:
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message


def test_a_part_without_meta_has_none_in_its_json() -> None:
    stored = message_to_json(Message("user", (Text("Hello"), Image("image/png", "aGk="))))
    assert stored == {
        "role": "user",
        "parts": [
            {"kind": "text", "text": "Hello"},
            {"kind": "image", "media_type": "image/png", "data": "aGk=", "url": ""},
        ],
    }


def test_an_unknown_kind_of_part_is_refused() -> None:
    with pytest.raises(KeyError, match="telepathy"):
        message_from_json({"role": "user", "parts": [{"kind": "telepathy"}]})


def test_the_text_and_the_calls_of_a_message_are_found_among_its_parts() -> None:
    call = ToolCall("c1", "shop__get_stock", "{}")
    message = Message("assistant", (Thinking("hm"), Text("Let me "), call, Text("look.")))
    assert (message.text, message.tool_calls) == ("Let me look.", (call,))
