"""Words of libraries are told in our own."""

import pytest

from gateway.upstream.plainly import plainly


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("[Errno -2] Name or service not known", "the name of its host can't be looked up"),
        ("[Errno -3] Temporary failure in name resolution", "the name of its host can't be looked up"),
        (
            "[Errno 8] nodename nor servname provided, or not known",
            "the name of its host can't be looked up",
        ),
        ("All connection attempts failed", "can't connect"),
        ("[Errno 111] Connect call failed ('127.0.0.1', 9)", "can't connect"),
        (
            "Multiple exceptions: [Errno 111] Connect call failed ('::1'), [Errno 111] Connect call failed ('::2')",
            "can't connect",
        ),
        ("ConnectTimeout", "can't connect"),
        ("ReadTimeout", "it did not answer in time"),
        ("ReadError", "the connection broke"),
        ("[Errno 104] Connection reset by peer", "the connection broke"),
        ("Server disconnected without sending a response", "the connection broke before there was an answer"),
        (
            "peer closed connection without sending complete message body (incomplete chunked read)",
            "the connection broke in the middle of the answer",
        ),
        ("Receive buffer too long", "the head of its answer is too long"),
        ("illegal status line: bytearray(b'220 smtp')", "its answer is not HTTP/1.1"),
        ("illegal header line", "its answer is not HTTP/1.1"),
        ("bad Content-Length", "its answer is not HTTP/1.1"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1016)",
            "its certificate can't be verified: self-signed certificate",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1016)", "TLS with it fails: wrong version number"),
        ("[SSL] record layer failure (_ssl.c:1016)", "TLS with it fails: record layer failure"),
        ("[Errno 24] Too many open files", "Too many open files"),
        ("it exited with code 1; it said: [Errno 2] x", "it exited with code 1; it said: [Errno 2] x"),
        ("no answer within 60 s", "no answer within 60 s"),
        ("", ""),
    ],
)
def test_what_a_library_says_is_told_in_our_words(theirs: str, ours: str) -> None:
    assert plainly(theirs) == ours
