"""What is noted down of what is held."""

from dataclasses import replace

from gateway.call import JsonObject
from gateway.pins.entries import Identity, Note, Notes, PinnedEntry, PinnedServer
from gateway.pins.noting import noted
from gateway.pins.review import Review, Seen
from gateway.pins.room import MOST

SHOP = Identity("npx shop", "shop", "1")
ADD: JsonObject = {"name": "add"}
EVIL: JsonObject = {"name": "add", "description": "evil"}
PINS = {"shop": PinnedServer(SHOP, {"add": PinnedEntry.of(ADD)})}
UP = [Seen("shop", SHOP, ())]
NOTE = Note("changed", "because", SHOP, EVIL, "10:00")


def test_what_is_held_is_noted_and_what_is_gone_says_since_when() -> None:
    notes = noted(Notes(), Review({"shop/add": NOTE}), UP, PINS, "10:00")
    assert notes == Notes({"shop/add": NOTE})
    gone = noted(notes, Review(), UP, PINS, "11:00")
    assert gone == Notes({"shop/add": replace(NOTE, gone_at="11:00")})
    assert noted(gone, Review(), UP, PINS, "12:00") == gone
    again = noted(gone, Review({"shop/add": replace(NOTE, seen_at="13:00")}), UP, PINS, "13:00")
    assert again == notes


def test_of_a_server_that_is_not_there_nothing_is_known() -> None:
    notes = Notes({"shop/add": NOTE})
    assert noted(notes, Review(), [], PINS, "11:00") == notes


def test_what_is_pinned_now_is_no_more_noted() -> None:
    pins = {"shop": PinnedServer(SHOP, {"add": PinnedEntry.of(EVIL)})}
    assert noted(Notes({"shop/add": NOTE}), Review(), UP, pins, "11:00") == Notes()


def test_a_server_fills_no_more_than_its_own_room_and_what_is_gone_goes_first() -> None:
    def notes(hour: str, count: int, prefix: str) -> dict[str, Note]:
        names = [f"{prefix}{n}" for n in range(count)]
        return {f"shop/{name}": replace(NOTE, definition={"name": name}, seen_at=hour) for name in names}

    mail = {"mail/send": NOTE}
    first = noted(Notes(mail), Review(notes("10:00", MOST, "a")), UP, {}, "10:00")
    assert len(first.tools) == MOST + 1
    then = noted(first, Review(notes("11:00", 10, "b")), UP, {}, "11:00")
    assert len(then.tools) == MOST + 1
    assert {f"shop/b{n}" for n in range(10)} < set(then.tools)
    assert then.tools["mail/send"] == NOTE
