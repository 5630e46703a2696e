"""Duties over the wire, as clients of both eras see them."""

from pathlib import Path

import pytest

from gateway.events import Returned
from tests.fixtures.served import ECHO, Place, text_of

KEY = "ghp_" + "a1B2" * 9
POLICY = (
    "p, *, *, echo/*, call, , allow, the echo server is for all",
    "o, *, *, echo/echo, call, , redact=@secrets; max_result_bytes=1 KB, keys stay inside",
    "o, *, *, echo/add, call, args.a > 100, dry_run, large sums are rehearsed",
)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_client_over_http_gets_what_the_duties_leave(tmp_path: Path, era: str) -> None:
    place = Place(tmp_path)
    place.policy(*POLICY)
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        assert text_of(client.call("echo__echo", {"text": f"use {KEY} now"})) == "use [redacted] now"
        assert text_of(client.call("echo__echo", {"text": "plain"})) == "plain"
        large = client.call("echo__echo", {"text": "y" * 2000})
        assert large["isError"] is True
        assert "the policy allows 1,024 (policy.csv:" in text_of(large)
        dry = text_of(client.call("echo__add", {"a": 101, "b": 1}))
        assert "`echo/add` was not called" in dry
        assert '{"a":101,"b":1}' in dry
        assert text_of(client.call("echo__add", {"a": 1, "b": 1})) == "2"
    returned = [fact for fact in place.facts() if isinstance(fact, Returned)]
    assert len(returned) == 5
    assert KEY not in str(returned)
