"""A call on its way: what is proposed, for which run, in which attempt; and what was admitted. Values only.

Only the pipeline makes an `Admission`, and nothing is forwarded without one.
"""

import hashlib
import math
from dataclasses import field, replace

from gateway.accounts import Bill
from gateway.approval import Approval, claim_again
from gateway.budget import Spend
from gateway.call import (
    Action,
    Allow,
    Call,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    Tool,
    Unsent,
    nothing_done,
    outcome_to_json,
)
from gateway.caller import NOBODY, Caller
from gateway.duties import Duties
from gateway.events import Admitted, Budgeted, Event, Obliged, Recognised
from gateway.gates import Facts, cost, lifted, pin
from gateway.hearing import Ear
from gateway.journal import Journal
from gateway.lasting import client_place
from gateway.offer import Offer
from gateway.profile import WHOLE, Profile
from gateway.reserving import reserves
from gateway.store import Again, Change, Conclude, Consume, Lease, Once, Recall, Reserve, Restore, run_account
from gateway.task import Task
from gateway.tracing import Place
from gateway.values import value
from gateway.verbatim import encode, whole

__all__ = ["FIRST", "Admission", "Attempt", "Proposal", "Work", "recognised", "restored"]


@value(frozen=True, slots=True)
class Work:
    """The run that a call belongs to, as far as the path needs it.

    `driven` is a run of our own loop: a spent budget pauses it, and only the same call of the same run may claim an
    approval. `seconds` is how long the run may still work. `of` is the run whose call this is, where the call has a run
    to itself: its budget is the other run's, and its result is read from the record. What is outside of
    `profile` is not there for it. Without `hints` the gates do not say which name may have
    been meant: somebody else does. `ear` hears what untrusted servers say. `client` is the name of an MCP client.
    By the `journal` everything is written where whoever drives the run keeps one. `came` is when the call came, by the
    monotonic clock: every edit of the policy that was made before counts.
    """

    place: Place
    lease: Lease | None = None
    driven: bool = False
    seconds: float | None = None
    profile: Profile = WHOLE
    of: str | None = None
    hints: bool = True
    ear: Ear | None = None
    client: str = ""
    journal: Journal | None = None
    came: float = math.inf

    @property
    def session(self) -> str:
        """The run that its questions belong to: what a client does in a session is one, however it calls itself."""
        return self.of or self.place.run_id

    @property
    def places(self) -> tuple[str, ...]:
        """Where an answer may be remembered that counts for it. A client of the same name comes back in another run."""
        own = (self.place.run_id, self.session)
        return (*own, client_place(self.client)) if self.client else own

    def caused_by(self, meta: JsonObject) -> "Work":
        """The same, with the client's place in its own trace, where its `_meta` names one."""
        if "traceparent" not in meta:
            return self
        return replace(self, place=self.place.caused_by(meta["traceparent"]))

    @property
    def account(self) -> str:
        """Where its budget is kept."""
        return run_account(self.of or self.place.run_id)

    @property
    def keeps_results(self) -> bool:
        """Whether somebody will read the result from the record, so that it is kept whole."""
        return self.driven or self.of is not None


@value(frozen=True, slots=True)
class Proposal:
    """What a model or a client wants done. `arguments` is JSON text as it came, or an object that was parsed strictly.

    `meta` is what the client said in `_meta` and goes on to the server, but for its `traceparent`, which ours replaces.
    `answers` are `inputResponses` and the server's own `requestState`, in a further round of a call that required
    input.
    """

    key: str
    path: str
    arguments: str | bytes | JsonObject
    meta: JsonObject = field(default_factory=dict)
    action: Action = "call"
    answers: JsonObject | None = None
    caller: Caller = NOBODY


@value(frozen=True, slots=True)
class Attempt:
    """A further attempt at a call that was admitted before: on the same tool, and on the approval that it used.

    `reserved` says that the reservation of the attempt before is still there, and serves for this one. `asked` says
    that the attempt before did not happen: nothing was sent, or the server answered with questions (MCP's
    `input_required`), or with an error. So it is judged like a new call, and an approval that the policy wants was not
    used up by it, unless `approval_id` says which. `answer` is the approval on
    which the call is made, or not at all: it is not asked for again. `once` is what it uses up that is good for one
    time: the answers to those questions. `bill` is what the attempt before has reserved, where its run is not all. A
    client's further attempts begin before `until`, in seconds of the monotonic clock. With `unasked`, nobody is asked:
    what people would have to agree to is not made. Nor is it made again by itself.
    """

    number: int = 1
    pin: str | None = None
    approval_id: str | None = None
    reserved: bool = False
    asked: bool = False
    answer: str | None = None
    once: Once | None = None
    bill: Bill | None = None
    until: float | None = None
    unasked: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether nobody knows what became of the attempt before."""
        return self.number > 1 and not self.asked


FIRST = Attempt()


@value(frozen=True, slots=True)
class Admission:
    """A call that every gate let through: the only thing that is ever forwarded.

    `thing` is what was judged, and `pin` that of it. `price` is what the call takes of its run's budget, `bill` what it
    takes beside it. `duties` are what the policy wants of this call, beyond that it may be made.
    """

    call: Call
    proposal: Proposal
    work: Work
    facts: Facts
    verdict: Allow
    attempt: Attempt
    thing: Tool | Offer | None
    pin: str
    price: Spend
    bill: Bill | None
    duties: Duties | None

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - all that is known of it
        cls, call: Call, proposal: Proposal, work: Work, facts: Facts, verdict: Allow, attempt: Attempt
    ) -> "Admission":
        thing, bill = facts.thing(call), facts.bill
        price = cost(call.action) if bill is None else bill.amount
        own, duties = pin(thing) if thing else "", verdict.duties
        return cls(call, proposal, work, facts, verdict, attempt, thing, own, price, bill, duties)

    @property
    def event(self) -> Admitted:
        call, approval = self.call, self.facts.approval
        return Admitted(
            key=call.key,
            path=call.path,
            arguments=call.arguments.text,
            pin=self.pin,
            policy=self.facts.policy.digest,
            reserved=self.price.to_json(),
            attempt=self.attempt.number,
            rule=self.verdict.rule,
            approval_id=approval.id if approval else self._rests_on,
            action=call.action,
        )

    @property
    def _rests_on(self) -> str | None:
        """The approval of an earlier call that counts for this one, too."""
        return self.facts.remembered.approval_id if self.facts.remembered else None

    @property
    def events(self) -> tuple[Event, ...]:
        """What is written down before anything leaves."""
        duties, bill, key = self.duties, self.bill, self.call.key
        obliged = () if duties is None else (Obliged(key, duties.to_json(), duties.rules),)
        budgeted = () if bill is None or not bill.accounts else (Budgeted(key, bill.accounts, bill.left()),)
        return (*recognised(self.call, self.facts), self.event, *obliged, *budgeted)

    @property
    def used_up(self) -> Approval | None:
        """The approval that this admission uses up. What a further attempt rides on was used up by the first."""
        return self.facts.approval if self.attempt.approval_id is None else None

    def changes(self, account: str) -> tuple[Change, ...]:
        """The reservation, and what is used up."""
        price, once = self.price, self.attempt.once
        free = self.attempt.reserved or not price.items()
        reserve: tuple[Change, ...] = () if free else (Reserve(account, price, self.work.place.limits),)
        if self.bill is not None:
            claims, paces = self.bill.claims, self.bill.paces
            reserve = (*reserve, *reserves(claims, lifted(self.call, self.facts)), *paces)
        used = (*reserve, Consume(self.used_up.id)) if self.used_up else reserve
        if self.facts.remembered is not None:
            used = (*used, Recall(self.facts.remembered.id))
        return used if once is None else (*used, once)

    def task(self, created: TaskCreated, now: float) -> Task:
        """What is kept of the task that the server made of it. `now` is seconds since 1970."""
        call, who, approval = self.call, self.call.subject, self.facts.approval
        return Task(
            id=created.id,
            run_id=call.run_id,
            key=call.key,
            user=who.user,
            agent=who.agent,
            tenant=who.tenant,
            path=call.path,
            pin=self.pin,
            arguments=call.arguments.text,
            approval_id=approval.id if approval else None,
            theirs=str(created.result["taskId"]),
            created=round(now * 1000),
        )

    def concluded(self, outcome: Outcome) -> tuple[Change, ...]:
        """What is noted beside the approval on which it was made: which outcome it led to."""
        approval = self.facts.approval
        if approval is None or nothing_done(outcome):
            return ()
        text = encode({name: whole(item) for name, item in outcome_to_json(outcome).items()})
        return (Conclude(approval.id, hashlib.sha256(text).hexdigest()),)

    def given_back(self, outcome: Outcome) -> tuple[Change, ...]:
        """What was used up for nothing: the server was not reached, or has only asked back. Answers that it refused may
        be mended.
        """
        once = self.attempt.once
        if once is None and self.used_up is None:
            return ()
        nothing = nothing_done(outcome)
        again = (Again(once.token),) if once is not None and isinstance(outcome, (Unsent, Refused)) else ()
        return (*again, *restored(self.call, self.work, self.used_up)) if self.used_up and nothing else again


def restored(call: Call, work: Work, approval: Approval) -> tuple[Change, ...]:
    """Makes an approval good again, for the same call: the one that was asked about, whoever changed it since."""
    asked = call if approval.asked_for is None else replace(call, arguments=approval.asked.arguments)
    return (Restore(approval.id, claim_again(asked, driven=work.driven)),)


def recognised(call: Call, facts: Facts) -> tuple[Event, ...]:
    """What is written down of who asked, beside what becomes of the call: nothing, where no line asks for it."""
    return (Recognised(call.key, call.subject.since),) if facts.policy.ages else ()
