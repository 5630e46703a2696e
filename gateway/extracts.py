"""What the record keeps of a long result. Pure.

A client has its results itself: the record of its session says what came, and needs not hold it. An agent's run is
another matter: whoever takes it up again reads its results from the record, and there they are kept whole.
"""

import hashlib

from gateway.call import Answered, InputRequired, JsonObject, Outcome, TaskCreated
from gateway.verbatim import Verbatim, encode

__all__ = ["KEPT_BYTES", "extract"]

KEPT_BYTES = 16 * 1024  # of a result as JSON


def extract(outcome: Outcome) -> Outcome:
    """The same outcome; a result of more than 16 KB is told by its size, its SHA-256 and whether it is an error.

    Both are of the result's JSON text as it came, where that is known; else it is written without blanks, keys in the
    order in which they came.
    """
    if not isinstance(outcome, (Answered, InputRequired, TaskCreated)):
        return outcome
    result = outcome.result
    text = result.text if isinstance(result, Verbatim) else encode(result)
    if len(text) <= KEPT_BYTES:
        return outcome
    told = _told(result, text)
    return TaskCreated(told, outcome.id) if isinstance(outcome, TaskCreated) else type(outcome)(told)


def _told(result: JsonObject, text: bytes) -> JsonObject:
    whole = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    failed = {"isError": True} if result.get("isError") is True else {}
    return {**failed, "_meta": {"toolgate/whole": whole}}
