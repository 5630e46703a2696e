"""What can go wrong.

A denial or a wait is a value (`gateway.call`), never an exception. An exception means that something broke:

* ToolgateError
  + ConfigError            the files or flags are wrong          exit 3
    - PolicyError          the policy files are wrong            exit 3
  + UpstreamUnavailable    an MCP server can't be reached        exit 4
    - LogInNeeded          it wants a log-in of this user's own  exit 4
  + StoreError             the store could not keep or find something
    - TooNew               a newer Toolgate has written it
    - TooOld               an older one has, and nobody has brought it to this version yet
    - Unreadable           a row of it is damaged, or newer than this Toolgate: one run is concerned
    - UnknownRun           no such run
    - UnknownApproval      no such approval
    - UnknownTask          no such task, or somebody else's
    - UnknownKey           no such API key
    - UnknownLasting       no such remembered answer or delegation
    - UnknownSession       this user has no such session
    - LeaseLost            another worker drives this run now
    - Conflict             somebody else was first; nothing was written
    - NotItsTurn           another run of its session comes first; nothing was written
    - AlreadyUsed          it was good for one time; nothing was written
    - BudgetExceeded       a reservation does not fit; nothing was written
    - TooManyQuestions     a run has asked people so much that is open; nothing was written
  + ContextTooSmall        instructions and tools leave no room for a conversation
  + IllegalEvent           an event that may not follow: a bug, nothing was written

Model backends have their own, `providers.ProviderError`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "SHORTEST_ID",
    "AlreadyUsed",
    "BudgetExceeded",
    "ConfigError",
    "Conflict",
    "ContextTooSmall",
    "IllegalEvent",
    "LeaseLost",
    "LogInNeeded",
    "NotItsTurn",
    "PolicyError",
    "Problem",
    "StoreError",
    "TooManyQuestions",
    "TooNew",
    "TooOld",
    "ToolgateError",
    "UnknownApproval",
    "UnknownKey",
    "UnknownLasting",
    "UnknownRun",
    "UnknownSession",
    "UnknownTask",
    "Unreadable",
    "UpstreamUnavailable",
]

SHORTEST_ID = 6  # of what an id begins with: an empty variable in a script must not mean the only one that there is


class ToolgateError(Exception):
    """Anything that Toolgate itself reports. The text is for the user: what, where, what to do; never a secret."""

    run_id: str = ""  # of the run that was under way in this program, where it broke: it can be resumed


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a file that a person edits.

    `line` and `column` count from 1; 0 means that the finding is about the whole file. `rule` is the stable name of
    what was looked for, where it has one: `unknown-tool`.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    level: Literal["error", "warning"] = "error"
    rule: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.level}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(ToolgateError):
    """Files or flags that can't be used. Carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def at(cls, file: str, message: str, line: int = 0, column: int = 0, hint: str = "") -> "ConfigError":
        """The common case of a single problem."""
        return cls([Problem(file, line, column, message, hint)])


class PolicyError(ConfigError):
    """Policy files that can't be used: the policy in force stays in force."""


class UpstreamUnavailable(ToolgateError):
    """An MCP server that can't be reached or doesn't answer. Nothing was sent."""

    def __init__(self, server: str, why: str) -> None:
        self.server = server
        self.why = why
        super().__init__(f"server `{server}` is unavailable: {why}")


class LogInNeeded(UpstreamUnavailable):
    """A server that acts for each user wants this user's own log-in, and there is none that holds."""


class StoreError(ToolgateError):
    """The store could not keep or find something. Nothing was written."""


class TooNew(StoreError):
    """A store that a newer Toolgate has written: this one knows nothing of what is new in it."""

    def __init__(self, place: str) -> None:
        super().__init__(f"the store `{place}` was written by a newer Toolgate; update this one")


class TooOld(StoreError):
    """A store that an older Toolgate has written, where it is not to be brought to this version. 0: it is empty."""

    def __init__(self, place: str, version: int, ours: int) -> None:
        self.place, self.version = place, version
        by = "by the next start, or by `toolgate store migrate`"
        said = f"is of version {version}: it is brought to {ours} {by}" if version else f"is empty: it is made {by}"
        super().__init__(f"the store `{place}` {said}")


class Unreadable(StoreError):
    """What is on record of one run, or one question, can't be read. All others can."""


class UnknownRun(StoreError):
    """No run has this id, and not exactly one an id that begins so."""

    def __init__(self, run_id: str) -> None:
        short = f": give at least the first {SHORTEST_ID} characters of its id" if len(run_id) < SHORTEST_ID else ""
        super().__init__(f"there is no run `{run_id}`{short}; `toolgate runs` lists them")


class UnknownApproval(StoreError):
    """No approval has this id."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"there is no approval `{approval_id}`; `toolgate approvals` lists them")


class UnknownTask(StoreError):
    """No task has this id. What is somebody else's is unknown too."""

    def __init__(self) -> None:
        super().__init__("there is no such task")


class UnknownKey(StoreError):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no API key `{key_id}`; `toolgate keys list` shows them")


class UnknownLasting(StoreError):
    """No remembered answer, or no delegation, that is in force has this id."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} `{name}` in force")


class UnknownSession(StoreError):
    """This user has no session of this name, in this tenant. Somebody else's is unknown too."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no session `{name}`; `toolgate sessions` lists yours")


class TooManyQuestions(StoreError):
    """So many questions of one run are open that no more are put before people have answered some."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"{most} questions of this run wait for people already; no more is asked before they answer")


class LeaseLost(StoreError):
    """Another worker drives this run now; the one that gets this must stop at once."""


class Conflict(StoreError):
    """Somebody else was first (an approval was decided or used already)."""


class NotItsTurn(StoreError):
    """Another run of the same session comes first."""


class AlreadyUsed(StoreError):
    """What was given out for one use has been used."""


class BudgetExceeded(StoreError):
    """A reservation does not fit below its limit. `unit` is a `gateway.budget.Unit`; the text says how much is left.

    `then` is what the admin wants to happen: a `gateway.accounts.Then`, and `stop` of a run's own budget.
    `retry_after` is in seconds, where time will help. `budget` is the name of the one over many runs that it was.
    """

    def __init__(
        self, unit: str, text: str, then: str = "stop", retry_after: float | None = None, budget: str | None = None
    ) -> None:
        self.unit, self.then, self.retry_after, self.budget = unit, then, retry_after, budget
        super().__init__(text)


class ContextTooSmall(ToolgateError):
    """The window of a model has no room for a conversation beside instructions, pinned texts and tools."""


class IllegalEvent(ToolgateError):
    """An event that the transition table does not allow. Nothing was changed."""
