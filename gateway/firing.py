"""Schedules fire: at each moment that one names, a run is submitted, once, by whichever worker is first.

A worker that was busy, or whose store was away, for no more than `CATCH_UP` fires late what came meanwhile, each moment
once. What passes while no worker runs, or all sleep, is made up for when one does: the last moment of each schedule,
and only if it is not later than the schedule allows. So a restart submits one run, not a hundred.
"""

import asyncio
import contextlib
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

LOOK = 1.0  # seconds from one look to the next, at most: it comes when the next moment does
CATCH_UP = 60_000  # milliseconds between two looks, from which on this worker was not there

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
        self._told: dict[str, str] = {}  # why a schedule could not fire
        self._looked: dict[str, int] = {}  # until when each has fired, or another worker has seen to that
        self._next: dict[str, int] = {}

    async def run(self) -> None:
        """For ever."""
        told = ""
        while True:
            self._next = {}
            try:
                await self.once()
            except Exception as error:
                if told != (told := repr(error)):
                    log.exception("schedules could not be looked at")
            await asyncio.sleep(self._rest())

    def _rest(self) -> float:
        """Seconds to the next look."""
        if not self._next:
            return LOOK
        return min(LOOK, max(0, min(self._next.values()) - self._offline.store.now()) / 1000)

    async def once(self) -> list[str]:
        """Submits what is due now; says which runs."""
        return [run_id for name, schedule in self._schedules.items() for run_id in await self._due(name, schedule)]

    @property
    def _schedules(self) -> Mapping[str, ScheduleConfig]:
        return {name: schedule for name, schedule in self._offline.config.schedules.items() if not schedule.disabled}

    async def _due(self, name: str, schedule: ScheduleConfig) -> list[str]:
        """What can't be submitted (an agent that is gone) is told, and tried again until it is too late."""
        now, key = self._offline.store.now(), schedule_key(self._offline.config.identity.tenant, name)
        self._next[name] = next_firing(schedule, now)
        fired: list[str] = []
        try:
            last = await self._offline.store.last_firing(key)
            if last > next_firing(schedule, self._next[name]):  # by a clock that is wrong, or is not ours
                log.warning(
                    "schedule `%s` has fired when the clock was ahead; it goes on by what the clock says now", name
                )
                await self._offline.store.set_back(key, now)
                last = now
            for moment in _moments(schedule, last, self._looked.get(name), now):
                with contextlib.suppress(AlreadyUsed):  # another worker was first, or it has been before
                    fired.append(await self._submit(key, schedule, moment))
        except ToolgateError as error:
            if self._told.get(name) != str(error):
                self._told[name] = str(error)
                log.warning("schedule `%s` can't fire: %s", name, error)
        else:
            self._looked[name] = now
            self._told.pop(name, None)
        return fired

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


def _moments(schedule: ScheduleConfig, last: int, looked: int | None, now: int) -> list[int]:
    """What is to be fired of a schedule that fired `last` then and that this worker has `looked` at before."""
    zone = zone_named(schedule.zone)
    newest, found = before(schedule.cron, zone, now), list[int]()
    if newest <= last:
        return []
    if looked is not None and 0 <= now - looked <= CATCH_UP:
        moment = following(schedule.cron, zone, max(last, looked))
        while moment < newest:
            found.append(moment)
            moment = following(schedule.cron, zone, moment)
    return [moment for moment in (*found, newest) if now - moment <= schedule.late * 1000]
