import json

from hypothesis import given
from hypothesis import strategies as st

from providers import Message
from providers.fake.anthropic import ANTHROPIC
from providers.fake.wire import Event, body, frame, headers_of, pieces
from tests.fixtures.fake import told


@given(st.text())
def test_arguments_come_in_pieces_that_make_the_whole(arguments: str) -> None:
    found = list(pieces(arguments))
    assert "".join(found) == arguments
    assert found


def test_an_event_is_a_frame_with_or_without_a_name() -> None:
    assert frame(Event("ping", {"type": "ping"})) == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert frame(Event(None, "[DONE]")) == b"data: [DONE]\n\n"


def test_a_text_cannot_end_its_event() -> None:
    sent = frame(Event(None, {"text": "a\n\ndata: b\r\u2028"}))
    assert sent.count(b"\n") == 2
    assert json.loads(sent.removeprefix(b"data: ")) == {"text": "a\n\ndata: b\r\u2028"}


def test_ids_say_which_reply_and_which_part() -> None:
    found = told(Message("assistant", ()))
    assert (found.identity("msg"), found.identity("fc", 2)) == ("msg_fake_000007_0", "fc_fake_000007_2")
    assert headers_of(ANTHROPIC, 7) == {"request-id": "req_fake_000007"}


def test_a_body_is_short_json() -> None:
    assert body({"a": ["ü"]}) == '{"a":["ü"]}'.encode()
