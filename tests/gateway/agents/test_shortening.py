"""A message with less in it still says what belongs to what."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.agents.shortening import LEAST, cut_text, shortened, without_calls, without_results
from providers import File, Image, Message, Opaque, Text, Thinking, ToolCall, ToolResult


def test_calls_and_results_keep_their_ids_and_names() -> None:
    call = ToolCall("c1", "shop__order", json.dumps({"note": "x" * 5_000}), {"openai": {"id": "fc_1"}})
    (short,) = shortened(Message("assistant", (call,)), 100).parts
    assert isinstance(short, ToolCall)
    assert (short.id, short.name, short.meta) == ("c1", "shop__order", call.meta)
    assert json.loads(short.arguments) == {"left_out": "5012 bytes"}
    result = ToolResult("c1", [{"type": "image", "data": "A" * 9_000}, {"type": "text", "text": "seen"}], True)
    (told,) = shortened(Message("tool", (result,)), 200).parts
    assert isinstance(told, ToolResult)
    assert (told.call_id, told.is_error) == ("c1", True)
    assert told.content[0]["text"] == "[left out, to save room: image]\nseen"


def test_what_only_a_provider_understands_goes_whole_and_never_in_part() -> None:
    parts = (Thinking("hm", {"anthropic": {"signature": "s"}}), Opaque("reasoning", {"a": 1}), Text("Well."))
    assert shortened(Message("assistant", parts), 1_000).parts == (Text("Well."),)
    assert shortened(Message("assistant", parts[:2]), 1_000).parts == (Text("…"),)


THOUGHT_OF = (
    Thinking("hm", {"openai": {"item": {"id": "rs_1", "type": "reasoning"}}}),
    Text("Well.", {"openai": {"id": "msg_1"}}),
    ToolCall("c1", "a", "{}", {"openai": {"id": "fc_1"}}),
)


def test_what_was_said_after_thoughts_goes_without_the_ids_that_refer_to_them() -> None:
    """OpenAI refuses an item of such an id without the item of its reasoning."""
    message = Message("assistant", THOUGHT_OF)
    assert shortened(message, 1_000).parts == (Text("Well."), ToolCall("c1", "a", "{}"))
    assert without_calls(message).parts == (Text("Well."),)


def test_what_was_said_without_a_thought_keeps_what_its_provider_needs() -> None:
    message = Message("assistant", THOUGHT_OF[1:])
    assert shortened(message, 1_000).parts == message.parts
    assert without_calls(message).parts == message.parts[:1]


def test_pictures_and_files_are_named() -> None:
    message = Message("user", (Image("image/png", "A" * 9_000), File("a.pdf", "application/pdf", "B" * 9_000)))
    assert [part.text for part in shortened(message, 500).parts if isinstance(part, Text)] == [
        "[left out, to save room: image/png]",
        "[left out, to save room: application/pdf]",
    ]


def test_a_result_shorter_than_its_note_stays() -> None:
    short = Message("tool", (ToolResult("c1", [{"type": "text", "text": "ok"}]),))
    assert without_results(short) == short


def test_a_reply_without_its_calls_keeps_its_words_and_no_thoughts() -> None:
    message = Message("assistant", (Thinking("hm"), Text("Well."), ToolCall("c1", "a", "{")))
    assert without_calls(message).parts == (Text("Well."),)


@given(st.text(st.characters(exclude_categories=()), max_size=600), st.integers(LEAST, 400))
@example("0" * (LEAST + 1), LEAST)
def test_a_text_is_cut_to_its_length_and_can_be_written(text: str, longest: int) -> None:
    cut = cut_text(text, longest)
    assert len(cut.encode(errors="surrogatepass")) <= max(longest, LEAST)
    assert cut == text or "cut to save room" in cut
