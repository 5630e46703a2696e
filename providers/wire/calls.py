"""Calls in a reply: their ids, their arguments, and whether they are there. Ids of our own are random."""

import json
import uuid
from collections.abc import Container

from providers.message import Message
from providers.reply import Finish, ProviderError

__all__ = ["MOST_CALLS", "as_text", "ended", "one_more", "own_id"]

MOST_CALLS = 256  # in one reply


def one_more(calls: int) -> int:
    """The number of the next call. Raises ProviderError (`protocol`) where there are too many already."""
    if calls >= MOST_CALLS:
        raise ProviderError("protocol", f"the reply holds more than {MOST_CALLS} calls")
    return calls


def own_id(given: object, taken: Container[str]) -> str:
    """The id that was given, if it is one and not taken; else one of our own, that differs from turn to turn."""
    return given if isinstance(given, str) and given and given not in taken else f"call_{uuid.uuid4().hex[:24]}"


def as_text(arguments: object) -> str:
    """Arguments, or a piece of them, as text. Some backends give an object."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def ended(finish: Finish, message: Message) -> Finish:
    """How a reply ended that came to its end: with calls, if there are any, whatever the backend calls it.

    Raises ProviderError (`protocol`) if it announces calls that are not there.
    """
    if finish == "tool_calls" and not message.tool_calls:
        raise ProviderError("protocol", "the reply ended for calls of tools that did not come")
    return "tool_calls" if finish == "stop" and message.tool_calls else finish
