"""A response is the same however it is cut."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.http1 import BadResponse
from gateway.upstream.response import LONGEST_LINE, Response

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n"


@dataclass(frozen=True)
class Plain:
    """A whole response, written by the book; and what of it is body, and what comes behind."""

    data: bytes
    body: bytes
    rest: bytes = b""
    until_close: bool = False


BODIES = st.lists(st.binary(min_size=1, max_size=30), max_size=6)
LINE = st.binary(max_size=10).map(lambda raw: raw.replace(b"\r", b".").replace(b"\n", b"."))


@st.composite
def responses(draw: st.DrawFn) -> Plain:
    parts, rest = draw(BODIES), draw(st.binary(max_size=10))
    body, interim = b"".join(parts), INTERIM * draw(st.integers(0, 2))
    match draw(st.sampled_from(["length", "chunked", "close", "none"])):
        case "length":
            return Plain(interim + HEAD + b"content-length: %d\r\n\r\n" % len(body) + body + rest, body, rest)
        case "chunked":
            sizes = [(b"%x" if draw(st.booleans()) else b"000%X") % len(part) for part in parts]
            extension = b";" + draw(LINE)
            lines = [size + extension + b"\r\n" + part + b"\r\n" for size, part in zip(sizes, parts, strict=True)]
            trailers = b"".join(b"t: " + line + b"\r\n" for line in draw(st.lists(LINE, max_size=2)))
            return Plain(interim + CHUNKED + b"".join(lines) + b"0\r\n" + trailers + b"\r\n" + rest, body, rest)
        case "close":
            return Plain(interim + HEAD + b"\r\n" + body, body, until_close=True)
    return Plain(interim + b"HTTP/1.1 204 No Content\r\n\r\n" + rest, b"", rest)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def read(response: Response, pieces: Sequence[bytes]) -> bytes:
    return b"".join(part for piece in pieces for part in response.feed(piece))


@given(responses(), st.lists(st.integers(0, 10_000), max_size=12))
def test_however_it_is_cut_the_body_is_the_same(plain: Plain, places: list[int]) -> None:
    response = Response()
    assert read(response, cut(plain.data, places)) == plain.body
    assert response.done == (not plain.until_close)
    assert response.rest == plain.rest
    assert response.end()
    assert response.done


@given(responses(), st.lists(st.integers(0, 10_000), max_size=12))
def test_nothing_is_kept_of_the_room_in_which_it_came(plain: Plain, places: list[int]) -> None:
    response, body = Response(), b""
    for piece in cut(plain.data, places):
        room = bytearray(piece)
        body += b"".join(bytes(part) for part in response.feed(memoryview(room)))
        room[:] = b"\xff" * len(room)
    assert (body, response.rest) == (plain.body, plain.rest)
    assert response.end()


@given(responses())
def test_byte_by_byte_too(plain: Plain) -> None:
    response = Response()
    assert read(response, [bytes([byte]) for byte in plain.data]) == plain.body
    assert response.rest == plain.rest


@given(responses(), st.integers(1, 10_000))
def test_what_ends_too_early_is_not_whole(plain: Plain, missing: int) -> None:
    response = Response()
    whole = plain.data[: len(plain.data) - len(plain.rest)]
    got = read(response, [whole[: max(0, len(whole) - missing)]])
    assert plain.body.startswith(got)
    assert response.end() == (plain.until_close and response.head is not None)


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=5))
def test_whatever_comes_is_read_or_refused(data: bytes, places: list[int]) -> None:
    response, whole = Response(), CHUNKED + data
    try:
        body = read(response, cut(whole, places))
    except BadResponse:
        with pytest.raises(BadResponse):
            read(Response(), [whole])
        return
    assert read(Response(), [whole]) == body
    assert len(body) <= len(data)


BROKEN = {
    "no number": b"zz\r\n",
    "nothing": b"\r\n\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "below nothing": b"-1\r\n",
    "a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a number too long": b"1" * 16 + b"\r\n",
    "a chunk that goes on": b"5\r\nhello!\r\n0\r\n\r\n",
    "a chunk without its end": b"5\r\nhello0\r\n\r\n",
    "a line without end": b"5;" + b"x" * (LONGEST_LINE + 1),
}


@pytest.mark.parametrize("chunks", BROKEN.values(), ids=BROKEN.keys())
def test_broken_chunks_are_refused(chunks: bytes) -> None:
    with pytest.raises(BadResponse, match="broken chunk"):
        read(Response(), [CHUNKED + chunks])


def test_headers_without_end_are_refused() -> None:
    with pytest.raises(BadResponse, match="headers are too long"):
        read(Response(), [b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n" * 10_000] * 20])


ENDLESS = {  # what is no data, and comes again and again
    "interim heads": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "headers are too long"),
    "headers of one": (b"HTTP/1.1 100 Continue\r\n", b"a: b\r\n", "headers are too long"),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n", "trailers are too long"),
    "extensions": (CHUNKED, b"1;%s\r\na\r\n" % (b"x" * 500), "broken chunk"),
}


@pytest.mark.parametrize(("before", "each", "why"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_is_no_data_has_an_end(before: bytes, each: bytes, why: str) -> None:
    response = Response()
    assert read(response, [before]) == b""
    with pytest.raises(BadResponse, match=why):
        read(response, [each * 100] * (2 * LONGEST_LINE // len(each * 100) + 1))


@pytest.mark.parametrize("before", [b"", INTERIM])
def test_a_head_that_comes_as_a_whole_is_not_too_long_either(before: bytes) -> None:
    with pytest.raises(BadResponse, match="headers are too long"):
        read(Response(), [before + HEAD + b"a: %s\r\n\r\n" % (b"b" * LONGEST_LINE)])


def test_many_interim_heads_and_longer_lines_of_chunks_are_usual() -> None:
    signed = b"1000;chunk-signature=%s\r\n%s\r\n" % (b"a" * 64, b"x" * 4096)
    trailers = b"grpc-status: 0\r\n" * 100
    response = Response()
    whole = INTERIM * 1000 + CHUNKED + signed * 2000 + b"0\r\n" + trailers + b"\r\n"
    assert len(read(response, [whole])) == 2000 * 4096
    assert response.done


def test_many_small_chunks_cost_their_length_and_not_its_square() -> None:
    def seconds(count: int) -> float:
        data = CHUNKED + b"1\r\na\r\n" * count
        begin = time.process_time()
        assert len(read(Response(), [data])) == count
        return time.process_time() - begin

    seconds(1000)
    assert seconds(128_000) < 32 * max(seconds(16_000), 0.001)  # eight times as much; its square would be 64
