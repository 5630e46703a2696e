"""Which model endpoints are left alone just now, kept beside the store: who starts need not find it out anew.

What is kept holds no secret, and is of no use but this: who loses it tries a few times more.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from gateway.replacing import replace_file
from providers import ProviderErrorKind

__all__ = ["Rest", "Rests"]

KINDS = frozenset(get_args(ProviderErrorKind))


@dataclass(frozen=True, slots=True)
class Rest:
    """`until` is in seconds since 1970; `trips` is how often in a row it was too much; `kind` what failed last."""

    until: float
    trips: int
    kind: ProviderErrorKind


class Rests:
    """Kept in one small file; in memory only, if there is none."""

    def __init__(self, file: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._file, self._now = file, now

    def read(self) -> Mapping[str, Rest]:
        """Those that are not over, by endpoint: its name and its place (`providers.request.known_as`)."""
        if self._file is None:
            return {}
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self._file.read_text(encoding="utf-8"))
            rests = {str(name): _rest(said) for name, said in found.items()} if isinstance(found, dict) else {}
            return {name: rest for name, rest in rests.items() if rest is not None and rest.until > self._now()}
        return {}

    def write(self, endpoint: str, rest: Rest | None) -> None:
        """What has become of one endpoint; None: it is well."""
        if self._file is None:
            return
        before = self.read()
        others = {name: known for name, known in before.items() if name != endpoint}
        after = others if rest is None else {**others, endpoint: rest}
        if after == before:
            return
        said = {name: {"until": one.until, "trips": one.trips, "kind": one.kind} for name, one in after.items()}
        with contextlib.suppress(OSError):  # a folder that can't be written to: the next process finds it out anew
            replace_file(self._file, json.dumps(said, indent=1, sort_keys=True).encode())


def _rest(said: object) -> Rest | None:
    match said:
        case {"until": int() | float() as until, "trips": int() as trips, "kind": str() as kind} if kind in KINDS:
            return Rest(float(until), trips, kind)  # type: ignore[arg-type]  # it is one of them
        case _:
            return None
