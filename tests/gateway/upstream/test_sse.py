"""Event streams, cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.sse import EventData

STREAM = (
    b": a comment\r\n\r\nevent: message\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n"
    b"event: ping\ndata: not a message\n\n"
    b"data: a\rdata: b\r\rdata:no space\n\nretry: 5\n\ndata: unfinished"
)  # fmt: skip
MESSAGES = [b'{"a":\n1}', b"a\nb", b"no space"]


def test_only_finished_messages_come_out() -> None:
    assert EventData().feed(STREAM) == MESSAGES


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_a_line_ends_in_three_ways_and_a_mark_at_the_beginning_means_nothing(mark: bytes, end: bytes) -> None:
    stream = mark + end.join(
        [b"data: 1", b"data: 2", b"", b"data: \xef\xbb\xbf3", b"", b"\xef\xbb\xbfdata: 4", b"", b""]
    )
    for size in range(1, len(stream) + 1):
        events = EventData()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [data for piece in pieces for data in events.feed(piece)] == [b"1\n2", b"\xef\xbb\xbf3"]


def test_an_event_is_there_with_its_last_carriage_return_and_a_line_feed_after_it_is_no_line() -> None:
    events = EventData()
    assert events.feed(b"data: 1\r\n\r") == [b"1"]
    assert events.feed(b"") == []
    assert events.feed(b"\ndata: 2\r") == []
    assert events.feed(b"\ndata: 3\r\r") == [b"2\n3"]
    assert events.feed(b"data: 4\n\n") == [b"4"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_where_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    events = EventData()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [data for piece in pieces for data in events.feed(piece)] == MESSAGES
