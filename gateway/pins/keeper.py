"""The pins of a running gateway: what its servers offer is compared with what was pinned, whenever either changes.

An acceptance is another file under the same name: it is noticed within `LOOKS`, and counts from then on, without a
restart. A file that breaks or goes away meanwhile takes nothing back: what was pinned stays pinned, and nothing new is
believed until it is mended.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from gateway.catalogue import Catalogue
from gateway.errors import ConfigError
from gateway.offer import ABOUT, About
from gateway.pins.entries import Identity, Note, Notes, Pins
from gateway.pins.files import PinFiles
from gateway.pins.review import Review, Seen, Trust, review, unpinned
from gateway.pins.things import Thing, things
from gateway.screens.definitions import screen_definition
from gateway.screens.finding import Finding
from gateway.screens.names import screen_names

__all__ = ["LOOKS", "Keeper"]

log = logging.getLogger("toolgate.pins")

LOOKS = 0.05  # seconds; a look costs two microseconds, and a call asks more than once
_LONGEST = 200  # characters of what a server calls itself


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A catalogue as it came, what was made of it, and what the screens found in it."""

    given: Catalogue
    catalogue: Catalogue
    findings: Mapping[str, Sequence[Finding]]


class Keeper:
    """`judged` says of a catalogue what of it is held, and pins what it sees for the first time.

    `launches` says by server how it is started or reached, without secrets. With `learns` False nothing is written but
    the notes. Raises ConfigError for a `toolgate.lock` that can't be used. For one thread.
    """

    def __init__(
        self,
        files: PinFiles,
        trust: Trust,
        launches: Mapping[str, str],
        *,
        learns: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._trust, self._launches, self._learns = files, trust, launches, learns
        self._clock, self._due = clock, 0.0
        self._stamp = files.stamp()
        self._pins: Pins = files.read() or {}
        self._problem = ""
        self._screened: dict[str, tuple[Finding, ...]] = {}  # by pin: a list that changes has little that is new
        self._judged: _Judged | None = None

    def judged(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with what is held and what was found; the same object as long as nothing has changed."""
        last = self._judged
        if last is not None and last.given is catalogue and self._clock() < self._due:
            return last.catalogue
        edited = self._edited()
        if last is None or last.given is not catalogue or edited:
            findings = last.findings if last and last.given is catalogue else self._screen(catalogue)
            last = _Judged(catalogue, self._review(catalogue, findings), findings)
            self._judged = last
        return last.catalogue

    # ---- the file

    def _edited(self) -> bool:
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + LOOKS
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._reread()
        return True

    def _reread(self) -> None:
        problem = ""
        try:
            self._pins = self._fresh()
        except ConfigError as error:
            problem = str(error.problems[0])
            log.warning("%s; what was pinned before stays pinned, and nothing new is believed", problem)
        self._problem = problem

    def _fresh(self) -> Pins:
        """As the file says now; as it said, if it is gone. Raises ConfigError."""
        found = self._files.read()
        if found is None and self._pins:
            log.warning("%s is gone; what it pinned stays pinned while this gateway runs", self._files.shown)
        return self._pins if found is None else found

    # ---- the comparison

    def _review(self, catalogue: Catalogue, findings: Mapping[str, Sequence[Finding]]) -> Catalogue:
        seen = self._seen(catalogue, findings)
        found = review(self._pins, seen, self._trust, _now())
        if self._problem:
            found = unpinned(found, self._pins, seen, self._problem)
        elif self._learns and found.learned:
            found = self._learn(seen, found)
        self._take_notes(found, seen)
        self._tell(found)
        held = {path: note.why for path, note in found.held.items()}
        return replace(catalogue, held=held, findings=findings, about=_believed(catalogue.about, held))

    def _learn(self, seen: Sequence[Seen], found: Review) -> Review:
        """Writes down what is new, on top of what others have written meanwhile."""
        try:
            with self._files.turn():
                self._pins = self._fresh()
                found = review(self._pins, seen, self._trust, _now())
                if found.learned:
                    self._files.write({**self._pins, **found.learned})
                    self._pins = {**self._pins, **found.learned}
                self._stamp = self._files.stamp()
            return found
        except ConfigError as error:
            problem = str(error.problems[0])
        except OSError as error:
            problem = f"{self._files.shown} can't be written: {error.strerror or error}"
        return unpinned(found, self._pins, seen, problem)

    def _seen(self, catalogue: Catalogue, findings: Mapping[str, Sequence[Finding]]) -> list[Seen]:
        grouped = groupby(sorted(things(catalogue), key=_server_of), key=_server_of)
        found = {server: tuple(offered) for server, offered in grouped}
        return [
            Seen(name, self._identity(name, catalogue), found.get(name, ()), findings)
            for name in sorted({*found, *catalogue.servers})
        ]

    def _identity(self, name: str, catalogue: Catalogue) -> Identity:
        info = catalogue.servers.get(name)
        said = [text.encode(errors="replace").decode()[:_LONGEST] for text in (info or ("", ""))]
        return Identity(self._launches.get(name, ""), *said)

    def _screen(self, catalogue: Catalogue) -> Mapping[str, Sequence[Finding]]:
        """Findings by path, or by server name where they are about the server."""
        offered = tuple(things(catalogue))
        fresh = {one.pin: screen_definition(one.definition) for one in offered if one.pin not in self._screened}
        self._screened = {one.pin: fresh.get(one.pin) or self._screened.get(one.pin, ()) for one in offered}
        found: dict[str, Sequence[Finding]] = {one.path: self._screened[one.pin] for one in offered}
        others = [one for one in offered if one.kind in ("prompt", "about")]
        for path, findings in screen_names(catalogue.tools.values(), others).items():
            found[path] = (*found.get(path, ()), *findings)
        return {path: findings for path, findings in found.items() if findings}

    # ---- what is told

    def _take_notes(self, found: Review, seen: Sequence[Seen]) -> None:
        """Keeps what a person would accept. That it can't be kept holds nobody up: the tools are held anyway."""
        try:
            before = self._files.read_notes()
            if _noted(before, found, seen, self._pins) == before:
                return
            with self._files.turn():
                before = self._files.read_notes()
                self._files.write_notes(_noted(before, found, seen, self._pins))
        except OSError as error:
            log.warning("what is held could not be noted down for `toolgate pins`: %s", error.strerror or error)

    def _tell(self, found: Review) -> None:
        """Once for whatever is held from now on."""
        known = self._judged.catalogue.held if self._judged else {}
        for path, note in found.held.items():
            if known.get(path) != note.why:
                log.warning("%s is held: %s", path, note.why)


def _server_of(thing: Thing) -> str:
    return thing.server


def _believed(about: Mapping[str, About], held: Mapping[str, str]) -> Mapping[str, About]:
    """Without the instructions that are held: nobody is told them."""
    return {
        server: replace(said, instructions="") if f"{server}/{ABOUT}" in held else said
        for server, said in about.items()
    }


def _noted(before: Notes, found: Review, seen: Sequence[Seen], pins: Pins) -> Notes:
    """The notes with what was found now. A note stays until its definition is the pinned one: another process may have
    seen it, of a server that only sometimes says so."""
    tools = {path: note for path, note in before.tools.items() if path in found.held or not _settled(path, note, pins)}
    for path, note in found.held.items():
        old = tools.get(path)
        if note.reason != "unpinned" and (old is None or (old.pin, old.reason) != (note.pin, note.reason)):
            tools[path] = note
    names = {server.name for server in seen}
    strangers = {name: identity for name, identity in before.strangers.items() if name not in names}
    return Notes(tools, {**strangers, **found.strangers})


def _settled(path: str, note: Note, pins: Pins) -> bool:
    server, _, tool = path.partition("/")
    entry = pins[server].entries.get(tool) if server in pins else None
    return entry is not None and entry.pin == note.pin
