"""`wait_for`: a model that may wait says until when, or for which news from outside. Pure.

It is no server's tool: nothing leaves. That an agent may wait is the admin's word (`may_wait`).
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.arguments import ArgumentsError, parse_json
from gateway.dates import dated
from providers import ToolSpec

__all__ = ["LONGEST", "WAIT", "WAIT_FOR", "Nap", "nap", "news_name"]

WAIT = "toolgate:wait_for"  # no server has a tool of such a path
LONGEST = 30 * 24 * 3600.0  # seconds
_FOR_NEWS = 24 * 3600.0  # seconds, where the model does not say how long it waits for them
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")

WAIT_FOR = ToolSpec(
    "wait_for",
    "Waits without holding anything up: for so many `seconds`, or `until` a moment (ISO 8601 with its zone), or for"
    " news from outside of the name `event`, and then at most so long (a day, if you do not say). Call it alone.",
    {
        "type": "object",
        "properties": {
            "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST},
            "until": {"type": "string", "description": "such as 2026-11-26T09:30:00Z"},
            "event": {"type": "string", "pattern": f"^{_NAME.pattern}$"},
        },
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Nap:
    """`until` is milliseconds since 1970; `news` is a name, or empty."""

    until: int
    news: str = ""


def news_name(text: str) -> str | None:
    """Why this can't be the name of news; None if it can."""
    return None if _NAME.fullmatch(text) else "a name has letters, digits, `_`, `.`, `:` and `-`, at most 64"


def nap(arguments: str, now: int) -> Nap | str:
    """What the model waits for, at `now` (milliseconds since 1970); or what is wrong with its wish."""
    try:
        given = parse_json(arguments)
    except ArgumentsError as error:
        return str(error)
    if not isinstance(given, dict) or given.keys() - {"seconds", "until", "event"} or not given:
        return "say one of `seconds`, `until` and `event`; with `event`, one of the others may say how long"
    if "seconds" in given and "until" in given:
        return "say `seconds` or `until`, not both"
    news = given.get("event", "")
    if not isinstance(news, str) or ("event" in given and news_name(news)):
        return f"`event`: {news_name(news if isinstance(news, str) else '')}"
    seconds = given.get("seconds", _FOR_NEWS)
    if "until" in given:
        seconds = _moment(given["until"], now)
        if isinstance(seconds, str):
            return seconds
    if type(seconds) not in (int, float) or not math.isfinite(seconds) or not 0 < seconds <= LONGEST:
        return f"one waits for more than 0 and at most {LONGEST:.0f} seconds"
    return Nap(now + round(seconds * 1000), news)


def _moment(text: Any, now: int) -> float | str:
    """In how many seconds that is."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return "`until` is no moment of ISO 8601, such as 2026-11-26T09:30:00Z"
    if moment.tzinfo is None:
        return "`until` says no zone: write `Z` behind it, or an offset"
    seconds = moment.timestamp() - now / 1000
    at = dated(now).isoformat(timespec="seconds")
    return seconds if seconds > 0 else f"`until` has passed: it is {at}"
