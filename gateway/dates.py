"""Milliseconds since 1970 as a date, whatever number they are: what a file or a row of the store says is shown, and
breaks nothing that shows it. Pure.
"""

from datetime import UTC, datetime

__all__ = ["LATEST", "dated"]

LATEST = 253_370_764_800_000  # the year 9999: later, Python's dates end


def dated(milliseconds: object) -> datetime:
    """In UTC. What lies before 1970 or after `LATEST`, or is no number, is the nearest one that can be shown."""
    told = milliseconds if isinstance(milliseconds, (int, float)) and milliseconds == milliseconds else 0  # noqa: PLR0124 - NaN
    return datetime.fromtimestamp(min(max(told, 0), LATEST) / 1000, UTC)
