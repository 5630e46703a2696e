"""The budgets in force while their file is being edited.

As with the policy, an edit that can't be used changes nothing, and a file that is gone leaves what it said in force.
"""

import logging
import os
from collections.abc import Collection
from pathlib import Path

from gateway.config.budgets import Budgets, load_budgets
from gateway.errors import ConfigError

__all__ = ["LiveBudgets"]

log = logging.getLogger("toolgate.budgets")

_Stamp = tuple[int, int, int, int] | None  # None: it is not there


class LiveBudgets:
    """`current` is what holds; `look` is for whoever has the time.

    Raises ConfigError if the first reading can't be used. A file is read when two looks have found it the same: perhaps
    somebody still writes it.
    """

    def __init__(self, path: Path, known_agents: Collection[str] | None = None) -> None:
        self._path, self._agents = path, known_agents
        self._read = self._seen = _stamp(path)
        self.current: Budgets = load_budgets(path, known_agents)
        self.problem: ConfigError | None = None

    def look(self) -> None:
        """Reads the file again, if it has changed. Never raises."""
        before, self._seen = self._seen, _stamp(self._path)
        if self._seen == self._read or self._seen != before:
            return
        self._read, told = self._seen, str(self.problem)
        self.problem = self._taken()
        if self.problem is not None and str(self.problem) != told:
            log.error("the budgets are refused, and the last good ones stay in force")
            for problem in self.problem.problems:
                log.error("%s", problem)

    def _taken(self) -> ConfigError | None:
        if self._seen is None:
            return ConfigError.at(str(self._path), "the file is gone, and its limits still hold")
        try:
            self.current = load_budgets(self._path, self._agents)
        except ConfigError as problem:
            return problem
        return None


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - as for the policy
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
