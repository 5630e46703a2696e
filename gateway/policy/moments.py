"""Dates and times in conditions: `before(x, '2026-12-31')`, `after(x, '2026-12-31T18:00:00Z')`. Pure and total.

Only one form of each is read (RFC 3339, ISO 8601 extended): `2026-12-31`, and `2026-12-31T18:00` with seconds, a
fraction, and `Z` or an offset if need be. What other programs might read in another way is undecidable.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from gateway.policy.logic import UNDECIDED, Truth

__all__ = ["after", "before"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)

_Moment = date | datetime
_Order = Callable[[_Moment, _Moment], bool]


def before(written: Sequence[str]) -> Callable[[Any], Truth]:
    """Whether a text is a moment before the written one. Raises ValueError for what is not one date or time."""
    return _compared(written, lambda here, there: here < there)


def after(written: Sequence[str]) -> Callable[[Any], Truth]:
    """The same, after it. What lies within a written day is neither before nor after that day."""
    return _compared(written, lambda here, there: here > there)


def _compared(written: Sequence[str], holds: _Order) -> Callable[[Any], Truth]:
    if len(written) != 1:
        raise ValueError("one date or time is compared with another")
    there = _moment(written[0])
    if there is None:
        raise ValueError(f"`{written[0]}` is no date or time; write `2026-12-31` or `2026-12-31T18:00:00+01:00`")

    def run(value: Any) -> Truth:
        here = _moment(value) if type(value) is str else None
        return UNDECIDED if here is None else _answer(here, there, holds)

    return run


def _answer(here: _Moment, there: _Moment, holds: _Order) -> Truth:
    """Two times need both an offset, or both none. With a date, days are compared, each as it is written."""
    if isinstance(here, datetime) and isinstance(there, datetime):
        alike = (here.tzinfo is None) == (there.tzinfo is None)
        return holds(here, there) if alike else UNDECIDED
    if isinstance(there, datetime) and here == there.date():
        return UNDECIDED  # a day, and a moment within it
    return holds(_day(here), _day(there))


def _day(moment: _Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _moment(text: str) -> _Moment | None:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:  # 30 February, 25 o'clock
        return None
