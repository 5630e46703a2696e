"""What a server said to a request: looked at within bounds, altered never. Pure.

A result without anything to find costs one pass over its texts. Data of images and the like is no text, and left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.call import Answered, InputRequired, JsonObject, Outcome, Refused, TaskCreated
from gateway.screens.finding import Kind
from gateway.screens.text import screen_text, suspicious

__all__ = ["MAX_TEXT", "NOTHING", "ResultScreen", "screen_outcome", "screen_result"]

MAX_TEXT = 256 * 1024  # characters of a result that are looked at
MAX_VALUES = 50_000  # that are walked through for them
_BINARY = ("data", "blob")
_CONTAINERS = (dict, list)  # what parsed JSON is made of


@dataclass(frozen=True, slots=True)
class ResultScreen:
    """How much was found, and of which kinds (sorted)."""

    count: int = 0
    kinds: tuple[Kind, ...] = ()


NOTHING = ResultScreen()


def screen_outcome(outcome: Outcome) -> ResultScreen:
    """What deceives in whatever the server said: a result, its questions, where its task stands, an error."""
    match outcome:
        case Answered(result) | InputRequired(result) | TaskCreated(result):
            return screen_result(result)
        case Refused(_, message, data, more):
            return screen_result({"message": message, "data": data, "more": more})
    return NOTHING  # our own words


def screen_result(result: JsonObject) -> ResultScreen:
    """What deceives in the first 256 K characters of a result's texts."""
    text = "\n".join(_texts(result))[:MAX_TEXT]
    if not suspicious(text.encode(errors="replace")):
        return NOTHING
    findings = screen_text(text, "result")
    return ResultScreen(len(findings), tuple(sorted({finding.kind for finding in findings})))


def _texts(result: JsonObject) -> list[str]:
    """Texts and keys, at least as many as are looked at, container by container: one function call a value is slow."""
    found: list[str] = []
    left: list[Any] = [result]
    seen = size = 0
    while left and seen < MAX_VALUES and size < MAX_TEXT:
        item = left.pop()
        binary = _BINARY if "mimeType" in item else ()
        keyed = item.items() if isinstance(item, Mapping) else enumerate(item)
        for key, value in islice(keyed, MAX_VALUES - seen):
            seen += 1
            if type(value) is str and key not in binary:
                found.append(value)
                size += len(value)
            elif type(value) in _CONTAINERS:
                left.append(value)
        if isinstance(item, Mapping):
            found += islice(item, MAX_VALUES)
    return found
