"""Server-sent events out of bytes: the standard's own examples, and any cut between any two bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import ProviderError
from providers.wire import sse
from providers.wire.sse import Events


def read(*chunks: bytes) -> list[tuple[bytes, bytes]]:
    events = Events()
    found = [event for chunk in chunks for event in events.feed(chunk)]
    return [*found, *events.end()]


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [(b"", b"YHOO\n+2\n10")]),
        (b": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\n", [(b"", b"first"), (b"", b"second")]),
        (b"data\n\ndata\ndata\n\ndata:", [(b"", b""), (b"", b"\n")]),
        (b"data:test\n\ndata: test\n\n", [(b"", b"test"), (b"", b"test")]),
        (b"event: ping\n\nevent: a\ndata: 1\n\ndata: 2\n\n", [(b"a", b"1"), (b"", b"2")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b"data: a\r\r", [(b"", b"a")]),
        (b"data: whole\n\ndata: cut off\n", [(b"", b"whole")]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, found: list[tuple[bytes, bytes]]) -> None:
    assert read(stream) == found
    assert read(*(stream[place : place + 1] for place in range(len(stream)))) == found


@given(
    st.lists(st.sampled_from([b"data: a", b"data:  b: c", b"event: e", b": no", b"data", b"", b""]), max_size=12),
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=12, max_size=12),
    st.lists(st.integers(0), max_size=4),
)
def test_cuts_change_nothing(lines: list[bytes], ends: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    assert read(*(stream[a:b] for a, b in pairwise(places))) == read(stream)


def test_comments_and_pings_are_signs_of_life() -> None:
    events = Events()
    beats = []
    for chunk in (b": still here\n", b"event: ping\n\n", b"data: a\n\n", b"data: b", b"\n"):
        list(events.feed(chunk))
        beats.append(events.beats)
    assert beats == [1, 2, 3, 3, 3]


def test_an_event_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    assert len(read(*[b"data: a\n\n"] * 50)) == 50
    with pytest.raises(ProviderError, match="longer than 100 bytes"):
        read(*[b"data: aaaaaaaa"] * 50)
    with pytest.raises(ProviderError, match="longer than 100 bytes"):
        read(*[b"data: aaaaaaaa\n"] * 50)
