"""One line of `toolgate doctor`."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level"]

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `mend` says what to do, where there is something to do."""

    level: Level
    what: str
    detail: str
    mend: str = ""
