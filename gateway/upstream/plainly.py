"""What Python, httpx2, h11 and OpenSSL call a failure, in our own words: for those who have not read them. Pure."""

import re

__all__ = ["CANT_CONNECT", "NO_NAME", "plainly"]

CANT_CONNECT = "can't connect"
NO_NAME = "the name of its host can't be looked up"

_WORDS = {
    NO_NAME: (r"\[Errno -\d+\] .+", r"\[Errno 8\] nodename nor servname .+"),  # getaddrinfo has numbers of its own
    CANT_CONNECT: (
        r"All connection attempts failed",
        r"(?:Multiple exceptions: )?\[Errno \d+\] Connect call failed .+",
        r"Connect(?:Error|Timeout)",
    ),
    "it did not answer in time": (r"(?:Read|Write|Pool)Timeout",),
    "the connection broke": (r"(?:Read|Write|Close|RemoteProtocol)Error", r"\[Errno (?:32|104)\] .+"),
    "the connection broke before there was an answer": (r"Server disconnected.*",),
    "the connection broke in the middle of the answer": (r"peer (?:unexpectedly )?closed connection.*",),
    "the head of its answer is too long": (r"Receive buffer too long",),
    "its answer is not HTTP/1.1": (
        r"(?:illegal|malformed) (?:status line|header line|chunk \w+).*",
        r"no response line received|continuation line at start of headers",
        r"(?:conflicting|bad) Content-Length.*|(?:multiple|Only) Transfer-Encoding.*",
    ),
    r"its certificate can't be verified: \1": (
        r"\[SSL: CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (.+?)(?: \(_ssl\.c:\d+\))?",
    ),
    r"TLS with it fails: \1": (r"\[SSL(?:: \w+)?\] (.+?)(?: \(_ssl\.c:\d+\))?",),
    r"\1": (r"\[Errno \d+\] (.+)",),
}
_KNOWN = tuple((re.compile("|".join(theirs)), ours) for ours, theirs in _WORDS.items())


def plainly(why: str) -> str:
    """A reason as it is told; what nobody of them says stays as it is."""
    for theirs, ours in _KNOWN:
        if found := theirs.fullmatch(why):
            return found.expand(ours)
    return why
