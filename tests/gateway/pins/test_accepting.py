"""A person's yes: exactly to what was seen."""

import pytest

from gateway.pins.accepting import accept, waiting
from gateway.pins.entries import Accepted, Identity, Note, Notes, PinnedEntry, PinnedServer

SHOP, EVIL = Identity("npx shop"), Identity("npx evil")
ANN = Accepted("user:ann", "now")
OLD, NEW = {"name": "add", "description": "Adds."}, {"name": "add", "description": "Adds!"}
PINS = {
    "shop": PinnedServer(SHOP, {"add": PinnedEntry.of(OLD), "late": PinnedEntry.of({"name": "late"}, added_at="then")}),
    "mail": PinnedServer(SHOP, {"send": PinnedEntry.of({"name": "send"})}),
}


def note(definition: dict[str, str] = NEW, reason: str = "changed", identity: Identity = SHOP) -> Note:
    return Note(reason, "why", identity, definition, "then")  # type: ignore[arg-type] # a test names reasons


NOTES = Notes({"shop/add": note(), "mail/send": note({"name": "send", "description": "x"})}, {"shop": EVIL})


def test_a_tool_is_what_was_seen_of_it_and_says_who_and_when() -> None:
    done = accept(PINS, NOTES, "shop/add", ANN)
    assert done.tools == ("shop/add",)
    assert done.pins["shop"].entries["add"] == PinnedEntry.of(NEW, ANN)
    assert done.pins["mail"] == PINS["mail"]
    assert set(done.notes.tools) == {"mail/send"}


def test_a_single_tool_says_nothing_about_its_server() -> None:
    done = accept(PINS, NOTES, "shop/add", ANN)
    assert done.servers == ()
    assert done.pins["shop"].identity == SHOP
    assert done.notes.strangers == {"shop": EVIL}


def test_a_server_is_taken_with_all_that_waits_and_the_program_that_it_is() -> None:
    done = accept(PINS, NOTES, "shop", ANN)
    assert (done.tools, done.servers) == (("shop/add", "shop/late"), ("shop",))
    assert (done.pins["shop"].identity, done.pins["shop"].accepted) == (EVIL, ANN)
    assert done.pins["shop"].entries["late"] == PinnedEntry.of({"name": "late"}, ANN)
    assert done.notes == Notes({"mail/send": NOTES.tools["mail/send"]})


def test_everything_is_everything_that_waits() -> None:
    done = accept(PINS, NOTES, None, ANN)
    assert done.tools == ("mail/send", "shop/add", "shop/late")
    assert done.notes == Notes()
    assert accept(done.pins, done.notes, None, ANN).tools == ()


def test_a_server_whose_name_begins_like_another_is_not_meant() -> None:
    notes = Notes({"shop2/add": note()})
    assert accept({}, notes, "shop", ANN).tools == ()


def test_a_tool_of_a_server_that_was_never_pinned_brings_its_server() -> None:
    done = accept({}, Notes({"new/add": note(identity=EVIL)}), "new/add", ANN)
    assert done.pins == {"new": PinnedServer(EVIL, {"add": PinnedEntry.of(NEW, ANN)})}


@pytest.mark.parametrize(("target", "paths"), [
    (None, ("mail/send", "shop/add", "shop/late")), ("shop", ("shop/add", "shop/late")), ("shop/add", ("shop/add",)),
    ("mail/none", ()),
])  # fmt: skip
def test_what_waits_is_what_is_held_and_what_came_later(target: str | None, paths: tuple[str, ...]) -> None:
    assert waiting(PINS, NOTES, target) == paths


GONE = Note("changed", "why", SHOP, {"name": "late", "description": "x"}, "then", gone_at="later")


def test_what_is_not_there_any_more_waits_for_nobody_unless_it_is_named_with_its_hash() -> None:
    notes = Notes({"mail/send": GONE})
    for target in (None, "mail", "mail/send"):
        assert accept(PINS, notes, target, ANN).pins["mail"] == PINS["mail"]
        assert accept(PINS, notes, target, ANN).notes == notes
    done = accept(PINS, notes, "mail/send", ANN, GONE.pin[:12])
    assert done.pins["mail"].entries["send"] == PinnedEntry.of(GONE.definition, ANN)
    assert done.notes == Notes()


def test_a_yes_to_what_came_later_is_about_what_is_there() -> None:
    notes = Notes({"shop/late": GONE})
    done = accept(PINS, notes, "shop", ANN)
    assert done.pins["shop"].entries["late"] == PinnedEntry.of({"name": "late"}, ANN)
    assert done.notes == notes
