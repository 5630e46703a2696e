"""What `toolgate pins` shows, made from pins and notes."""

from gateway.cli.pinning import details, rows
from gateway.pins.entries import Accepted, Identity, Note, Notes, PinnedEntry, PinnedServer

SHOP = Identity("npx shop", "shop", "1")
ANN = Accepted("user:ann", "then")
PINS = {
    "shop": PinnedServer(
        SHOP,
        {
            "add": PinnedEntry.of({"name": "add", "description": "Adds."}),
            "sub": PinnedEntry.of({"name": "sub"}, ANN),
            "late": PinnedEntry.of({"name": "late"}, added_at="then"),
        },
    )
}
SEEN = {"name": "add", "description": "Adds!"}
NOTES = Notes({"shop/add": Note("changed", "why", SHOP, SEEN, "now"), "web/get": Note("new", "w", SHOP, {}, "now")})


def test_each_tool_has_one_state() -> None:
    states = {row["tool"]: row["state"] for row in rows(PINS, NOTES)["tools"]}
    assert states == {"shop/add": "changed", "shop/late": "added", "shop/sub": "accepted", "web/get": "new"}
    assert {row["tool"]: row["state"] for row in rows(PINS, Notes())["tools"]}["shop/add"] == "pinned"


def test_a_server_shows_the_tools_that_wait_and_a_tool_itself() -> None:
    assert [row["tool"] for row in details(PINS, NOTES, "shop")["tools"]] == ["shop/add", "shop/late"]
    assert [row["tool"] for row in details(PINS, NOTES, "shop/sub")["tools"]] == ["shop/sub"]
    assert [row["server"] for row in details(PINS, NOTES, "shop")["servers"]] == ["shop"]


def test_a_change_is_of_the_pinned_definition_to_the_one_that_was_seen() -> None:
    (row,) = details(PINS, NOTES, "shop/add")["tools"]
    assert row["changes"] == [{"where": "description", "old": "Adds.", "new": "Adds!"}]
    assert row["definition"] == SEEN


def test_a_tool_that_is_held_for_what_is_in_it_is_shown_whole() -> None:
    pinned = PINS["shop"].entries["add"].definition
    notes = Notes({"shop/add": Note("suspicious", "why", SHOP, pinned, "now")})
    (row,) = details(PINS, notes, "shop/add")["tools"]
    assert [change["new"] for change in row["changes"]] == ["Adds.", "add"]
    assert {change["old"] for change in row["changes"]} == {None}
