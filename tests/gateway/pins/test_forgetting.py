"""What a person has forgotten."""

from dataclasses import replace

from gateway.pins.entries import Identity, Note, Notes, PinnedEntry, PinnedServer
from gateway.pins.forgetting import Forgetting, forget

SHOP, EVIL = Identity("npx shop"), Identity("npx evil")
PINS = {
    "shop": PinnedServer(SHOP, {name: PinnedEntry.of({"name": name}) for name in ("add", "sub")}),
    "mail": PinnedServer(SHOP, {"send": PinnedEntry.of({"name": "send"})}),
}
HELD = Note("changed", "why", SHOP, {"name": "add"}, "then")
GONE = replace(HELD, gone_at="later")
NOTES = Notes({"shop/add": HELD, "shop/sub": GONE, "mail/send": GONE}, {"shop": EVIL})


def test_what_is_not_there_any_more_is_forgotten_and_what_is_held_is_not() -> None:
    assert forget(PINS, NOTES, "shop", pinned=False) == Forgetting(
        PINS, Notes({"shop/add": HELD, "mail/send": GONE}, {"shop": EVIL}), ("shop/sub",)
    )
    assert forget(PINS, NOTES, "shop/add", pinned=False) == Forgetting(PINS, NOTES)


def test_a_tool_is_forgotten_with_its_pin() -> None:
    done = forget(PINS, NOTES, "shop/add", pinned=True)
    assert (list(done.pins["shop"].entries), done.pins["mail"]) == (["sub"], PINS["mail"])
    assert (set(done.notes.tools), done.paths) == ({"shop/sub", "mail/send"}, ("shop/add",))


def test_of_a_server_everything_is() -> None:
    done = forget(PINS, NOTES, "shop", pinned=True)
    assert (set(done.pins), done.notes) == ({"mail"}, Notes({"mail/send": GONE}))
