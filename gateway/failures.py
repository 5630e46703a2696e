"""Which failures of tools are the same: by their words, without what differs from one time to the next. Pure.

A model that is caught in a loop meets the same error with another request id, line number, time or address in it. So a
word with a digit in it says nothing, and neither do capitals or spaces.
"""

import hashlib
import re
from collections.abc import Mapping

from gateway.call import Answered, InDoubt, JsonObject, Outcome, Refused
from gateway.verbatim import encode

__all__ = ["failure_of"]

READ = 4_000  # characters of an error that are looked at
_WORD = re.compile(r"[\w.:+-]+")
_DIGIT = re.compile(r"\d")


def failure_of(outcome: Outcome) -> str:
    """A short name for what went wrong, equal for two failures that are the same; empty, where nothing did."""
    words = _words(outcome)
    if words is None:
        return ""
    told = " ".join(_WORD.sub(_lasting, words[:READ]).casefold().split())
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:16]


def _lasting(word: re.Match[str]) -> str:
    return "#" if _DIGIT.search(word[0]) else word[0]


def _words(outcome: Outcome) -> str | None:
    match outcome:
        case Answered() if outcome.is_error:
            return _text(outcome.result)
        case Refused():
            return outcome.message
        case InDoubt():
            return outcome.why
    return None


def _text(result: JsonObject) -> str:
    """What it says in words; of one that says nothing so, what it holds."""
    content = result.get("content")
    blocks = content if isinstance(content, (list, tuple)) else ()
    texts = [block.get("text") for block in blocks if isinstance(block, Mapping)]
    said = "\n".join(text for text in texts if isinstance(text, str))
    return said or encode(result.get("structuredContent")).decode()
