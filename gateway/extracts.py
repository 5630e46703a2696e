"""What the record keeps of a long result. Pure.

A client has its results itself: the record of its session says what came, and needs not hold it. An agent's run is
another matter: whoever takes it up again reads its results from the record, and there they are kept whole.
"""

import hashlib
import json

from gateway.call import Answered, InputRequired, JsonObject, Outcome

__all__ = ["KEPT_BYTES", "extract"]

KEPT_BYTES = 16 * 1024  # of a result as JSON
_encode = json.JSONEncoder(separators=(",", ":")).encode


def extract(outcome: Outcome) -> Outcome:
    """The same outcome; a result of more than 16 KB is told by its size, its SHA-256 and whether it is an error.

    Both are of the result's JSON text: no blanks, keys in the order in which they came, ASCII with escapes.
    """
    if not isinstance(outcome, Answered | InputRequired) or _surely_short(outcome):
        return outcome
    text = _encode(outcome.result).encode()
    if len(text) <= KEPT_BYTES:
        return outcome
    return type(outcome)(_told(outcome.result, text))


def _surely_short(outcome: Answered | InputRequired) -> bool:
    """Without writing it out: escaped, a character takes at most three times its bytes in UTF-8."""
    return isinstance(outcome, Answered) and outcome.text is not None and len(outcome.text) * 3 <= KEPT_BYTES


def _told(result: JsonObject, text: bytes) -> JsonObject:
    whole = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    failed = {"isError": True} if result.get("isError") is True else {}
    return {**failed, "_meta": {"toolgate/whole": whole}}
