"""What a command's exit code means, everywhere. The words are MCP Inspector's where it has them."""

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigError, ToolgateError, UpstreamUnavailable

if TYPE_CHECKING:  # `toolgate --help` need not know what a run is
    from gateway.run import Run
    from gateway.store import RunRow

__all__ = ["Exit", "Stop", "ends", "exit_of_error", "exit_of_run", "must_go_on"]


class Exit(IntEnum):
    """Documented in `toolgate --help` and docs/cli.md; scripts depend on them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIG = 3
    UNREACHABLE = 4
    TOOL_ERROR = 5
    DENIED = 6
    WAITING = 7
    BUDGET = 8
    INTERRUPTED = 130


_WORDS: Mapping[Exit, str] = {
    Exit.OK: "ok",
    Exit.ERROR: "error",
    Exit.USAGE: "usage",
    Exit.CONFIG: "configuration",
    Exit.UNREACHABLE: "unreachable",
    Exit.TOOL_ERROR: "tool error",
    Exit.DENIED: "denied",
    Exit.WAITING: "waiting for a person",
    Exit.BUDGET: "budget spent",
    Exit.INTERRUPTED: "interrupted",
}
_ANY = (Exit.OK, Exit.ERROR, Exit.USAGE, Exit.CONFIG, Exit.INTERRUPTED)  # of every command


def ends(*also: Exit, **here: str) -> str:
    """The last words of a command's help: its exit codes, `also` those that not every command has.

    `here` is what a code means besides, by its name: `error="a case fails"`.
    """
    meant = {Exit[name.upper()]: text for name, text in here.items()}
    codes = sorted({*_ANY, *also, *meant})
    told = (f"{code.value} {_WORDS[code]}" + (f" (or {meant[code]})" if code in meant else "") for code in codes)
    return f"Exit codes: {', '.join(told)}."


class Stop(ToolgateError):
    """A command could not do what it was asked for, and nothing is broken: it ends with this code and this message.

    `details` stand beside the message in `--json`.
    """

    def __init__(self, code: Exit, text: str, details: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.details = dict(details or {})
        super().__init__(text)


def must_go_on(run: "Run | RunRow", what: str) -> None:
    """Raises Stop for a run that has ended: there is nothing to `what`."""
    from gateway.run import ENDED
    from gateway.visible import visible

    if run.status in ENDED:
        raise Stop(Exit.ERROR, f"run {visible(run.id)} has ended ({run.status}): there is nothing to {what}")


_OF_STATUS: Mapping[str, Exit] = {"succeeded": Exit.OK, "waiting": Exit.WAITING, "queued": Exit.WAITING}
_UNREACHABLE = frozenset({"network", "timeout", "overloaded", "server", "rate_limit"})


def exit_of_run(run: "Run") -> Exit:
    """How a command that drove a run ends."""
    if run.status == "paused":
        return Exit.BUDGET if run.budget_spent else Exit.INTERRUPTED
    if run.status == "waiting" and run.conversation and not run.calls:  # what it was asked for is done, or failed
        return Exit.OK if run.cause == "user" else _of_failure(run.cause)
    if run.status == "failed":
        return _of_failure(run.cause)
    return _OF_STATUS.get(run.status, Exit.ERROR)


def _of_failure(cause: str) -> Exit:
    return Exit.UNREACHABLE if cause.partition(":")[0] in _UNREACHABLE else Exit.ERROR


def exit_of_error(error: ToolgateError) -> Exit:
    """How a command ends that something broke."""
    match error:
        case Stop():
            return error.code
        case ConfigError(problems=problems):
            return Exit.USAGE if all(_of_an_option(problem.file) for problem in problems) else Exit.CONFIG
        case UpstreamUnavailable():
            return Exit.UNREACHABLE
        case _:
            return Exit.ERROR


def _of_an_option(place: str) -> bool:
    """A finding is about how the command was typed, and no file is wrong: its place reads `--model`, `flag --as`."""
    return place.removeprefix("flag ").startswith("--")
