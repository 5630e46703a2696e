"""How much of `toolgate.lock` one server may have."""

import pytest

from gateway.call import JsonObject
from gateway.pins.document import weight
from gateway.pins.entries import Accepted, Identity, PinnedEntry, PinnedServer
from gateway.pins.room import MOST, MOST_BYTES, fitted, over

SHOP = Identity("npx shop", "shop", "1")
HALF = MOST_BYTES // 2


def definition(name: str, size: int = 0) -> JsonObject:
    return {"name": name, "description": "x" * size}


def entry(name: str, size: int = 0, *, added_at: str = "", accepted: Accepted | None = None) -> PinnedEntry:
    return PinnedEntry.of(definition(name, size), accepted, added_at)


def server(**entries: PinnedEntry) -> PinnedServer:
    return PinnedServer(SHOP, entries)


def now(before: PinnedServer, **fresh: PinnedEntry) -> PinnedServer:
    return PinnedServer(SHOP, {**before.entries, **fresh})


def test_what_fits_is_written_whole() -> None:
    made = server(a=entry("a"), b=entry("b"))
    assert fitted(made, None, {"a", "b"}) == made


def test_of_what_is_new_the_last_finds_no_room() -> None:
    made = server(**{name: entry(name, HALF - 1000) for name in ("a", "b", "c")})
    assert list(fitted(made, None, {"a", "b", "c"}).entries) == ["a", "b"]


def test_there_are_no_more_entries_than_that() -> None:
    made = server(**{f"t{number}": entry(f"t{number}") for number in range(MOST + 2)})
    kept = fitted(made, None, set(made.entries)).entries
    assert (len(kept), "t0" in kept, f"t{MOST}" in kept) == (MOST, True, False)


def test_what_came_later_and_is_gone_gives_way_the_oldest_first() -> None:
    old = server(
        new=entry("new", HALF - 1000, added_at="2026-02"),
        old=entry("old", HALF - 1000, added_at="2026-01"),
    )
    kept = fitted(now(old, next=entry("next", HALF - 1000)), old, {"next"}).entries
    assert list(kept) == ["new", "next"]


def test_what_was_there_at_first_what_is_there_and_what_somebody_accepted_stay() -> None:
    ann = Accepted("user:ann", "then")
    for kept, offered in ((entry("kept", 10), {"next"}), (entry("kept", 10, accepted=ann), {"next"})):
        old = server(kept=kept, big=entry("big", MOST_BYTES))
        assert list(fitted(now(old, next=entry("next")), old, offered).entries) == ["kept", "big"]
    there = server(there=entry("there", MOST_BYTES, added_at="2026-01"))
    assert list(fitted(now(there, next=entry("next")), there, {"there", "next"}).entries) == ["there"]


def test_a_change_that_finds_no_room_leaves_what_was_pinned() -> None:
    old = server(a=entry("a"))
    made = now(old, a=entry("a", MOST_BYTES, accepted=Accepted("rule: harmless change", "now")))
    assert fitted(made, old, {"a"}) == old


def test_no_more_goes_than_has_to() -> None:
    sizes = {"a": MOST_BYTES, "b": 1, "c": 1}
    assert over(sizes, ["b", "c"]) == {"b", "c"}
    assert over(sizes, ["a", "b"]) == {"a"}
    assert over({"a": 1}, ["a"]) == frozenset()


def test_of_what_is_far_too_much_little_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    made, weighed = server(**{f"t{number}": entry(f"t{number}", HALF) for number in range(50)}), []

    def counted(name: str, one: PinnedEntry) -> int:
        weighed.append(name)
        return weight(name, one)

    monkeypatch.setattr("gateway.pins.room.weight", counted)
    assert list(fitted(made, None, set(made.entries)).entries) == ["t0"]
    assert weighed == ["t0"]
