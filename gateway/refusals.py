"""What the record keeps of a call that was refused. Pure.

Whoever may not call a tool must not be able to fill the disk either: of long arguments the beginning is kept, and what
identifies the whole.
"""

import hashlib
import json
import math
from collections.abc import Sequence

from gateway.call import Action, Deny, JsonObject, Verdict
from gateway.events import Decided, Denied, Recorded, Resumed, Started

__all__ = ["KEPT_BYTES", "denial", "refused_lately"]

KEPT_BYTES = 64 * 1024  # of the arguments, as UTF-8
_KEPT_PATH, _KEPT_WHY = 512, 2_000  # characters: a client may call a tool by any name, and the reason repeats it


def denial(
    key: str, path: str, arguments: str | bytes | JsonObject, verdict: Verdict, action: Action = "call"
) -> Denied:
    """The refusal as a fact. `arguments` as they were judged, or as they came: perhaps they could not be parsed."""
    text = _text(arguments)
    given = arguments if isinstance(arguments, bytes) else text.encode(errors="surrogatepass")
    whole = None
    if len(given) > KEPT_BYTES:
        text = given[:KEPT_BYTES].decode(errors="ignore")
        whole = {"bytes": len(given), "sha256": hashlib.sha256(given).hexdigest()}
    why = _cut(verdict.why, _KEPT_WHY)
    wait = verdict.retry_after if isinstance(verdict, Deny) else None
    retry = None if wait is None else math.ceil(wait)
    return Denied(key, _cut(path, _KEPT_PATH), text, verdict.gate, why, verdict.rule, whole, action, retry_after=retry)


def refused_lately(fresh: Sequence[Recorded]) -> Sequence[Decided]:
    """The questions that were answered with no, or not in time; but not those that an earlier driver has told of."""
    events = [recorded.event for recorded in fresh]
    if Decided not in map(type, events):  # nearly always
        return []
    begun = [place for place, event in enumerate(events) if isinstance(event, (Started, Resumed))]
    late = events[begun[-1] :] if begun else events
    return [event for event in late if isinstance(event, Decided) and event.decision != "approved"]


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


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
