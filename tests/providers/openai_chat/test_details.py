"""Reasoning details are put together from whatever pieces they come in."""

import pytest

from providers.openai_chat.details import Details


def test_texts_grow_and_other_fields_are_what_was_said_last() -> None:
    details = Details()
    for detail in (
        {"type": "reasoning.text", "index": 0, "text": "Hm"},
        {"type": "reasoning.text", "index": 0, "text": ".", "signature": None},
        {"type": "reasoning.text", "index": 0, "signature": "AAAA"},
        {"type": "reasoning.encrypted", "index": 1, "data": "B"},
        {"type": "reasoning.encrypted", "index": 1, "data": "C"},
    ):
        details.add(detail)
    assert details.whole() == [
        {"type": "reasoning.text", "index": 0, "text": "Hm.", "signature": "AAAA"},
        {"type": "reasoning.encrypted", "index": 1, "data": "BC"},
    ]


def test_a_text_that_goes_on_with_something_else_is_none() -> None:
    details = Details()
    details.add({"type": "t", "text": 7})
    details.add({"type": "t", "text": "a"})
    with pytest.raises(TypeError):
        details.whole()
