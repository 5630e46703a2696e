"""What the record keeps of a call that was refused. Pure."""

import json

from gateway.call import JsonObject, Verdict
from gateway.events import Denied

__all__ = ["denial"]


def denial(key: str, path: str, arguments: str | bytes | JsonObject, verdict: Verdict) -> Denied:
    """The refusal as a fact. `arguments` as they were judged, or as they came: perhaps they could not be parsed."""
    return Denied(key, path, _text(arguments), verdict.gate, verdict.why, verdict.rule)


def _text(arguments: str | bytes | JsonObject) -> str:
    match arguments:
        case str():
            return arguments
        case bytes():
            return arguments.decode(errors="replace")
    try:
        return json.dumps(arguments, default=repr)
    except (TypeError, ValueError, RecursionError):
        return f"<an object with {len(arguments)} keys that can't be written as JSON>"
