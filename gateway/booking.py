"""What a call takes beside its run's budget.

Where no budget counts a call, nothing is computed: there is no `Bill`. Else the bill is a fact that the gates see; its
claims are reserved in the transaction that admits the call, and what was reserved is written down with it
(`Budgeted`), so that whoever settles it, perhaps after a crash, settles just that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.accounts import Bill, Budget, Claim, Rate, Use, claims
from gateway.admission import Work
from gateway.budget import Spend
from gateway.call import Call, Subject
from gateway.facts import aware
from gateway.gates import A_CALL
from gateway.policy import LivePolicy
from gateway.reserving import reserves
from gateway.run import Run
from gateway.store import Change, Reserve, Settle, Store
from gateway.tolls import FREE, UNKNOWN, Toll, Tolls

__all__ = ["Booking", "CurrentBudgets", "Standing"]

_QUESTION = Spend(questions=1)


class Standing(Protocol):
    """Budgets that count over many runs, and what tools cost."""

    @property
    def standing(self) -> Sequence[Budget]: ...

    @property
    def rates(self) -> Sequence[Rate]: ...

    @property
    def tolls(self) -> Tolls: ...


class CurrentBudgets(Protocol):
    """The budgets in force: another value after an edit."""

    @property
    def current(self) -> Standing: ...


@dataclass(frozen=True, slots=True)
class Booking:
    """`budgets` count calls; what is taken of their accounts is in the store."""

    budgets: CurrentBudgets
    store: Store
    policy: LivePolicy

    @property
    def counts(self) -> bool:
        """Whether there is any budget that may count a call, or any price."""
        now = self.budgets.current
        return bool(now.standing or now.rates or now.tolls.by_glob)

    async def bill(self, call: Call, work: Work, timeout: float, now: datetime) -> Bill | None:
        """What this call takes; None where nothing but its run counts it. `timeout` is in seconds."""
        if call.action != "call":
            return None
        in_force, use = self.budgets.current, self._use(call, work)
        toll = in_force.tolls.said_of(call.path) or _unsaid(in_force, use)
        amount = replace(A_CALL, nanos=toll.nanos or 0)
        most = replace(amount, errors=1, millis=round(timeout * 1000))
        found = [await self._seen(claim) for claim in claims(in_force.standing, use, most, now)]
        paces = [pace for rate in in_force.rates for pace in rate.paces(use)]
        if not found and not paces and toll == FREE:
            return None
        return Bill(amount, tuple(found), toll=toll, paces=tuple(paces))

    async def question_to_model(self, run: Run, reserved: Spend, timeout: float, model: str = "") -> Bill:
        """What one question to a model takes. `reserved` is what it takes of its run's budget; `model` is the one that
        is asked, where a run may ask several.
        """
        most = replace(reserved, millis=round(timeout * 1000))
        use = Use(run.id, run.subject, True, self._roles(run.subject), model=model or run.model)
        found = claims(self.budgets.current.standing, use, most, aware(self.store.now()))
        return Bill(reserved, tuple([await self._seen(claim) for claim in found]))

    async def question(self, call: Call, work: Work, now: datetime) -> Sequence[Change]:
        """What it takes to put a question to people: it is spent at once."""
        most = work.place.limits
        own = (Reserve(work.account, _QUESTION, most), Settle(work.account, _QUESTION, _QUESTION))
        standing = self.budgets.current.standing
        found = claims(standing, self._use(call, work), _QUESTION, now) if standing else ()
        spent = [Settle(claim.account.name, _QUESTION, _QUESTION) for claim in found]
        return (*(own if most.questions is not None else ()), *reserves(found), *spent)

    async def _seen(self, claim: Claim) -> Claim:
        """With what is taken of its account. No more time is reserved than is left: so long the call may take."""
        name, since = claim.account.name, claim.account.proviso.since
        known = self.store.known_spend(name) if since is None else None
        taken = known or await (self.store.spend(name) if since is None else self.store.spend_since(since))
        if claim.amount.millis and claim.budget.limits.millis is not None:
            left = max(1, claim.budget.limits.millis - taken.millis)
            amount = replace(claim.amount, millis=min(claim.amount.millis, left))
            return replace(claim, taken=taken, amount=amount)
        return replace(claim, taken=taken)

    def _use(self, call: Call, work: Work) -> Use:
        run_id = work.of or work.place.run_id
        roles = self._roles(call.subject)
        return Use(run_id, call.subject, work.driven, roles, call.path, call.own.digest)

    def _roles(self, who: Subject) -> frozenset[str]:
        """Those of the user and of the agent, where any budget asks for them."""
        now = self.budgets.current
        scopes = [one.scope for one in now.standing] + [one.scope for one in now.rates]
        if not any(scope.asks_for("role") for scope in scopes):
            return frozenset()
        roles, names = self.policy.glance.roles, [name for name in (who.user, who.agent) if name]
        return frozenset(role for name in names for role in roles.of_member(name, who.tenant))


def _unsaid(in_force: Standing, use: Use) -> Toll:
    """What a call costs of which no line says it: nothing, unless a budget counts its money."""
    return UNKNOWN if any(budget.wants_price(use) for budget in in_force.standing) else FREE
