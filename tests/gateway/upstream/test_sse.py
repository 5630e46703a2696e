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


def test_an_event_without_data_says_nothing() -> None:
    assert EventData().feed(b"id: 7\ndata:\n\nid: 8\ndata: \n\ndata\n\nid: 9\n\ndata: 1\n\n") == [b"1"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_where_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    events = EventData()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [data for piece in pieces for data in events.feed(piece)] == MESSAGES


def by_the_book(stream: bytes) -> list[bytes]:
    """All at once, and line by line."""
    found: list[bytes] = []
    data: list[bytes] = []
    kind = b"message"
    for line in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data not in ([], [b""]) and kind == b"message":
                found.append(b"\n".join(data))
            data, kind = [], b"message"
        elif name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value
    return found


WORDS = [b"data", b"data: ", b"data:", b"event: message\n", b"event:", b":", b" ", b"x", b"\xef", b"\r\n" * 20]


@given(
    st.lists(st.sampled_from([*WORDS, b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"long" * 2000]), max_size=30),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_of_whatever_comes_the_events_are_those_of_the_book(words: list[bytes], cuts: list[int]) -> None:
    stream, events = b"".join(words), EventData()
    if stream.startswith(b"\xef"):
        stream = b"\n" + stream  # it is no part of a mark
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    assert [data for start, end in pairwise(edges) for data in events.feed(stream[start:end])] == by_the_book(stream)
