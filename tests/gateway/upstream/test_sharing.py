"""What tools say alike is kept once, and what only Python calls alike is not."""

import copy
from typing import Any

from gateway.upstream.listing import judge
from gateway.upstream.sharing import share

OWNER = {"type": "string", "description": "Whose it is."}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": copy.deepcopy(properties)}}


def test_equal_schemas_and_equal_properties_are_one_object() -> None:
    listing = judge(
        [tool("a", owner=OWNER), tool("b", owner=OWNER), tool("c", owner=OWNER, limit={})], "s", trusted=True
    )
    one, two, three = (listing.tools[name].input_schema for name in "abc")
    assert one is two
    assert one is not three
    assert one["properties"]["owner"] is three["properties"]["owner"]


def test_definitions_stay_what_they_were() -> None:
    told = [
        tool("a", x={"default": 1}),
        tool("b", x={"default": True}),
        tool("c", x={"default": 1.0}),
        tool("d", x=True),
    ]
    told += [{"name": "e", "inputSchema": {"type": "object", "properties": 7}}, {"name": "f", "inputSchema": {}}]
    kept = copy.deepcopy(told)
    known: dict[bytes, Any] = {}
    for definition in told:
        share(definition, known)
    assert repr(told) == repr(kept)
