"""Pages of tools, and what is wrong with some."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import mcp_types as types
import pytest
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError

from gateway.call import pin_of
from gateway.offer import UNHINTED
from gateway.upstream.listing import judge, list_everything, list_tools, problem_of
from gateway.upstream.outcomes import transport_error
from gateway.upstream.paging import MAX_ITEMS, MAX_PAGES, NoList
from gateway.verbatim import Verbatim, encode, parts, read

TOOL: dict[str, Any] = {"name": "act", "inputSchema": {"type": "object"}, "x-vendor": None}


def with_parameter(**parameter: Any) -> dict[str, Any]:
    return TOOL | {"inputSchema": {"type": "object", "properties": {"p": parameter}}}


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (TOOL, ""),
        (TOOL | {"name": "a.b-c_D9"}, ""),
        (with_parameter(type="string", **{"x-mcp-header": "Region"}), ""),
        ([], "not a JSON object"),
        (TOOL | {"name": ""}, "name"),
        (TOOL | {"name": "a/b/c d"}, ""),
        (TOOL | {"name": "x" * 63 + "/" + "y" * 64}, ""),
        (TOOL | {"name": "x" * 64 + "/" + "y" * 64}, "name"),
        (TOOL | {"name": "..."}, ""),
        *((TOOL | {"name": name}, "name") for name in ("a\n", "a:b", "a  b", " a", "a ", "/a", "a/", "a//b", "a /b")),
        *((TOOL | {"name": name}, "name") for name in ("../a", "a/./b", "a/..", "./a", "a*", "a?b", "a%2Fb", "a,b")),
        (TOOL | {"name": "é"}, "name"),
        (TOOL | {"name": "x" * 129}, "name"),
        (TOOL | {"name": 3}, "name"),
        (TOOL | {"inputSchema": True}, "inputSchema"),
        (TOOL | {"inputSchema": {"type": ["object"]}}, "inputSchema"),
        ({"name": "act"}, "inputSchema"),
        (with_parameter(type="number", **{"x-mcp-header": "Region"}), "x-mcp-header"),
        (TOOL | {"description": "x" * 262_144}, "256 KB"),
        (TOOL | {"description": "\ud800"}, "surrogate"),
        (TOOL | {"default": float("inf")}, "number"),
    ],
)
def test_each_definition_is_judged_by_itself(definition: Any, problem: str) -> None:
    assert problem in problem_of(definition)
    assert bool(problem) == bool(problem_of(definition))


def test_a_kept_tool_has_its_definition_untouched_its_pin_and_its_trust() -> None:
    tool = judge([TOOL], "s", trusted=True).tools["act"]
    assert tool.definition is TOOL
    assert (tool.pin, tool.trusted, tool.path) == (pin_of(TOOL), True, "s/act")


def listed(pages: Mapping[str | None, Any]) -> Any:
    async def ask(method: str, params: Mapping[str, Any]) -> Any:
        assert method == "tools/list"
        return pages[params.get("cursor")]

    return asyncio.run(list_tools(ask, "s", trusted=False))


def test_a_cursor_that_comes_again_ends_the_list() -> None:
    pages: dict[str | None, dict[str, Any]] = {
        None: {"tools": [TOOL], "nextCursor": "a"},
        "a": {"tools": [], "nextCursor": "a"},
    }
    assert list(listed(pages).tools) == ["act"]
    assert listed(pages).rejected == {}


@pytest.mark.parametrize(
    ("hints", "seconds", "public"),
    [
        (({"ttlMs": 60_000, "cacheScope": "public"},), 60, True),
        (({"ttlMs": 60_000, "cacheScope": "public"}, {"ttlMs": 5_000, "cacheScope": "private"}), 5, False),
        (({"ttlMs": 60_000, "cacheScope": "public"}, {"ttlMs": 9_000.5, "cacheScope": "public"}), 9, True),
        (({"ttlMs": 60_000, "cacheScope": "public"}, {}), None, False),
        (({"ttlMs": 10**30},), 24 * 3600, False),
        (({"ttlMs": 0, "cacheScope": "public"},), None, False),
        (({"ttlMs": -1},), None, False),
        (({"ttlMs": True},), None, False),
        (({"ttlMs": "60"},), None, False),
    ],
)
def test_a_list_may_be_kept_for_as_long_as_each_of_its_pages(
    hints: Sequence[Mapping[str, Any]], seconds: int | None, public: bool
) -> None:
    pages: dict[str | None, dict[str, Any]] = {
        (str(number) if number else None): {"tools": [], **hint, "nextCursor": str(number + 1)}
        for number, hint in enumerate(hints)
    }
    del pages[str(len(hints) - 1) if len(hints) > 1 else None]["nextCursor"]
    before = time.monotonic()
    hint = listed(pages).about.hints["tools/list"]
    assert hint.public is public
    if seconds is None:
        assert hint == UNHINTED
    else:
        assert before + seconds <= hint.until <= time.monotonic() + seconds + 1


def test_a_list_of_which_more_may_come_is_not_kept() -> None:
    listing = listed({None: {"tools": [TOOL], "ttlMs": 60_000}})
    assert listing.said.hints["tools/list"].until > 0
    assert replace(listing, unseen=listing.tools).said.hints == {}
    assert replace(listing, whole=False).said.hints == {}


def test_a_list_without_end_is_cut_and_says_so() -> None:
    numbers = range(MAX_PAGES + 1)
    pages: dict[str | None, dict[str, Any]] = {
        str(n) if n else None: {"tools": [TOOL | {"name": f"t{n}"}], "nextCursor": str(n + 1)} for n in numbers
    }
    listing = listed(pages)
    assert len(listing.tools) == MAX_PAGES
    assert "pages" in listing.rejected["s/*"]


def test_one_page_that_holds_too_many_is_cut_and_says_so() -> None:
    listing = listed({None: {"tools": [TOOL | {"name": f"t{number}"} for number in range(MAX_ITEMS + 2)]}})
    assert len(listing.tools) == MAX_ITEMS
    assert listing.rejected == {"s/*": "the list goes on after 100 pages, 10000 tools or 32 MB: the rest is left out"}


def test_not_all_of_a_long_list_is_judged_in_one_go() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        return {"tools": [TOOL | {"name": f"t{number}"} for number in range(1024)]}

    async def scenario() -> None:
        meanwhile = asyncio.create_task(others())
        await list_tools(ask, "s", trusted=False)
        meanwhile.cancel()

    asyncio.run(scenario())
    assert turns >= 4


@pytest.mark.parametrize("page", [{}, {"tools": None}, {"tools": {}}, [], None, 3])
def test_an_answer_without_a_list_is_an_error(page: Any) -> None:
    with pytest.raises(NoList):
        listed({None: page})


def everything(*errors: MCPError) -> Any:
    """The listing of a server that answers so each time that it is asked for its templates, and then with none."""
    left = list(errors)
    capabilities = types.ServerCapabilities(tools=types.ToolsCapability(), resources=types.ResourcesCapability())
    session = SimpleNamespace(server_capabilities=capabilities, instructions=None, protocol_version="2025-11-25")

    async def ask(method: str, _params: Mapping[str, Any]) -> Any:
        if method == "resources/templates/list":
            if left:
                raise left.pop(0)
            return {"resourceTemplates": [{"uriTemplate": "a:{b}", "name": "t"}]}
        return {"tools": [TOOL]} if method == "tools/list" else {"resources": [{"uri": "a:b", "name": "r"}]}

    return asyncio.run(list_everything(cast("ClientSession", session), ask, "s", trusted=True))


def test_a_list_that_the_server_refuses_is_noted_and_the_rest_stays() -> None:
    listing = everything(MCPError(-32000, "not today"))
    assert (list(listing.tools), [offer.name for offer in listing.offers]) == (["act"], ["a:b"])
    assert "not today" in listing.rejected["s/(resourceTemplates)"]


@pytest.mark.parametrize(
    "lost",
    [
        MCPError(types.CONNECTION_CLOSED, "Connection closed"),
        MCPError.from_error_data(transport_error("unsent", "gone")),
    ],
)
def test_a_server_that_dies_while_it_lists_has_not_given_up_what_it_offers(lost: MCPError) -> None:
    with pytest.raises(MCPError):
        everything(lost)


BROKEN_OFF = MCPError.from_error_data(transport_error("in_doubt", "the connection was reset"))
UNREACHABLE = MCPError.from_error_data(transport_error("unsent", "connection refused"))


def test_a_connection_that_broke_off_is_looked_into_before_a_list_is_taken_for_missing() -> None:
    assert [offer.name for offer in everything(BROKEN_OFF).offers] == ["a:b", "a:{b}"]  # it is back already
    with pytest.raises(MCPError, match="refused"):  # it went away
        everything(BROKEN_OFF, UNREACHABLE)
    listing = everything(BROKEN_OFF, BROKEN_OFF)  # this one list breaks it off each time
    assert "reset" in listing.rejected["s/(resourceTemplates)"]
    assert list(listing.tools) == ["act"]


def test_a_definition_that_is_written_in_another_way_keeps_its_text() -> None:
    own = b'{"name":"act","inputSchema":{"type":"object","properties":{"n":{"default":1.10}}}}'
    page = read(b'{"tools":[%b,{"name":"b","inputSchema":{"type":"object"}}]}' % own)
    found = listed({None: page}).tools
    spelled, usual = found["act"].definition, found["b"].definition
    assert isinstance(spelled, Verbatim)
    assert not isinstance(usual, Verbatim)
    assert encode(parts({**spelled, "name": "s__act"}, spelled)) == own.replace(b'"act"', b'"s__act"')
    assert found["act"].pin == pin_of(dict(spelled))


def test_a_definition_is_not_longer_than_it_may_be_however_it_is_written() -> None:
    long = b'{"name":"act","inputSchema":{"type":"object","n":1.%b}}' % (b"0" * 600_000)
    listing = listed({None: read(b'{"tools":[%b]}' % long)})
    assert "256 KB" in listing.rejected["s/act"]


@pytest.mark.parametrize(
    ("meta", "gateways"),
    [
        (None, ()),
        ({}, ()),
        ({"toolgate/gateways": "a"}, ()),
        ({"toolgate/gateways": ["a", 1, "b" * 65, "c"]}, ("a", "c")),
        ({"toolgate/gateways": ["a"] * 2000}, ("a",) * 1000),
    ],
)
def test_what_another_gateway_says_of_those_behind_it_is_read(meta: Any, gateways: tuple[str, ...]) -> None:
    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        return {"tools": [TOOL], "_meta": meta}

    assert asyncio.run(list_tools(ask, "s", trusted=False)).about.gateways == gateways
