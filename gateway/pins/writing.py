"""What was seen is written down: the pins, and the notes of what is held. Takes its time; for a thread."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.errors import ConfigError
from gateway.pins.entries import Pins
from gateway.pins.files import PinFiles, Stamp
from gateway.pins.noting import noted
from gateway.pins.review import Review, Seen, Trust, review
from gateway.pins.room import fitted

__all__ = ["Written", "fitting", "fresh", "note_down", "write_down"]

log = logging.getLogger("toolgate.pins")


@dataclass(frozen=True, slots=True)
class Written:
    """The pins afterwards and the stamp of their file; why nothing of them could be written, if so."""

    pins: Pins
    stamp: Stamp
    problem: str = ""


def fresh(files: PinFiles, known: Pins) -> Pins:
    """The pins as the file says now; as it said, if it is gone. Raises ConfigError."""
    found = files.read()
    if found is None and known:
        log.warning("%s is gone; what it pinned stays pinned while this gateway runs", files.shown)
    return known if found is None else found


def write_down(files: PinFiles, before: Written, seen: Sequence[Seen], trust: Trust, now: str) -> Written:
    """Pins what is new, on top of what others have written meanwhile, as far as there is room. Never raises OSError."""
    try:
        with files.turn():
            return _pinned(files, before, seen, trust, now)
    except ConfigError as error:
        return replace(before, problem=str(error.problems[0]))
    except OSError as error:
        return replace(before, problem=f"{files.shown} can't be written: {error.strerror or error}")


def _pinned(files: PinFiles, before: Written, seen: Sequence[Seen], trust: Trust, now: str) -> Written:
    pins = fresh(files, before.pins)
    changed = fitting(review(pins, seen, trust, now), pins, seen)
    if changed:
        pins = {**pins, **changed}
        files.write(pins)
    return Written(pins, files.stamp())


def fitting(found: Review, pins: Pins, seen: Sequence[Seen]) -> Pins:
    """The servers as they are to be written, as far as there is room: those that are not as they were."""
    offered = {server.name: {thing.name for thing in server.things} for server in seen}
    learned = {name: fitted(server, pins.get(name), offered[name]) for name, server in found.learned.items()}
    return {name: server for name, server in learned.items() if server != pins.get(name)}


def note_down(files: PinFiles, found: Review, seen: Sequence[Seen], pins: Pins, now: str) -> None:
    """Keeps what a person would accept. That it can't be kept holds nobody up: the tools are held anyway."""
    try:
        before = files.read_notes()
        if noted(before, found, seen, pins, now) == before:
            return
        with files.turn():
            files.write_notes(noted(files.read_notes(), found, seen, pins, now))
    except OSError as error:
        log.warning("what is held could not be noted down for `toolgate pins`: %s", error.strerror or error)
