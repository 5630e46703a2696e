"""Response heads as servers, proxies and attackers write them."""

import pytest

from gateway.upstream.http1 import (
    MOST_LINES,
    BadResponse,
    Head,
    Headers,
    header_lines,
    is_interim,
    own_lines,
    parse_head,
    request_line,
)


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> Head:
    return parse_head("".join(f"{line}\r\n" for line in (status, *lines, "")).encode())


def test_a_plain_answer() -> None:
    got = head("Content-Type: Application/JSON; charset=utf-8", "Content-Length: 12")
    assert (got.status, got.content_type, got.body, got.keep_alive) == (200, "application/json", 12, True)


@pytest.mark.parametrize(
    ("lines", "body", "keep_alive"),
    [
        (["Transfer-Encoding: chunked"], "chunked", True),
        (["Transfer-Encoding: chunked", "Content-Length: 3"], "chunked", True),
        ([], "until_close", False),
        (["Content-Length: 3", "Connection: close"], 3, False),
        (["Content-Length: 3", "Content-Length: 3"], 3, True),
    ],
)
def test_how_the_end_of_a_body_is_found(lines: list[str], body: object, keep_alive: bool) -> None:
    assert (head(*lines).body, head(*lines).keep_alive) == (body, keep_alive)


def test_some_answers_have_no_body_and_http_1_0_is_not_kept() -> None:
    assert head(status="HTTP/1.1 204 No Content").body == 0
    assert head(status="HTTP/1.1 100 Continue").body == 0
    assert not head("Content-Length: 0", status="HTTP/1.0 200 OK").keep_alive


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Content-Length: 4"],
        ["Content-Length: -1"],
        ["Content-Length: 0x10"],
        ["Transfer-Encoding: gzip, chunked"],
        ["no colon"],
        ["bad name: x"],
        [" folded: x"],
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(lines: list[str]) -> None:
    with pytest.raises(BadResponse):
        head(*lines)


@pytest.mark.parametrize("status", ["HTTP/2 200", "200 OK", "HTTP/1.1 999 x", "SSH-2.0-OpenSSH"])
def test_what_is_not_http_1_1_is_refused(status: str) -> None:
    with pytest.raises(BadResponse):
        head(status=status)


def test_a_request_is_written_as_it_is_given() -> None:
    assert request_line("/mcp?a=b") == b"POST /mcp?a=b HTTP/1.1\r\n"
    assert header_lines([("host", "h:1"), ("x", "\xe9")]) == b"host: h:1\r\nx: \xe9\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp-method": "tools/call", "mcp-name": "a"},
        {"mcp-method": "tools/call", "mcp-name": "a" * 10_000},
        {"mcp-name": "a", "authorization": "x"},
        {},
    ],
)
def test_what_is_written_once_for_many_requests_is_written_alike(headers: dict[str, str]) -> None:
    often = Headers(headers)
    assert own_lines(often) == own_lines(headers) == header_lines(headers.items())
    assert own_lines(often) is own_lines(often)


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x\r\ny: z"), ("a", "x\n"), ("", "x"), ("a:", "x")])
def test_a_header_that_would_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="characters that HTTP does not allow"):
        header_lines([(name, value)])


@pytest.mark.parametrize("coding", ["gzip", "br, identity", "x" * 99])
def test_a_packed_answer_is_told_as_one(coding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\ncontent-length: 2\r\n\r\n"
    with pytest.raises(BadResponse, match="packed") as refused:
        parse_head(head.encode())
    assert len(str(refused.value)) < 100
    assert parse_head(head.replace(coding, "identity").encode()).status == 200


@pytest.mark.parametrize(
    ("told", "rest"),
    [
        (b"", 3), (b"keep-alive: timeout=5\r\n", 3), (b"Keep-Alive: max=9, Timeout=20\r\n", 18),
        (b"keep-alive: timeout=1\r\n", 0), (b"keep-alive: timeout=86400\r\n", 58), (b"keep-alive: soon\r\n", 3),
    ],
)  # fmt: skip
def test_a_connection_rests_for_less_time_than_its_server_gives_it(told: bytes, rest: float) -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\n" + told + b"content-length: 0\r\n\r\n").rest == rest


@pytest.mark.parametrize(
    ("head", "interim"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", True),
        (b"HTTP/1.1 103\r\nlink: x\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 1\r\n\r\n", False),
        (b"HTTP/1.1 10x\r\n\r\n", False),
        (b"\r\n\r\n", False),
    ],
)
def test_behind_an_interim_head_comes_another(head: bytes, interim: bool) -> None:
    assert is_interim(head) is interim


def test_more_headers_than_any_server_has_are_refused() -> None:
    line = b"a: b\r\n"
    assert parse_head(b"HTTP/1.1 200 OK\r\n" + line * MOST_LINES + b"\r\n").status == 200
    with pytest.raises(BadResponse, match="too many headers"):
        parse_head(b"HTTP/1.1 200 OK\r\n" + line * (MOST_LINES + 1) + b"\r\n")
