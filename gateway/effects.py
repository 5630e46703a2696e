"""What the admin says about the effects of single tools: the key as an argument, when a call is made again, how one
finds out what became of it, how it is undone. Pure.

A *recipe* is a call that follows from another one. In its arguments a text that is nothing but a place stands for what
is found there: `{key}` (the call's idempotency key), `{arguments.order.id}`, `{result.order_id}`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from gateway.call import Answered, Call, InDoubt, JsonObject, Outcome, Tool, Unsent
from gateway.policy.logic import Truth
from gateway.values import value

__all__ = [
    "NOTHING_SAID",
    "PLACES",
    "UNDO",
    "Effects",
    "Inquiry",
    "Missing",
    "Recipe",
    "ToolWord",
    "result_of",
    "undo_run",
    "wrong_place",
]

UNDO = "undo-"  # how the id of a run begins in which another one's calls are undone
PLACES = ("key", "arguments", "result")
_PLACE = re.compile(rf"\{{({'|'.join(PLACES)})((?:\.[\w-]+)*)\}}")
_LIKE_ONE = re.compile(r"\{[^{}]*\}")


def undo_run(run_id: str) -> str:
    """The run in which the calls of this one are undone."""
    return f"{UNDO}{run_id}"


class Missing(Exception):
    """A recipe can't be followed: what it wants is not there. The text says what."""


@value(frozen=True, slots=True)
class Recipe:
    """`arguments` None: those of the call that it follows from."""

    path: str
    arguments: JsonObject | None = None

    def filled(self, call: Call, result: JsonObject | None = None) -> JsonObject:
        """The arguments for what follows from this call, which has led to this result. Raises Missing."""
        if self.arguments is None:
            return call.own.value
        known = {"key": call.idempotency_key, "arguments": call.own.value, "result": result}
        filled: JsonObject = _filled(self.arguments, known)
        return filled


@value(frozen=True, slots=True)
class Inquiry:
    """How one finds out whether a call happened: by a recipe that only reads, and what its result says. `did_not` None:
    no result says that it did not. It is asked `after` so many seconds.
    """

    recipe: Recipe
    happened: Callable[[JsonObject], Truth] = field(compare=False)
    did_not: Callable[[JsonObject], Truth] | None = field(default=None, compare=False)
    after: float = 0.0


@value(frozen=True, slots=True)
class ToolWord:
    """What is said of one tool. `read_only`: the admin vouches for it. `retries` None: as often as ever."""

    idempotency_argument: str | None = None
    read_only: bool = False
    retries: int | None = None
    retry_errors: tuple[str, ...] = ()
    reconcile: Inquiry | None = None
    undo: Recipe | None = None

    def again(self, outcome: Outcome, *, repeatable: bool) -> bool:
        """Whether what led to this outcome is a thing to be made again: nothing was sent; or nobody knows what became
        of it, and it does no harm; or the tool says that it failed, in words that the admin named.
        """
        match outcome:
            case Unsent():
                return True
            case InDoubt():
                return repeatable
            case Answered() if outcome.is_error:
                text = _text(outcome)
                return any(words in text for words in self.retry_errors)
        return False


NOTHING_SAID = ToolWord()


@value(frozen=True, slots=True)
class Effects:
    """`tools` by `server/tool`; `servers` is what holds for those tools of a server of which nothing is said."""

    tools: Mapping[str, ToolWord] = field(default_factory=dict)
    servers: Mapping[str, ToolWord] = field(default_factory=dict)

    def of(self, path: str) -> ToolWord:
        """What is said of this tool."""
        if not self.tools and not self.servers:
            return NOTHING_SAID
        return self.tools.get(path) or self.servers.get(path.partition("/")[0], NOTHING_SAID)

    def reads(self, path: str, tool: Tool | None) -> bool:
        """Whether it changes nothing, by the word of a trusted server or of the admin."""
        return tool is not None and (tool.read_only or self.of(path).read_only)


def wrong_place(arguments: Any, places: Sequence[str] = PLACES) -> str | None:
    """The first text in these arguments that looks like a place, and is none of these."""
    for item in _leaves(arguments):
        found = _PLACE.fullmatch(item) if isinstance(item, str) else None
        if found is not None and found[1] in places and not (found[1] == "key" and found[2]):
            continue
        if isinstance(item, str) and _LIKE_ONE.fullmatch(item):
            return item
    return None


def result_of(outcome: Outcome | None) -> JsonObject | None:
    """What a tool has answered, as one object: its structured content, or the object that its only text is."""
    if not isinstance(outcome, Answered) or outcome.is_error:
        return None
    structured = outcome.result.get("structuredContent")
    if isinstance(structured, Mapping):
        return structured
    content = outcome.result.get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], Mapping):
        return None
    try:
        parsed = json.loads(str(content[0].get("text")))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _text(outcome: Answered) -> str:
    content = outcome.result.get("content")
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block.get("text", "")) for block in blocks if isinstance(block, Mapping))


def _leaves(item: Any) -> Sequence[Any]:
    match item:
        case Mapping():
            return [leaf for each in item.values() for leaf in _leaves(each)]
        case list() | tuple():
            return [leaf for each in item for leaf in _leaves(each)]
    return [item]


def _filled(item: Any, known: Mapping[str, Any]) -> Any:
    match item:
        case Mapping():
            return {name: _filled(each, known) for name, each in item.items()}
        case list() | tuple():
            return [_filled(each, known) for each in item]
        case str() if (place := _PLACE.fullmatch(item)) is not None:
            return _found(place, known)
    return item


def _found(place: re.Match[str], known: Mapping[str, Any]) -> Any:
    found = known[place[1]]
    for step in place[2].split(".")[1:]:
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            found = None
            break
    if found is None:
        raise Missing(f"there is no `{place[0][1:-1]}`")
    return found
