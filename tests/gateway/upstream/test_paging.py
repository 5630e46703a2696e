"""Lists come page by page, as many and as large as their servers like: what is held of them is not up to those."""

import asyncio
import json
import sys
import weakref
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import mcp_types as types
import pytest

from gateway.offer import OfferKind
from gateway.upstream import ServerSpec, Stdio, paging
from gateway.upstream.connection import Connection
from gateway.upstream.listing import Listing, list_offers, list_tools
from gateway.upstream.looking import listed
from gateway.upstream.paging import Patience, Size, paged, weight
from gateway.verbatim import Verbatim, encode, read

KINDS: Sequence[tuple[OfferKind | None, str, str]] = (
    (None, "tools", "s/*"),
    ("prompt", "prompts", "s/(prompts)"),
    ("resource", "resources", "s/(resources)"),
    ("template", "resourceTemplates", "s/(resourceTemplates)"),
)


def one(name: str, **more: Any) -> dict[str, Any]:
    """An item that any of the lists can hold."""
    return {"name": name, "uri": name, "uriTemplate": name, "inputSchema": {"type": "object"}, **more}


class Held(dict[str, Any]):
    """An object of which it can be seen whether anybody holds it."""


class Endless:
    """A server whose every page names another one. `made` makes the items of a page by its number."""

    def __init__(self, key: str, made: Any) -> None:
        self.key, self.made = key, made
        self.asked = 0

    async def __call__(self, _method: str, _params: Mapping[str, Any]) -> Any:
        self.asked += 1
        return read(encode({self.key: self.made(self.asked), "nextCursor": str(self.asked)}))


def listing_of(ask: Any, kind: OfferKind | None) -> Listing:
    if kind is None:
        return asyncio.run(list_tools(ask, "s", trusted=False))
    return asyncio.run(list_offers(ask, "s", kind, trusted=False))


def names(listing: Listing) -> list[str]:
    return [*listing.tools, *(offer.name for offer in listing.offers)]


@pytest.mark.parametrize(("kind", "key", "everything"), KINDS)
def test_of_pages_without_end_no_more_are_asked_for_than_a_list_may_have_bytes(
    kind: OfferKind | None, key: str, everything: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_LIST", 2_000_000)
    endless = Endless(key, lambda page: [one(f"fat{page}", description="x" * 500_000), one(f"good{page}")])
    listing = listing_of(endless, kind)
    assert endless.asked == 4
    assert names(listing) == ["good1", "good2", "good3", "good4"]
    assert "the rest is left out" in listing.rejected[everything]
    assert sum("256 KB" in why for why in listing.rejected.values()) == 4


@pytest.mark.parametrize(("kind", "key", "everything"), KINDS)
def test_what_is_kept_of_a_list_has_a_bound_however_it_is_paged(
    kind: OfferKind | None, key: str, everything: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_LIST", 10_000)

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        return read(encode({key: [one(f"n{number}", description="x" * 1000) for number in range(100)]}))

    listing = listing_of(ask, kind)
    assert 5 <= len(names(listing)) <= 10
    assert names(listing)[0] == "n0"
    assert list(listing.rejected) == [everything]


def test_no_page_is_held_while_the_next_one_is_waited_for() -> None:
    held: list[weakref.ref[Held]] = []

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        assert [ref() for ref in held] == [None] * len(held)
        page = Held(tools=[Held(one("a\n", description="x")), 7], nextCursor=str(len(held)))
        held.extend((weakref.ref(page), weakref.ref(page["tools"][0])))
        return page if len(held) < 10 else {"tools": []}

    listing = asyncio.run(list_tools(ask, "s", trusted=False))
    assert len(held) == 10
    assert listing.tools == {}


def test_a_cursor_may_be_long_and_is_not_kept() -> None:
    """What was read is counted, cursors among it."""
    long = "x" * 20_000_000
    asked: list[Any] = []

    async def ask(_method: str, params: Mapping[str, Any]) -> Any:
        asked.append(params.get("cursor"))
        return read(encode({"tools": [], "nextCursor": f"{len(asked)}{long}"}))

    note, _ = asyncio.run(paged(ask, "tools/list", "tools", lambda _number, _item: Size(0)))
    assert len(asked) == 2
    assert "the rest is left out" in note


@pytest.mark.parametrize(
    "page",
    [
        {"tools": [], "nextCursor": "2", "x": "y" * 40_000_000},
        {"tools": [], "nextCursor": "2", "x": ["\ud800" * 12_000_000]},
    ],
)
def test_a_page_counts_whose_text_is_not_kept(page: Any) -> None:
    """A key that stood twice, half a character: what has one is not passed on as it came."""
    asked = 0

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        nonlocal asked
        asked += 1
        return page

    assert not isinstance(page, Verbatim)
    asyncio.run(paged(ask, "tools/list", "tools", lambda _number, _item: Size(0)))
    assert asked == 1


def test_a_page_that_can_not_be_written_down_is_the_last_but_one() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    asked = 0

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        nonlocal asked
        asked += 1
        return {"tools": [], "nextCursor": str(asked), "x": deep}

    asyncio.run(paged(ask, "tools/list", "tools", lambda _number, _item: Size(0)))
    assert asked == 2
    while deep:  # else Python takes them apart one in the other
        deep = deep.pop()


def measured(value: Any) -> int:
    inner = [*value.values(), *value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return sys.getsizeof(value) + sum(measured(item) for item in inner)


@pytest.mark.parametrize("item", ["[]", "{}", '"ab"', "1.5", '{"a":1}', "[[[[]]]]"])
def test_values_weigh_about_what_they_take_however_short_they_are_written(item: str) -> None:
    text = f'{{"a":[{",".join([item] * 5000)}]}}'
    assert measured(json.loads(text)) < 4 * weight(text.encode())


def test_calls_go_on_while_long_items_are_looked_at() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask(_method: str, _params: Mapping[str, Any]) -> Any:
        return {"tools": list(range(50))}

    async def scenario() -> None:
        meanwhile = asyncio.create_task(others())
        await paged(ask, "tools/list", "tools", lambda _number, _item: Size(600_000))
        meanwhile.cancel()

    asyncio.run(scenario())
    assert turns >= 20


def test_the_time_that_a_list_may_take_is_that_of_all_its_pages() -> None:
    now = [1000.0]
    patience = Patience(20.0, lambda: now[0])
    assert patience.left("tools/list", anew=True) == 20
    assert patience.left("prompts/list", anew=True) == 3
    now[0] += 2
    assert patience.left("tools/list", anew=False) == 18
    assert patience.left("prompts/list", anew=False) == pytest.approx(1)
    now[0] += 2
    with pytest.raises(TimeoutError, match="pages"):
        patience.left("prompts/list", anew=False)
    assert patience.left("prompts/list", anew=True) == 3  # it is asked for anew


def test_a_server_is_asked_for_the_next_page_only_as_long_as_its_list_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each page had all of that time, and a list without end kept the others from being asked for at all."""
    now = [0.0]
    monkeypatch.setattr("gateway.upstream.looking.Patience", lambda seconds: Patience(seconds, lambda: now[0]))

    capabilities = types.ServerCapabilities(tools=types.ToolsCapability(), prompts=types.PromptsCapability())
    session = SimpleNamespace(server_capabilities=capabilities, instructions=None, protocol_version="2025-11-25")
    asked: list[tuple[str, float]] = []

    async def ask(method: str, _params: Mapping[str, Any], timeout: float) -> Any:
        asked.append((method, timeout))
        now[0] += 1
        return {"tools": []} if method == "tools/list" else {"prompts": [one("p")], "nextCursor": str(now[0])}

    connection = cast("Connection", SimpleNamespace(session=session, ask=ask))
    listing = asyncio.run(listed(connection, ServerSpec("s", Stdio("s"), connect_timeout=20)))
    assert asked == [("tools/list", 20), ("prompts/list", 3), ("prompts/list", 2), ("prompts/list", 1)]
    assert listing.rejected == {"s/(prompts)": "they could not be listed: its pages take too long"}
    assert not listing.whole
