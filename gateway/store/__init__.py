"""Where runs, events, approvals and spend are kept: the contract. `gateway.store.sqlite` keeps them on one machine.

Whatever belongs together changes in one transaction: the events of a step, the budget reserved for it, the approval
that it uses up. It is durable when `append` returns, and nothing has changed when it raises.

    opening         the store that is configured
    sqlite          one file, for one machine
    postgres/       a database, for any number of them
    database        what both do, with any `connection`: the contract, and what no run needs
    migrations      the tables, as steps that only add; `versions`: of which version those of a file are
    writer          group commit: what waits shares one `batch`, and its `ledger`
    transactions    what one transaction does to a run
    approvals       ... to a question; `answers` counts what people say, `lasting` remembers it, `outbox` tells it
    jobs            ... to the queue: `claims` are what workers take up, `firings` what schedules submit
    sessions        ... to those of a conversation
    gone            ... to a run that somebody else ends; `removal`, one that is deleted
    keys            ... to API keys; `policies`, to versions of the policy
    lease           who drives a run; `waiting` for what other processes write
    record          all that was recorded, end to end; `legible` where a row may be damaged, `wanted` as a list
    copying         a whole store as a file; `moving`, one run, with its `belongings`
    arriving        ... and read again: `told` its events, `kinds` whether values are of our types
"""

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Protocol

from gateway.accounts import Pace, Proviso
from gateway.approval import PLAIN, Approval, Said, Terms
from gateway.budget import Limits, Spend
from gateway.call import Call, Subject
from gateway.events import Event, Recorded
from gateway.job import LONGEST_PAUSE, Job, Slots
from gateway.lasting import Delegation, Remembered
from gateway.run import Status
from gateway.session import Join, Keep, Line, Turn
from gateway.store.wanted import ALL, Wanted
from gateway.task import Task
from gateway.values import value

__all__ = ["Again", "Change", "Claim", "Conclude", "Consume", "Enqueue", "Finish", "Fire", "Follow", "Lease", "Once"]
__all__ += ["Open", "Recall", "Reserve", "Restore", "RunRow", "Seq", "Settle", "Store", "Unchanged", "run_account"]
__all__ += ["title_of"]


@value(frozen=True, slots=True)
class Lease:
    """The right to drive a run. `epoch` is the fencing token: it grows with every owner."""

    run_id: str
    owner: str
    epoch: int


def _nobody(_owner: str) -> bool:
    return False


@value(frozen=True, slots=True)
class Claim:
    """Somebody who wants to drive the next run that may be begun, for so many seconds without a heartbeat.

    Only runs of these `agents` (None: of all), and only `run_id` if it is given. `dead` says which owners are known to
    be gone. A run whose lease is over `takes_over` means too: its owner may be gone, or only cut off for a moment.
    """

    owner: str
    seconds: float
    slots: Slots = field(default_factory=Slots)
    agents: frozenset[str] | None = None
    dead: Callable[[str], bool] = _nobody
    takes_over: bool = True
    run_id: str | None = None


@value(frozen=True, slots=True)
class Enqueue:
    """Workers are to drive the run, which is queued with this."""

    job: Job


@value(frozen=True, slots=True)
class Fire:
    """A schedule fires at a moment, in milliseconds since 1970: once, else the whole append fails (AlreadyUsed). So it
    does where the run of this moment is there, or was deleted.
    """

    schedule: str
    moment: int
    run_id: str


@value(frozen=True, slots=True)
class Reserve:
    """Hold an amount back from an account, if it fits below the limits; else the whole append fails.

    `proviso` is that of an account that is not a run's own.
    """

    account: str
    amount: Spend
    limits: Limits
    proviso: Proviso | None = None


@value(frozen=True, slots=True)
class Settle:
    """Give a reservation back, and count what was really spent.

    An error with the name `failure` counts with others of that name only: the account has as many as the most frequent.
    """

    account: str
    reserved: Spend
    spent: Spend
    failure: str = ""


@value(frozen=True, slots=True)
class Open:
    """Put a question to people, unless `most` of this run are open already (TooManyQuestions). It takes the place of
    the question `instead`, or of a yes to it that is not used, which did not ask all that this one asks.
    """

    approval: Approval
    most: int | None = None
    instead: str | None = None


@value(frozen=True, slots=True)
class Consume:
    """Use an approval up: from `approved` to `consumed`, once; else the whole append fails."""

    approval_id: str


@value(frozen=True, slots=True)
class Conclude:
    """The outcome of the call that used an approval up, as a SHA-256 in hex."""

    approval_id: str
    digest: str


@value(frozen=True, slots=True)
class Recall:
    """One more call rests on a remembered answer; if that is not in force any more, the whole append fails."""

    remembered_id: str


@value(frozen=True, slots=True)
class Restore:
    """Make an approval good again, for nothing was sent on it: from `consumed` (or `approved`) to `approved`.

    `claim` is what may pick it up from now on. Where the same question stands open by then, nothing changes.
    """

    approval_id: str
    claim: str


@value(frozen=True, slots=True)
class Follow:
    """Keep a task, so that its client can ask for it."""

    task: Task


@value(frozen=True, slots=True)
class Finish:
    """The outcome of a task is recorded with this, once; else the whole append fails."""

    task_id: str


@value(frozen=True, slots=True)
class Once:
    """Use something up that is good for one time; else the whole append fails (AlreadyUsed).

    After `until`, in milliseconds since 1970, whoever gave it out does not take it any more, and it is forgotten. It
    must be the same each time that this is used, and about an hour ahead: after a clock that leaped ahead was set
    back, what is good for no longer than something that was forgotten meanwhile counts as used.
    """

    token: str
    until: int


@value(frozen=True, slots=True)
class Again:
    """Nothing came of it: what was used up once may be used again."""

    token: str


@value(frozen=True, slots=True)
class Unchanged:
    """Nothing has happened in the run since this event of it; else the whole append fails (Conflict)."""

    run_id: str
    seq: int


class Seq(int):
    """The seq of a run's last event. `at` is when it was recorded, in milliseconds since 1970 (UTC)."""

    at: int


TITLE_LENGTH = 80

Change = (
    Enqueue | Fire | Reserve | Settle | Pace | Open | Consume | Conclude | Recall | Restore | Follow | Finish | Once
    | Again | Join | Turn | Keep | Unchanged
)  # fmt: skip


@value(frozen=True, slots=True)
class RunRow:
    """A line in the list of runs. Times are milliseconds since 1970 (UTC)."""

    id: str
    status: Status
    driver: str
    user: str
    tenant: str
    agent: str | None
    title: str
    created: int
    updated: int
    seq: int
    owner: str | None
    lease_until: int


def run_account(run_id: str) -> str:
    """The account that holds what one run may spend."""
    return f"run:{run_id}"


def title_of(text: str) -> str:
    """A run's line in the list, from what it was asked for; without NUL, which PostgreSQL has in no text."""
    return " ".join(text.replace("\0", " ").split())[:TITLE_LENGTH]


class Store(Protocol):
    """Every method may raise StoreError. Ids are opaque text."""

    def now(self) -> int:
        """Milliseconds since 1970, by which all go who compare anything with a moment on record. Nobody is asked."""

    async def append(
        self, run_id: str, events: Sequence[Event], *, lease: Lease | None, changes: Sequence[Change] = ()
    ) -> int:
        """Adds events to a run (creating it with a first `Queued`) and makes the changes, all or nothing. It begins
        before the first await: who is cancelled while he waits knows that it is made all the same, before whatever he
        appends after it. Returns the run's last seq, as `Seq`. Raises IllegalEvent, LeaseLost (fenced off),
        BudgetExceeded, Conflict (an approval was used already), UnknownRun.
        """
        ...

    async def events(self, run_id: str, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        """The events with a seq above `after`, in order; the first so many. Empty for an unknown run."""
        ...

    async def run_row(self, run_id: str) -> RunRow:
        """Raises UnknownRun. A unique prefix of an id will do."""
        ...

    async def run_rows(self, limit: int = 50, wanted: Wanted = ALL) -> Sequence[RunRow]:
        """The newest first, of those that are wanted. Raises UnknownRun for one to begin behind that is none."""
        ...

    async def line(self, run_id: str) -> Line | None:
        """Where a run stands in its session; None for one that has none."""

    async def spend(self, account: str) -> Spend:
        """What is spent and reserved."""
        ...

    def known_spend(self, account: str) -> Spend | None:
        """As of this process's last commit, where known at once: what others took since is seen by the next one."""
        ...

    async def spend_since(self, first: str) -> Spend:
        """What is spent and reserved in this account and in all slices of time after it."""

    async def acquire(self, run_id: str, owner: str, seconds: float, gone: str | None = None) -> Lease | None:
        """The right to drive a run, if nobody else has it; `gone` is an owner known to be dead. Raises UnknownRun."""
        ...

    async def renew(self, lease: Lease, seconds: float) -> None:
        """Raises LeaseLost."""
        ...

    async def renew_all(self, process: str, seconds: float) -> int:
        """Renews the leases of the clients' runs that this process (`lease.process_of`) has; says how many."""
        ...

    async def release(self, lease: Lease) -> None:
        """Lets the next one in at once."""
        ...

    async def claim(self, claim: Claim) -> Lease | None:
        """The right to drive the run that is next of those that workers are to drive, if one may be begun."""
        ...

    async def ready(self, claim: Claim, most: int) -> Sequence[Job]:
        """So many of the runs that are ready, for those who bring them to workers: a claim may give another one."""
        ...

    async def lay_down(self, lease: Lease, seen: int, until: int | None = None) -> None:
        """Lets go of a run that was claimed and driven as far as it goes, to the event with the seq `seen`. One that
        waits or is paused rests until somebody does something about it, or until a moment in milliseconds since 1970;
        one to which more has happened than was seen does not. Does nothing when the lease was lost.
        """
        ...

    async def put_off(self, lease: Lease, most: int = LONGEST_PAUSE) -> None:
        """Lets go of a run that can't be driven here: it comes again in a while, after `most` milliseconds at last."""
        ...

    async def last_firing(self, schedule: str) -> int:
        """When it fired last, or else was seen first, which is now if it was never; in milliseconds since 1970."""
        ...

    async def set_back(self, schedule: str, moment: int) -> None:
        """It is as if the schedule had fired last then, where it did so later: the clock was wrong."""
        ...

    async def coming(self) -> int | None:
        """In how many milliseconds there may be something to claim, as far as is known now; None: in no time."""
        ...

    async def approval(self, approval_id: str) -> Approval:
        """Raises UnknownApproval. A unique prefix of an id will do."""
        ...

    async def claimed(self, claim: str) -> Approval | None:
        """The newest question for this claim that is open, or approved and not used, or was denied within the hour."""
        ...

    async def refused(self, call: Call) -> Approval | None:
        """The newest no of a person to exactly this call of this run."""
        ...

    async def last_like(self, approval: Approval) -> Approval | None:
        """The last call of the same tool by the same user to which people agreed and which was made."""
        ...

    async def remembered(self, call: Call) -> Sequence[Remembered]:
        """The answers in force that may count for this call, too."""
        ...

    async def standing_for(self, deputy: Subject) -> Sequence[Delegation]:
        """Who lets this person decide in his place now."""
        ...

    async def approvals(
        self, *, pending_only: bool = True, run_id: str | None = None, limit: int = 200
    ) -> Sequence[Approval]:
        """The oldest first, of all runs or of one. At most `limit`: whoever decides by their absence names a run."""
        ...

    async def decide(self, approval_id: str, decision: Said, by: str, reason: str, terms: Terms = PLAIN) -> Approval:
        """Counts what somebody says to a question: returns it, still open where more people must agree. The vote, the
        answer that it completes, and `Decided` in the run are one transaction. Raises Conflict when it was answered
        already, or when this person's word, or that of whom he stands for, counts already.
        """
        ...

    async def withdraw(self, approval_id: str, by: str, reason: str) -> bool:
        """Takes a question back that nobody needs an answer to, or an answer that was not used, and records it. Says
        whether there was anything to take back.
        """
        ...

    async def task(self, task_id: str) -> Task:
        """Raises UnknownTask."""

    async def expire(self) -> int:
        """Answers each question that nobody answered in time with `expired`, says how many, settles as in `gone`."""

    async def is_settled(self, run_id: str) -> bool:
        """Whether nothing more comes of a run that has ended: nobody is at anything, and what was lost is on record."""

    async def stopped(self) -> frozenset[str]:
        """The runs that somebody else has ended than who drives them: he has still to let go, or he is gone."""

    async def version(self) -> int:
        """A number that changes when any process has written: cheap to poll."""
