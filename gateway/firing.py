"""Schedules fire: at each moment that one names, a run is submitted, once, by whichever worker is first.

What passes while no worker runs is made up for when one does: the last moment of each schedule, and only if it is not
later than the schedule allows. So a restart submits one run, not a hundred.
"""

import asyncio
import logging
from collections.abc import Mapping
from hashlib import sha256

from gateway.config.settings import ScheduleConfig
from gateway.cron import before, following
from gateway.errors import AlreadyUsed, ToolgateError
from gateway.offline import Offline
from gateway.store import Fire
from gateway.submitting import Submission, default_agent, submit
from gateway.zones import zone_named

__all__ = ["Firing", "next_firing", "schedule_key"]

LOOK = 1.0  # seconds

log = logging.getLogger("toolgate.schedules")


def schedule_key(tenant: str, name: str) -> str:
    """By which the store knows a schedule."""
    return f"{tenant}/{name}"


def next_firing(schedule: ScheduleConfig, now: int) -> int:
    """Milliseconds since 1970."""
    return following(schedule.cron, zone_named(schedule.zone), now)


class Firing:
    """By the clock of the store: that of one worker may be wrong."""

    def __init__(self, offline: Offline) -> None:
        self._offline = offline
        self._told: set[tuple[str, int]] = set()  # what could not be submitted

    async def run(self) -> None:
        """For ever."""
        told = ""
        while True:
            try:
                await self.once()
            except Exception as error:
                if told != (told := repr(error)):
                    log.exception("schedules could not be looked at")
            await asyncio.sleep(LOOK)

    async def once(self) -> list[str]:
        """Submits what is due now; says which runs."""
        found = [await self._due(name, schedule) for name, schedule in self._schedules.items()]
        return [run_id for run_id in found if run_id is not None]

    @property
    def _schedules(self) -> Mapping[str, ScheduleConfig]:
        return {name: schedule for name, schedule in self._offline.config.schedules.items() if not schedule.disabled}

    async def _due(self, name: str, schedule: ScheduleConfig) -> str | None:
        """What can't be submitted (an agent that is gone) is told, and tried again until it is too late."""
        now, key = self._offline.store.now(), schedule_key(self._offline.config.identity.tenant, name)
        moment = before(schedule.cron, zone_named(schedule.zone), now)
        try:
            last = await self._offline.store.last_firing(key)
            if last > self._far(schedule, now):
                log.warning(
                    "schedule `%s` has fired when the clock was ahead; it goes on by what the clock says now", name
                )
                await self._offline.store.set_back(key, now)
                return None
            if moment <= last or now - moment > schedule.late * 1000:
                return None
            return await self._submit(key, schedule, moment)
        except AlreadyUsed:  # another worker was first, or it was the same moment before the clock was set back
            return None
        except ToolgateError as error:
            if (name, moment) not in self._told:
                self._told = {(name, moment)}
                log.warning("schedule `%s` can't fire: %s", name, error)
            return None

    @staticmethod
    def _far(schedule: ScheduleConfig, now: int) -> int:
        """No schedule fires for a moment after this one, unless by a clock that is wrong, or is not ours."""
        return next_firing(schedule, next_firing(schedule, now))

    async def _submit(self, key: str, schedule: ScheduleConfig, moment: int) -> str:
        agent = f"agent:{schedule.agent or default_agent(self._offline.config)}"
        run_id = f"r-{sha256(f'{key} {moment}'.encode()).hexdigest()[:16]}"
        wanted = Submission(
            schedule.text,
            self._offline.subject(agent=agent),
            schedule.model,
            schedule.budgets.limits,
            schedule.priority,
            run_id=run_id,
        )
        return await submit(self._offline, wanted, Fire(key, moment, run_id))
