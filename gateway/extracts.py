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

    Both are of the result's JSON text as it came, where that is known; else it is written without blanks, keys in the
    order in which they came, ASCII with escapes.
    """
    if not isinstance(outcome, Answered | InputRequired):
        return outcome
    known = outcome.text if isinstance(outcome, Answered) else None
    text = _encode(outcome.result).encode() if known is None else known
    if len(text) <= KEPT_BYTES:
        return outcome
    return type(outcome)(_told(outcome.result, text))


def _told(result: JsonObject, text: bytes) -> JsonObject:
    whole = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    failed = {"isError": True} if result.get("isError") is True else {}
    return {**failed, "_meta": {"toolgate/whole": whole}}
