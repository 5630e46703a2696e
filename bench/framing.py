"""As much of HTTP/1.1 as the benchmark's own programs need to find the end of a message. Pure."""

import re

__all__ = ["body_of", "message_length", "with_length"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def message_length(data: bytes) -> int:
    """How many bytes of `data` its first message has; 0 if its end has not come yet."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    if found := _LENGTH.search(data, 0, head):
        whole = head + 4 + int(found[1])
        return whole if len(data) >= whole else 0
    if _CHUNKED.search(data, 0, head):
        end = data.find(_LAST_CHUNK, head + 2)
        return end + len(_LAST_CHUNK) if end >= 0 else 0
    return head + 4


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def with_length(first_line: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole message, its length included."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.items()), f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
