"""When a schedule fires: a cron expression, in the time of a zone. Pure.

Five fields as in crontab, or six with seconds in front. At a change of the clock it is as in Debian's cron: what falls
into the hour that is left out is at its end, and what falls into the one that comes twice is once, unless it is of
every hour.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["before", "following", "what_is_wrong"]

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


def what_is_wrong(cron: str) -> str | None:
    """What to say about an expression that is none, or that names no moment."""
    hint = "write `MINUTE HOUR DAY MONTH WEEKDAY`, such as `30 7 * * mon-fri`, or `@daily`"
    try:
        next(CronSim(_plain(cron), datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f"it is no cron expression ({error}); {hint}"
    except StopIteration:
        return f"it names no moment in the next 50 years; {hint}"
    return None


def following(cron: str, zone: ZoneInfo, moment: int) -> int:
    """The first moment after this one at which it fires; both in milliseconds since 1970."""
    return _millis(next(CronSim(_plain(cron), _at(moment, zone))))


def before(cron: str, zone: ZoneInfo, moment: int) -> int:
    """The last moment at or before this one at which it fires."""
    return _millis(next(CronSim(_plain(cron), _at(moment + 1_000, zone), reverse=True)))


def _plain(cron: str) -> str:
    return _MACROS.get(cron.strip(), cron)


def _at(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment // 1000, zone)


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
