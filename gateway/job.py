"""A job is a run that workers are to drive; and which one is next. Pure.

Only runs that were submitted have one; who drives a run himself (`toolgate run`, `chat`) needs none. The next one is
the one with the highest priority; among those, one of the tenant with the fewest runs under way, then of the tenant
that has waited longest for a turn; and of that tenant's, the one that came first. So a tenant with a thousand runs
keeps nobody waiting for more than one of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field

from gateway.values import value

__all__ = ["HIGHEST", "LOWEST", "Job", "Slots", "choose", "pause"]

LOWEST, HIGHEST = -100, 100  # priorities
LONGEST_PAUSE = 60_000  # milliseconds
UNREADABLE_PAUSE = 900_000  # at last, of a run that no worker of this version can read


@value(frozen=True, slots=True)
class Job:
    """`agent` and `model` are the names by which slots count it. It is not begun before `ready`, in milliseconds since
    1970. Of the jobs with the same `session` (if it is not empty), one is begun when those before it have ended. The
    store gives it its `place` in the order.
    """

    run_id: str
    tenant: str
    agent: str
    model: str
    priority: int = 0
    ready: int = 0
    session: str = ""
    place: int = 0


@value(frozen=True, slots=True)
class Slots:
    """How many runs may be under way at once, over all workers, of each tenant, agent and model: `tenants` and so on
    for those that are named, `tenant` for each of the others. None: any number.
    """

    tenant: int | None = None
    agent: int | None = None
    model: int | None = None
    tenants: Mapping[str, int] = field(default_factory=dict)
    agents: Mapping[str, int] = field(default_factory=dict)
    models: Mapping[str, int] = field(default_factory=dict)

    def are_free(self, job: Job, under_way: Sequence[Job]) -> bool:
        """Whether one more, this one, may be under way."""
        return all(
            most is None or sum(getattr(other, what) == getattr(job, what) for other in under_way) < most
            for what, most in (
                ("tenant", self.tenants.get(job.tenant, self.tenant)),
                ("agent", self.agents.get(job.agent, self.agent)),
                ("model", self.models.get(job.model, self.model)),
            )
        )


def choose(jobs: Sequence[Job], under_way: Sequence[Job], slots: Slots, turns: Mapping[str, int]) -> Job | None:
    """The one of `jobs` that is next, if one may be. `turns` says when a tenant had his last turn: the higher, the
    later; who is not in it had none.
    """
    count = Counter(job.tenant for job in under_way)

    def rank(job: Job) -> tuple[int, int, int, int]:
        return -job.priority, count[job.tenant], turns.get(job.tenant, 0), job.place

    return min((job for job in jobs if slots.are_free(job, under_way)), key=rank, default=None)


def pause(attempts: int, most: int = LONGEST_PAUSE) -> int:
    """Milliseconds until a job is begun again whose last so many drivers died on it, or could do nothing with it.

    The first death is nobody's fault. A run that kills whoever drives it must not kill everybody.
    """
    return 0 if attempts <= 1 else min(most, 1_000 * 2 ** min(attempts - 2, 10))
