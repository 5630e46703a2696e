"""Schemas are looked at in the gateway's time: a server with many is served meanwhile."""

import asyncio

import pytest

from gateway.call import JsonObject, Tool, pin_of
from gateway.upstream import looking, usable
from gateway.upstream.listing import Listing
from gateway.upstream.looking import looked_at, looked_at_all, looked_on
from gateway.upstream.spec import Stdio
from gateway.upstream.usable import NOT_YET

PLAIN = {"name": "plain", "inputSchema": {"type": "object"}}
FINE = {"name": "fine", "inputSchema": {"type": "object", "minProperties": 0}}
BAD = {"name": "bad", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://hunter2/x"}}}}
TRANSPORT = Stdio("a", secrets=("hunter2",))


def listing(*definitions: JsonObject) -> Listing:
    made = [Tool("s", str(one["name"]), one, pin_of(one)) for one in definitions]
    return Listing({tool.name: tool for tool in made}, {"s/other": "it is no tool"})


def test_what_there_was_no_time_for_is_told_and_looked_at_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "AT_FIRST", 0.0)

    async def scenario() -> tuple[Listing, Listing]:
        first = await looked_at(listing(PLAIN, FINE, BAD), TRANSPORT)
        return first, await looked_on(first, TRANSPORT)

    first, then = asyncio.run(scenario())
    assert (list(first.tools), list(first.unseen)) == (["plain"], ["fine", "bad"])
    assert first.rejected == {"s/other": "it is no tool", "s/fine": NOT_YET, "s/bad": NOT_YET}
    assert (list(then.tools), then.unseen) == (["plain", "fine"], {})
    bad = "its `inputSchema` refers to `http://***/x`, which is not in it"
    assert then.rejected == {"s/other": "it is no tool", "s/bad": bad}


def test_what_there_is_no_time_for_at_all_is_left_out_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usable.usable_among, "__defaults__", (0.0, *(usable.usable_among.__defaults__ or ())[1:]))
    then = asyncio.run(looked_at_all(listing(PLAIN, FINE)))
    assert (list(then.tools), then.unseen) == (["plain"], {})
    assert then.rejected["s/fine"] == "its `inputSchema` takes too many steps to check"
