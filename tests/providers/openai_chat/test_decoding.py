"""A reply in Chat Completions, chunk by chunk, with the oddities of those who say that they are compatible."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import (
    Message,
    ProviderError,
    Reply,
    Request,
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
from providers.fake.chat import CHAT
from providers.openai_chat import PROFILES
from providers.openai_chat.decoding import ChatDecoder
from tests.providers.conversations import MODEL, ORIGIN, counted, heard, replies, shown, streamed, told

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 7}}


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "chat_1",
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **more,
    }


def call(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"function": function, **more}


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces)})


def decoded(*chunks: dict[str, Any], profile: str = "") -> tuple[list[StreamEvent], Reply]:
    request = Request(MODEL, "", [Message("user", (Text("Hi"),))])
    decoder = ChatDecoder(request, ORIGIN, PROFILES[profile])
    found = [event for data in chunks for event in decoder.take(b"", data)]
    return found, decoder.reply()


def wishes(*chunks: dict[str, Any], finish: str = "tool_calls") -> list[tuple[str, str]]:
    """The calls in these chunks, as whole and as streamed."""
    events, reply = decoded(*chunks, chunk(finish=finish))
    assert streamed(events) == shown(reply.message)
    assert reply.finish == "tool_calls"
    found = [(one.name, one.arguments) for one in reply.message.tool_calls]
    ids = [one.id for one in reply.message.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    return found


@given(replies(), st.lists(st.integers(0), max_size=5))
def test_a_reply_is_read_as_it_was_meant_in_whatever_chunks_it_comes(reply: Reply, cuts: list[int]) -> None:
    decoder = ChatDecoder(Request(MODEL, "", []), ORIGIN, PROFILES[""])
    *events, last = heard(decoder, told(CHAT, reply, "thinking", "usage"), cuts)
    assert shown(last.reply.message) == shown(reply.message) == streamed(events)  # type: ignore[union-attr]
    assert (last.reply.finish, last.reply.usage) == (reply.finish, reply.usage)  # type: ignore[union-attr]


def test_nothing_is_made_of_a_reply_that_was_cut() -> None:
    with pytest.raises(ProviderError, match="before it was complete"):
        decoded(chunk({"content": "Hi"}), calls(call("{}", "look", index=0, id="c1")))


def test_a_reply_is_told_as_it_forms() -> None:
    events, reply = decoded(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "Let me"}),
        chunk({"content": " look."}),
        calls(call("", "look", index=0, id="c1")),
        calls(call('{"a"', index=0)),
        calls(call(": 1}", index=0)),
        chunk(finish="tool_calls"),
        {"id": "chat_1", "model": MODEL, "choices": [], "usage": USAGE},
    )
    assert events == [
        Started(MODEL, "chat_1"),
        ThinkingDelta("Hm."),
        TextDelta("Let me"),
        TextDelta(" look."),
        ToolCallStarted(0, "c1", "look"),
        ToolCallArgumentsDelta(0, '{"a"'),
        ToolCallArgumentsDelta(0, ": 1}"),
        ToolCallDone(0),
        UsageUpdate(Usage(10, 5, 7)),
    ]
    parts = (Thinking("Hm.", {ORIGIN: {}}), Text("Let me look."), ToolCall("c1", "look", '{"a": 1}'))
    assert reply == Reply(
        Message("assistant", parts), "tool_calls", Usage(10, 5, 7), MODEL, "chat_1", reason="tool_calls"
    )


LOOK, FIND = ("look", '{"a": 1}'), ("find", "{}")


def test_calls_may_form_side_by_side() -> None:
    look, find = call("", "look", index=0, id="c1"), call("{", "find", index=1, id="c2")
    assert wishes(calls(look, find), calls(call("}", index=1), call('{"a": 1}', index=0))) == [LOOK, FIND]


def test_calls_may_come_without_an_index() -> None:
    look, find = call('{"a"', "look", index=None, id="c1"), call("{}", "find", id="c2")
    assert wishes(calls(look), calls(call(": 1}")), calls(find)) == [LOOK, FIND]


@pytest.mark.parametrize("no_id", [None, ""])
def test_calls_may_come_without_an_id(no_id: str | None) -> None:
    look, find = call('{"a"', "look", index=0, id=no_id), call("{}", "find", index=1, id=no_id)
    assert wishes(calls(look), calls(call(": 1}", index=0, id=no_id)), calls(find)) == [LOOK, FIND]


def test_calls_may_come_without_both() -> None:
    assert wishes(calls(call('{"a"', "look"), call(": 1}"), call("{}", "find"))) == [LOOK, FIND]


def test_calls_may_all_have_index_0_and_ids_of_their_own() -> None:
    assert wishes(calls(call('{"a": 1}', "look", index=0, id="c1")), calls(call("{}", "find", index=0, id="c2"))) == [
        LOOK,
        FIND,
    ]


def test_a_call_may_say_its_id_and_name_again_and_again() -> None:
    pieces = [call(text, "look", index=0, id="c1") for text in ('{"a"', ": 1", "}")]
    assert wishes(*map(calls, pieces)) == [LOOK]


def test_calls_may_have_one_id() -> None:
    assert wishes(calls(call('{"a": 1}', "look", index=0, id="c")), calls(call("{}", "find", index=1, id="c"))) == [
        LOOK,
        FIND,
    ]


def test_arguments_may_be_an_object_or_nothing() -> None:
    assert wishes(calls(call({"a": 1}, "look", index=0, id="c1"), call(None, "find", index=1, id="c2"))) == [LOOK, FIND]


def test_calls_may_end_with_stop() -> None:
    assert wishes(calls(call("{}", "find", index=0, id="c1")), finish="stop") == [FIND]


def test_the_old_word_for_a_call_is_understood() -> None:
    name = chunk({"function_call": {"name": "look", "arguments": ""}})
    assert wishes(name, chunk({"function_call": {"arguments": '{"a": 1}'}}), finish="function_call") == [LOOK]


def test_calls_that_are_announced_and_do_not_come_are_a_failure() -> None:
    with pytest.raises(ProviderError, match="did not come"):
        decoded(chunk({"content": "Hi"}, "tool_calls"))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("brand_new_reason", "error"),
    ],
)
def test_why_it_ended_is_known_or_an_error(reason: str, finish: str) -> None:
    _, reply = decoded(chunk({"content": "Hi"}), chunk(finish=reason))
    assert (reply.finish, reply.reason) == (finish, reason)


def test_a_refusal_is_one() -> None:
    _, reply = decoded(chunk({"refusal": "I won't."}), chunk(finish="stop"))
    assert (reply.finish, reply.message.text) == ("refusal", "I won't.")


def test_thoughts_have_several_names_and_are_told_once() -> None:
    events, reply = decoded(
        chunk({"reasoning": "A", "reasoning_content": "A"}),
        chunk({"reasoning": "B"}),
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "C"}]}]}),
        chunk({"content": [{"type": "text", "text": "Hi"}]}, "stop"),
    )
    assert shown(reply.message) == [("Thinking", "ABC"), ("Text", "Hi")]
    assert streamed(events) == shown(reply.message)


def test_details_of_thoughts_are_kept_as_they_are_put_together() -> None:
    text = {"type": "reasoning.text", "index": 0}
    _, reply = decoded(
        chunk({"reasoning_details": [{**text, "text": "Hm", "signature": None}]}),
        chunk({"reasoning_details": [{**text, "text": "."}, {**text, "text": "", "signature": "S="}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "gAAA="}]}, "stop"),
    )
    assert reply.message.parts[0].meta[ORIGIN]["reasoning_details"] == [
        {**text, "text": "Hm.", "signature": "S="},
        {"type": "reasoning.encrypted", "index": 1, "data": "gAAA="},
    ]


def test_signatures_of_gemini_stay_with_their_calls() -> None:
    more = {"google": {"thought_signature": "AbC/="}}
    events = (
        calls(call("{}", "find", index=0, id="c1", extra_content=more)),
        chunk({"content": "", "extra_content": more}, "stop"),
    )
    _, reply = decoded(*events)
    assert reply.message.tool_calls[0].meta == {ORIGIN: {"extra_content": more}}
    assert reply.message.parts[0] == Text("", {ORIGIN: {"extra_content": more}})


def test_tokens_are_taken_from_wherever_they_are_told_and_estimated_if_they_are_not() -> None:
    end = chunk({"content": "Hi"}, "stop")
    assert decoded(end, {"choices": [], "usage": USAGE})[1].usage == Usage(10, 5, 7)
    assert decoded({**end, "x_groq": {"usage": USAGE}})[1].usage == Usage(10, 5, 7)
    assert decoded(end, {"choices": None, "usage": None})[1].usage.estimated


def test_a_count_from_amid_the_reply_is_not_the_last() -> None:
    """Some count as they go."""
    decoder = ChatDecoder(Request(MODEL, "", []), ORIGIN, PROFILES["vllm"])
    early, late = {"prompt_tokens": 10, "completion_tokens": 1}, {"prompt_tokens": 10, "completion_tokens": 5}
    for event in (chunk({"content": "Hi"}, usage=early), chunk({}, "stop")):
        list(decoder.take(b"", event))
        assert not decoder.done
    list(decoder.take(b"", {"choices": [], "usage": late}))
    assert (decoder.done, decoder.reply().usage) == (True, Usage(10, 5))


def test_a_price_is_taken_from_who_tells_it() -> None:
    end = chunk({"content": "Hi"}, "stop", usage={**USAGE, "cost": 0.0014})
    assert decoded(end, profile="openrouter")[1].cost_nanos == 1_400_000
    assert decoded(end)[1].cost_nanos is None


def test_other_choices_than_the_first_are_passed_over() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "No"}, "finish_reason": "stop"}]}
    assert decoded(other, chunk({"content": "Yes"}, "stop"))[1].message.text == "Yes"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"code": 429, "message": "Too much"}}, "rate_limit"),
        ({"error": {"type": "overloaded_error", "message": "Too much"}, "choices": []}, "overloaded"),
        ({"object": "error", "message": "Too much", "code": 400}, "bad_request"),
        ({"error": {"message": "Too much"}}, "server"),
    ],
)
def test_an_error_amid_the_stream_is_a_failure_of_its_kind(event: dict[str, Any], kind: str) -> None:
    with pytest.raises(ProviderError, match="Too much") as failed:
        decoded(chunk({"content": "Hi"}), event)
    assert failed.value.kind == kind


def test_a_reply_that_ended_for_want_of_resources_is_a_failure() -> None:
    with pytest.raises(ProviderError) as failed:
        decoded(chunk({"content": "Hi"}, "insufficient_system_resource"))
    assert failed.value.kind == "overloaded"


@pytest.mark.parametrize("content", [7, True, {"text": "Hi"}])
def test_words_of_another_type_are_not_passed_over(content: Any) -> None:
    with pytest.raises(TypeError):
        decoded(chunk({"content": content}), chunk(finish="stop"))


def test_a_call_that_comes_after_the_end_is_none() -> None:
    with pytest.raises(ProviderError, match="after the reply had ended") as failed:
        decoded(chunk(finish="stop"), calls(call("{}", "look", index=0, id="c1")))
    assert failed.value.kind == "protocol"


@pytest.mark.parametrize("at_once", [False, True])
def test_more_calls_than_anybody_makes_are_refused_when_they_come(at_once: bool) -> None:
    pieces = [call("{}", "look", index=place, id=f"c{place}") for place in range(257)]
    with pytest.raises(ProviderError, match="more than 256 calls"):
        decoded(*([calls(*pieces)] if at_once else map(calls, pieces)))


@pytest.mark.parametrize(
    "place",
    [
        lambda n: {"index": n, "id": f"c{n}"},
        lambda n: {"index": 0, "id": f"c{n}"},
        lambda n: {"id": f"c{n}"},
        lambda _: {},
    ],
)
def test_what_is_read_of_a_reply_grows_as_its_calls_do(place: Callable[[int], dict[str, Any]]) -> None:
    def steps(number: int) -> int:
        pieces = [calls(call("{}", "look", **place(at))) for at in range(number)]
        return counted(lambda: decoded(*pieces, chunk(finish="tool_calls")))

    assert steps(256) < 5 * steps(64)
