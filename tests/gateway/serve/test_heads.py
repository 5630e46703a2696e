"""What of a request its head says."""

import pytest

from gateway.call import Subject
from gateway.serve.asking import Asker
from gateway.serve.heads import plain_head

ASKER = Asker(Subject("user:ann", "acme"))
COMMON = [
    (b"host", b"127.0.0.1"),
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
]


def test_a_plain_head_says_version_and_session() -> None:
    modern = plain_head([*COMMON, (b"mcp-protocol-version", b"2026-07-28")], ASKER)
    assert modern is not None
    assert (modern.asker, modern.version, modern.modern, modern.session) == (ASKER, "2026-07-28", True, None)
    older = plain_head([*COMMON, (b"mcp-protocol-version", b"2025-11-25"), (b"mcp-session-id", b"s")], ASKER)
    assert older is not None
    assert (older.version, older.modern, older.session) == ("2025-11-25", False, "s")


@pytest.mark.parametrize(
    "accept", [b"text/event-stream,application/json;q=0.9", b"x/y, APPLICATION/JSON, text/event-stream"]
)
def test_what_is_accepted_may_be_said_in_any_way(accept: bytes) -> None:
    assert plain_head([*COMMON[:2], (b"accept", accept)], ASKER) is not None


@pytest.mark.parametrize(
    "headers",
    [
        COMMON[:2],
        [*COMMON, COMMON[0]],
        [*COMMON[:2], (b"accept", b"application/json")],
        [*COMMON[:1], (b"content-type", b"application/json; charset=utf-8"), COMMON[2]],
        [*COMMON, (b"mcp-param-region", b"eu")],
    ],
)
def test_any_other_head_is_left_to_the_sdk(headers: list[tuple[bytes, bytes]]) -> None:
    assert plain_head(headers, ASKER) is None
