"""Event streams, cut anywhere."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.sse import EVENTS, LINES, MANY, EventData

STREAM = (
    b": a comment\r\n\r\nevent: message\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n"
    b"event: ping\ndata: not a message\n\n"
    b"data: a\rdata: b\r\rdata:no space\n\nretry: 5\n\ndata: unfinished"
)  # fmt: skip
MESSAGES = [b'{"a":\n1}', b"a\nb", b"no space"]


def read(events: EventData, piece: bytes) -> list[bytes]:
    """All that these bytes complete."""
    done = events.feed(piece)
    while events.more:
        done += events.feed(b"")
    return done


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
        assert [data for piece in pieces for data in read(events, piece)] == [b"1\n2", b"\xef\xbb\xbf3"]


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
    assert [data for piece in pieces for data in read(events, piece)] == MESSAGES


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


WORDS = [
    b"data",
    b"data: ",
    b"data:",
    b"data: y\n" * 300,
    b"event: message\n",
    b"event:",
    b":",
    b" ",
    b"x",
    b"\xef",
    b"\r\n" * 20,
]


@given(
    st.lists(st.sampled_from([*WORDS, b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"long" * 2000]), max_size=30),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_of_whatever_comes_the_events_are_those_of_the_book(words: list[bytes], cuts: list[int]) -> None:
    stream, events = b"".join(words), EventData()
    if stream.startswith(b"\xef"):
        stream = b"\n" + stream  # it is no part of a mark
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    assert [data for start, end in pairwise(edges) for data in read(events, stream[start:end])] == by_the_book(stream)


FLOODS = [b"\n", b"\r", b"\r\n", b":\n", b"data\n", b"data:x\n", b"id: 1\r\n", b"data: 1\n\n"]


@pytest.mark.parametrize("flood", FLOODS, ids=repr)
def test_of_very_many_lines_the_first_are_looked_at_and_the_others_later(flood: bytes) -> None:
    events, goes, found = EventData(), 1, 0
    found += len(events.feed(flood * 5000 + b"\n\ndata: last\n\n"))
    while events.more:
        assert events.lines <= LINES
        assert found <= goes * EVENTS
        events.lines = 0
        last = events.feed(b"")
        goes, found = goes + 1, found + len(last)
    assert last[-1] == b"last"
    assert goes >= 5000 // LINES


def test_what_comes_behind_lines_that_are_looked_at_later_is_not_lost_where_it_is_cut() -> None:
    events = EventData()
    assert read(events, b":\r\n" * 1000 + b"data: 1\r") == []
    assert read(events, b"\n\r") == [b"1"]
    assert read(events, b"\n" * 1000 + b"da") == []
    assert read(events, b"ta: 2\n\n") == [b"2"]


@pytest.mark.parametrize("count", [MANY - 1, MANY, MANY + 1, 3 * MANY, 3 * MANY + 1])
@pytest.mark.parametrize("line", [b"data: a\n", b"data\n"])
def test_an_event_of_many_values_is_one(count: int, line: bytes) -> None:
    events = EventData()
    value = line.strip()[6:]
    assert read(events, line * count + b"\n" + line * 2 + b"\n") == [b"\n".join([value] * n) for n in (count, 2)]
    assert events.feed(b"\n") == []


def test_many_short_values_take_little_more_than_their_room() -> None:
    events = EventData()
    tracemalloc.start()
    try:
        for number in range(1000):
            read(events, b"".join(b"data:%03d\n" % ((number + line) % 1000) for line in range(100)))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000  # and not 5 MB
    finally:
        tracemalloc.stop()
    assert len(read(events, b"\n")[0]) == 100_000 * 4 - 1


IDLE = {
    b"\n": 1,
    b"\r\n\r\n": 2,
    b":\n": 1,
    b": ping\n\n": 2,
    b"data\n": 1,
    b"data: 1\n\n": 0,
    b"event: message\nid: 1\ndata: 1\n\n": 2,
    b"event: other\ndata: 1\n\n": 2,
    b"x\n": 1,
}


@pytest.mark.parametrize(("said", "idle"), IDLE.items(), ids=repr)
def test_lines_that_say_nothing_are_known(said: bytes, idle: int) -> None:
    events = EventData()
    events.feed(said)
    assert (events.lines, events.idle) == (said.count(b"\n"), idle)
