"""The pins of a running gateway: what its servers offer is compared with what was pinned, whenever either changes.

What is new is held until it is written down; that is done in a thread, and takes a fifth of the time at the most: a
server that has ever new tools keeps nobody else waiting. What could not be written is tried again.

An acceptance is another file under the same name: it is noticed within `LOOKS`, read in a thread, and counts from then
on, without a restart. A file that breaks or goes away meanwhile takes nothing back: what was pinned stays pinned, and
nothing new is believed until it is mended.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby

from gateway.catalogue import Catalogue
from gateway.errors import ConfigError
from gateway.offer import ABOUT, About
from gateway.pins.entries import Identity, Pins
from gateway.pins.files import PinFiles
from gateway.pins.review import Review, Seen, Trust, review, unpinned
from gateway.pins.room import MOST
from gateway.pins.telling import Telling
from gateway.pins.things import Thing, things
from gateway.pins.writing import Written, fitting, fresh, note_down, write_down
from gateway.screens.definitions import screen_definition
from gateway.screens.finding import Finding
from gateway.screens.names import screen_names

__all__ = ["LOOKS", "Keeper"]

log = logging.getLogger("toolgate.pins")

LOOKS = 0.05  # seconds; a look costs two microseconds, and a call asks more than once
_LONGEST = 200  # characters of what a server calls itself
_REST = 4  # times as long as it took to write, before the next time
_AGAIN, _AGAIN_MOST = 1.0, 30.0  # seconds before what could not be written is tried again: ever longer

_READER = ThreadPoolExecutor(1, "toolgate-pins")

_NOT_YET, _CANT = "it is about to be pinned", "it can't be pinned"
_CROWDED = f"its server has {MOST} entries or 2 MB in toolgate.lock already; see `toolgate pins forget`"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A catalogue as it came, what was made of it, and what the screens found in it. `settled`: what there was to
    write down of it was, as far as there is room.
    """

    given: Catalogue
    catalogue: Catalogue
    findings: Mapping[str, Sequence[Finding]]
    seen: Sequence[Seen] = field(repr=False)
    found: Review = field(repr=False)
    settled: bool = False


class Keeper:
    """`judged` says of a catalogue what of it is held; `settle` pins what it sees for the first time.

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
        stamp = files.stamp()
        self._now = Written(files.read() or {}, stamp)
        self._broken = ""  # what is wrong with the file
        self._reading: Future[tuple[Pins, str]] | None = None
        self._read_of = self._now, stamp
        self._writing, self._write_due, self._again = False, 0.0, _AGAIN
        self._screened: dict[str, tuple[Finding, ...]] = {}  # by pin: a list that changes has little that is new
        self._judged: _Judged | None = None
        self._telling = Telling(clock)

    def judged(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with what is held and what was found; the same object as long as nothing has changed."""
        last = self._judged
        if last is not None and last.given is catalogue and self._clock() < self._due:
            return last.catalogue
        return self._look(catalogue).catalogue

    async def settle(self, catalogue: Catalogue) -> float | None:
        """Writes down what is new in it, and what is held, if it is time to: from then on `judged` believes it.

        Returns in how many seconds there is more to do; None if there is nothing.
        """
        last = self._look(catalogue)
        if self._reading is not None:
            await asyncio.wait([asyncio.wrap_future(self._reading)])
            self._due = 0.0
            last = self._look(catalogue)
        if last.settled or self._writing:
            return None
        if self._clock() >= self._write_due:
            await self._settled(last)
        return None if self._judged and self._judged.settled else max(0.0, self._write_due - self._clock())

    async def _settled(self, last: _Judged) -> None:
        self._writing, began = True, self._clock()
        try:
            written = await asyncio.to_thread(self._write_down, last, _now())
        finally:
            self._writing = False
        ended = self._clock()
        self._now, self._write_due = written, ended + _REST * (ended - began)
        if written.problem:
            self._write_due, self._again = ended + self._again, min(self._again * 2, _AGAIN_MOST)
        else:
            self._again = _AGAIN
        self._judged = self._review(last.given, last.findings, settled=not written.problem)

    def _write_down(self, last: _Judged, now: str) -> Written:
        """In a thread: nothing of the keeper changes meanwhile but what it shows."""
        written = replace(self._now, problem="")
        # `_broken` is a belt: `write_down` reads the file again, and believes nothing of a broken one either
        if last.found.fresh and self._learns and not self._broken:
            written = write_down(self._files, written, last.seen, self._trust, now)
        note_down(self._files, review(written.pins, last.seen, self._trust, now), last.seen, written.pins, now)
        return written

    def _look(self, catalogue: Catalogue) -> _Judged:
        last, edited = self._judged, self._edited()
        if last is None or last.given is not catalogue or edited:
            findings = last.findings if last and last.given is catalogue else self._screen(catalogue)
            last = self._judged = self._review(catalogue, findings)
        return last

    # ---- the file

    def _edited(self) -> bool:
        now = self._clock()
        if now < self._due or self._writing:  # what is being written need not be read
            return False
        self._due = now + LOOKS
        if self._reading is not None:
            return self._reading.done() and self._reread()
        stamp = self._files.stamp()
        if stamp == self._now.stamp:
            return False
        self._read_of = self._now, stamp
        self._reading = _READER.submit(self._read, self._now.pins)
        if _in_loop():
            return False
        wait([self._reading])
        return self._reread()

    def _read(self, before: Pins) -> tuple[Pins, str]:
        """In a thread. The pins, and what is wrong with the file."""
        try:
            return fresh(self._files, before), ""
        except ConfigError as error:
            return before, str(error.problems[0])

    def _reread(self) -> bool:
        """Takes what was read; not if it was written meanwhile by ourselves: then the next look says what there is, and
        until then nothing is judged by older pins.
        """
        reading, (before, stamp) = self._reading, self._read_of
        self._reading = None
        if reading is None or before is not self._now:
            return False
        pins, self._broken = reading.result()
        if self._broken:
            log.warning("%s; what was pinned before stays pinned, and nothing new is believed", self._broken)
        if before.problem:
            self._write_due = 0.0
        self._now = Written(pins, stamp)
        return True

    # ---- the comparison

    def _review(
        self, catalogue: Catalogue, findings: Mapping[str, Sequence[Finding]], *, settled: bool = False
    ) -> _Judged:
        seen, pins = self._seen(catalogue, findings), self._now.pins
        found = shown = review(pins, seen, self._trust, _now())
        if self._broken or (self._learns and found.fresh):
            problem = self._broken or self._now.problem or (_CROWDED if settled else "")
            shown = unpinned(found, pins, seen, f"{_CANT}: {problem}" if problem else _NOT_YET)
        elif found.fresh:
            shown = self._would_be(found, seen)
        held = {path: note.why for path, note in shown.held.items()}
        self._telling.tell({path: why for path, why in held.items() if why != _NOT_YET})
        late = frozenset(path for path, note in shown.held.items() if note.reason == "unpinned")
        about = _believed(catalogue.about, held)
        made = replace(catalogue, held=held, findings=findings, about=about, unpinned=late)
        last = self._judged.catalogue if self._judged and self._judged.given is catalogue else None
        return _Judged(catalogue, last if last and last.held == held else made, findings, seen, found, settled)

    def _would_be(self, found: Review, seen: Sequence[Seen]) -> Review:
        """Who only looks writes nothing, and knows what could not be written."""
        pins, problem = self._now.pins, self._files.unwritable()
        if problem:
            return unpinned(found, pins, seen, f"{_CANT}: {problem}")
        pins = {**pins, **fitting(found, pins, seen)}
        return unpinned(review(pins, seen, self._trust, _now()), pins, seen, f"{_CANT}: {_CROWDED}")

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


def _in_loop() -> bool:
    """Whether others would wait for what is done here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _server_of(thing: Thing) -> str:
    return thing.server


def _believed(about: Mapping[str, About], held: Mapping[str, str]) -> Mapping[str, About]:
    """Without the instructions that are held: nobody is told them."""
    return {
        server: replace(said, instructions="") if f"{server}/{ABOUT}" in held else said
        for server, said in about.items()
    }
