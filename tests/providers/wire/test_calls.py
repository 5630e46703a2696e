"""Calls in a reply: ids, arguments, and whether they are there."""

import pytest

from providers import Message, ProviderError, ToolCall
from providers.wire.calls import MOST_CALLS, as_text, ended, one_more, own_id

CALL, NONE = Message("assistant", (ToolCall("a", "look", "{}"),)), Message("assistant", ())


def test_an_id_is_kept_if_it_is_one_and_not_taken() -> None:
    assert own_id("a", {"b"}) == "a"
    ours = [own_id(given, {"a"}) for given in (None, "", "a", 7)]
    assert all(one.startswith("call_") for one in ours)
    assert len(set(ours)) == 4


def test_arguments_are_text_in_whatever_form_they_come() -> None:
    assert [as_text(given) for given in ('{"a"', None, {"a": "ü"})] == ['{"a"', "", '{"a": "ü"}']


def test_a_reply_with_calls_ends_with_them_whatever_it_is_called() -> None:
    assert (ended("stop", CALL), ended("tool_calls", CALL), ended("stop", NONE)) == ("tool_calls", "tool_calls", "stop")
    assert (ended("length", CALL), ended("refusal", CALL)) == ("length", "refusal")
    with pytest.raises(ProviderError, match="did not come"):
        ended("tool_calls", NONE)


def test_calls_are_numbered_up_to_a_bound() -> None:
    assert [one_more(calls) for calls in (0, 1, MOST_CALLS - 1)] == [0, 1, MOST_CALLS - 1]
    with pytest.raises(ProviderError, match="more than 256 calls"):
        one_more(MOST_CALLS)
