"""Time zones by their name in the IANA database, from the system or else from the package `tzdata`. Pure."""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from gateway.wording import did_you_mean

__all__ = ["UnknownZone", "zone_named"]

_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")  # not `localtime`, `posix/...`: they differ by machine


class UnknownZone(ValueError):
    """The text says what is wrong; `hint` names a zone that is like it, if any is."""

    def __init__(self, name: str) -> None:
        self.hint = (
            did_you_mean(name, filter(_NAME.fullmatch, available_timezones()))
            or "write it as in the IANA database: `Europe/Berlin`"
        )
        super().__init__(f"unknown time zone `{name}`")


@lru_cache(256)
def zone_named(name: str) -> ZoneInfo:
    """Raises UnknownZone."""
    if not _NAME.fullmatch(name):
        raise UnknownZone(name)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UnknownZone(name) from None
