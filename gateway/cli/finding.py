"""One line of `toolgate doctor`."""

from dataclasses import dataclass
from typing import Literal

from gateway.errors import Problem

__all__ = ["Finding", "Level", "wrong"]

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `mend` says what to do, where there is something to do."""

    level: Level
    what: str
    detail: str
    mend: str = ""


def wrong(what: str, problem: Problem) -> Finding:
    """What is wrong in a file, with its place."""
    where = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    level: Level = "fail" if problem.level == "error" else "warn"
    return Finding(level, what, f"{where}: {problem.message}", problem.hint or f"edit {problem.file}")
