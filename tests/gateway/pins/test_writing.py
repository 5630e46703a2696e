"""What was seen is written down."""

from pathlib import Path

import pytest

from gateway.call import JsonObject, pin_of
from gateway.errors import ConfigError
from gateway.pins.entries import Identity, PinnedEntry, PinnedServer
from gateway.pins.files import PinFiles
from gateway.pins.review import Seen, Trust, review
from gateway.pins.things import Thing
from gateway.pins.writing import Written, fresh, note_down, write_down
from gateway.replacing import turn

SHOP = Identity("npx shop", "shop", "1")
NOW = "2026-11-25T15:30:00Z"


def seen(*names: str, server: str = "shop") -> list[Seen]:
    definitions: list[JsonObject] = [{"name": name} for name in names]
    return [Seen(server, SHOP, [Thing(server, str(one["name"]), one, pin_of(one)) for one in definitions])]


def none(files: PinFiles) -> Written:
    return Written({}, files.stamp())


@pytest.fixture
def files(tmp_path: Path) -> PinFiles:
    return PinFiles(tmp_path / "toolgate.lock", "toolgate.lock", tmp_path / ".toolgate")


def test_what_others_have_written_meanwhile_stays(files: PinFiles) -> None:
    before = none(files)
    write_down(files, before, seen("add"), Trust(), NOW)
    written = write_down(files, before, seen("send", server="mail"), Trust(), NOW)
    assert sorted(written.pins) == ["mail", "shop"]
    assert written == Written(files.read() or {}, files.stamp())


def test_what_is_written_already_is_not_written_again(files: PinFiles) -> None:
    first = write_down(files, none(files), seen("add"), Trust(), NOW)
    assert write_down(files, first, seen("add"), Trust(), NOW) == first


def test_while_another_one_keeps_the_turn_nothing_is_and_it_says_why(
    files: PinFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.replacing.PATIENCE", 0.0)
    files.state.mkdir()
    with turn(files.state / "pins.turn", "a test"):
        written = write_down(files, none(files), seen("add"), Trust(), NOW)
    assert written.pins == {}
    assert written.problem == "toolgate.lock can't be written: another process keeps the pins to itself"
    assert write_down(files, written, seen("add"), Trust(), NOW).problem == ""


def test_a_broken_file_is_left_as_it_is(files: PinFiles) -> None:
    files.lock.write_text("<")
    assert "toolgate.lock:1:1" in write_down(files, none(files), seen("add"), Trust(), NOW).problem
    assert files.lock.read_text() == "<"
    with pytest.raises(ConfigError):
        fresh(files, {})


def test_a_file_that_is_gone_takes_nothing_back(files: PinFiles) -> None:
    pins = {"shop": PinnedServer(SHOP, {"add": PinnedEntry.of({"name": "add"})})}
    assert fresh(files, pins) == pins
    assert fresh(files, {}) == {}


def test_notes_are_written_only_where_they_are_others(files: PinFiles) -> None:
    trust = Trust({"shop": "hold"})
    note_down(files, review({}, seen("add"), trust, NOW), seen("add"), {}, NOW)
    assert not files.state.exists()
    pins = {"shop": PinnedServer(SHOP)}
    found = review(pins, seen("add"), trust, NOW)
    note_down(files, found, seen("add"), pins, NOW)
    assert files.read_notes().tools == found.held
