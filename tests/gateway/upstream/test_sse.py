"""Event streams, cut anywhere."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.sse import EventData

STREAM = (
    b": a comment\r\n\r\nevent: message\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n"
    b"event: ping\ndata: not a message\n\n"
    b"data:no space\n\nretry: 5\n\ndata: unfinished"
)  # fmt: skip
MESSAGES = [b'{"a":\n1}', b"no space"]


def test_only_finished_messages_come_out() -> None:
    assert EventData().feed(STREAM) == MESSAGES


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_where_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    events = EventData()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [data for piece in pieces for data in events.feed(piece)] == MESSAGES
