"""What a run has become, as values. `gateway.run` says how: it is the fold of its events. Pure."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from gateway.asked import ModelFailed
from gateway.budget import Limits, Spend
from gateway.call import JsonObject, Outcome, Subject
from gateway.conversation import WHOLE, Compaction, Purpose
from gateway.later import Notified
from gateway.transitions import Status
from gateway.values import value

__all__ = ["Answer", "CallState", "CallStatus", "Run"]

NOTHING = Spend()
CallStatus = Literal["proposed", "held", "approved", "again", "asleep", "admitted", "in_doubt", "doubted", "done"]


@value(frozen=True)  # without slots: `values.changed` copies it
class CallState:
    """Where a call of the current turn stands. `text` is set when it ended without the server's own result, `accounts`
    is what it has reserved beside its run's budget.

    One that came to nothing and is made `again`, and one that only waits (`asleep`), have the moment `until` (in
    milliseconds since 1970) before which nothing happens; one that waits for news, the name of these. `inquiries`
    counts how often somebody was asked what became of it, and `sent` are the arguments that were admitted.
    """

    key: str
    id: str
    path: str
    arguments: str
    status: CallStatus = "proposed"
    approval_id: str | None = None
    pin: str | None = None
    attempt: int = 0
    reserved: Spend = NOTHING
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    outcome: Outcome | None = None
    text: str = ""
    until: int = 0
    news: str = ""
    inquiries: int = 0
    sent: str = ""


@value(frozen=True, slots=True)
class Answer:
    """What an untrusted server said to one call of a driven run: `gateway.call.Outcome` as JSON."""

    key: str
    path: str
    outcome: JsonObject


class _Derived:
    """What was found out about a run already: `values.changed` does not copy it."""

    __slots__ = ("_taken",)
    _taken: Spend


@value(frozen=True)  # without slots: `values.changed` copies it
class Run(_Derived):
    """What a run has become. `messages` are `providers.Message`s as JSON; `calls` are those of the current turn."""

    id: str
    status: Status = "queued"
    seq: int = 0
    driver: Literal["loop", "client"] = "loop"
    subject: Subject = field(default_factory=lambda: Subject("", ""))
    model: str = ""
    input: str = ""
    limits: Limits = field(default_factory=Limits)
    created: int = 0
    updated: int = 0
    active: int = 0  # when whoever drives it last recorded something: a person's answer is nobody's work
    turn: int = 0
    turn_began: int = 0
    asked: Spend | None = None  # reserved for a model call that has no answer yet
    asked_of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # and of which accounts beside its own
    asked_model: str = ""  # by whom, where several models may be asked
    asked_for: Purpose = "answer"
    low: Mapping[str, JsonObject] = field(default_factory=dict)  # what is left of budgets that run low
    failures: tuple[ModelFailed, ...] = ()  # of the current turn's model call, in a row
    asked_again: int = 0  # the moment (milliseconds since 1970) that its backend wants to see first
    finish: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    compaction: Compaction = WHOLE  # what of them the model is told
    size: int = 0  # of what it is told of them, in bytes: what a request will about cost is read off it
    overfull: int | None = None  # the least of it, in bytes, that its model has refused as too large for its window
    draft: str = ""  # a summary that the model has written, and that is not in force yet
    draft_failed: bool = False  # it was asked for one, and could not
    conversation: bool = False  # after an answer the user goes on
    session: str = ""  # the name of the one that it belongs to
    version: int | None = 0  # of the session's memory with which it has begun; None: nobody knows
    unsaid: tuple[str, ...] = ()  # what he said while calls were open
    pinned: tuple[str, ...] = ()
    calls: Mapping[str, CallState] = field(default_factory=dict)
    asides: Mapping[str, CallState] = field(default_factory=dict)  # what was called to find out about them
    news: tuple[Notified, ...] = ()  # for which it has not waited yet
    spend: Spend = NOTHING  # settled
    denials: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)  # how often a call was made again that people had refused
    tainted: bool = False  # it has read what a server said that the admin does not trust
    servers: frozenset[str] | None = frozenset()  # those that have said anything to it; None: nobody knows which
    sent: Mapping[str, str] = field(default_factory=dict)  # of a client's run: the server of each call under way
    answers: tuple[Answer, ...] = ()  # with which it did; of a client's run the record has no whole ones
    whole: bool = True  # these are all that there were; in a long session the oldest are not kept
    cause: str = ""
    moved: str = ""  # where it goes on, if it was moved away
    budget_spent: str | None = None  # the unit for which it is paused
    budget: str | None = None  # the name of the budget over many runs that has no more of it; None: its own has not
    paused: Literal["budget", "interrupted", "person"] | None = None  # a person's word counts until he takes it back
    output_schema: JsonObject | None = None  # what its answer must fit
    rejected: int = 0  # answers in a row that did not
    output: str = ""

    @property
    def reserved(self) -> Spend:
        """What is held back for effects in flight."""
        total = self.asked or NOTHING
        for calls in (self.calls, self.asides):
            for call in calls.values():
                total = call.reserved if total is NOTHING else total + call.reserved
        return total

    @property
    def taken(self) -> Spend:
        """What it has spent, with what is held back."""
        try:
            return self._taken
        except AttributeError:
            object.__setattr__(self, "_taken", taken := self.spend + self.reserved)
            return taken

    @property
    def wakes(self) -> int | None:
        """The moment (milliseconds since 1970) at which it goes on by itself, if it waits for one."""
        return min((call.until for call in self.calls.values() if call.status == "asleep"), default=None)

    def left_alone(self, now: int) -> float:
        """For how many seconds its model still is, for it has failed; no longer than it was to be, whatever has become
        of the clock.
        """
        longest = max((failure.delay for failure in self.failures), default=0.0)
        return max(0.0, min(longest, (self.asked_again - now) / 1000))

    def worked(self, now: int) -> int:
        """Milliseconds at work until `now`, if it is being driven."""
        return self.spend.millis + max(0, now - self.active)
