from datetime import UTC, datetime

import pytest

from gateway.call import Subject, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.gaps import LEFT_OUT, gaps
from gateway.policy import parse

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ECHO = {"name": "echo", "inputSchema": {"type": "object"}}
CATALOGUE = Catalogue.of(
    [Tool("up", "echo", ECHO, pin_of(ECHO))],
    missing={"down": "`x` was not found"},
    rejected={"up/odd": "words of the server's own", "other/odd": "x"},
)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("p, *, *, */*, call, , allow, all", {"down", "up/odd", "other/odd"}),
        ("p, *, *, up/*, call, , allow, one server", {"up/odd"}),
        ("p, user:bob, *, */*, call, , allow, somebody else", set()),
    ],
)
def test_what_is_missing_is_told_to_those_who_may_use_anything_of_the_server(line: str, told: set[str]) -> None:
    found = gaps(CATALOGUE, parse(line + "\n"), Subject("user:ann", "acme"), NOON)
    assert set(found) == told
    assert all(found[path] == LEFT_OUT for path in told - {"down"})
