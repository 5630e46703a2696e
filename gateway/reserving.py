"""Claims and bills as changes of the store: reserved with the admission, settled with the outcome. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from gateway.accounts import Bill, Claim, tells_errors_apart
from gateway.budget import Limits, Spend
from gateway.call import Answered, Outcome, TaskCreated, nothing_done
from gateway.failures import failure_of
from gateway.standing import Held
from gateway.store import Change, Reserve, Settle

__all__ = ["charged", "reserves", "settled", "settled_in", "settled_of_lost"]

_FREE = Limits()


def reserves(found: Sequence[Claim], agreed: AbstractSet[str] = frozenset()) -> tuple[Change, ...]:
    """The reservations. `agreed` names the limits that people have let it pass (`Claim.limit`)."""
    return tuple(Reserve(one.account.name, one.amount, _limits(one, agreed), one.account.proviso) for one in found)


def settled(bill: Bill, outcome: Outcome, millis: int) -> tuple[Change, ...]:
    """What really was spent of each account. `millis` is how long it took."""
    spent = charged(bill, outcome)
    spent = replace(spent, millis=millis) if spent.items() else spent
    return settled_in(bill.accounts, spent, failure_of(outcome) if spent.errors else "")


def charged(bill: Bill, outcome: Outcome) -> Spend:
    """What was not sent, or only asked back, costs nothing; all else that left counts, whatever came of it."""
    if nothing_done(outcome):
        return Spend()
    fine = isinstance(outcome, TaskCreated) or (isinstance(outcome, Answered) and not outcome.is_error)
    return replace(bill.amount, errors=0 if fine else 1, nanos=bill.toll.charged(outcome))


def settled_in(
    accounts: Mapping[str, Mapping[str, int]], spent: Spend | None = None, failure: str = ""
) -> tuple[Change, ...]:
    """What was reserved of these accounts, settled by what was spent. Without a word about that, it counts as made.

    `failure` names what went wrong, for accounts that tell errors apart.
    """
    return tuple(_settled(name, Spend.from_json(amount), spent, failure) for name, amount in accounts.items())


def _settled(account: str, reserved: Spend, spent: Spend | None, failure: str) -> Settle:
    told = failure if failure and reserved.errors and tells_errors_apart(account) else ""
    return Settle(account, reserved, reserved if spent is None else spent.like(reserved), told)


def settled_of_lost(account: str, held: Held) -> tuple[Change, ...]:
    """Of all calls of a run whose process was killed, and that have no answer: they count as made. `account` is the
    run's own, `held` what they had reserved.
    """
    found: list[Change] = []
    for own, accounts in held.values():
        found += [Settle(account, own, own), *settled_in(accounts)]
    return tuple(found)


def _limits(claim: Claim, agreed: AbstractSet[str]) -> Limits:
    limits = claim.budget.limits
    if claim.budget.then == "tell":
        return _FREE
    passed = [unit for unit in limits.units if claim.limit(unit) in agreed] if claim.budget.then == "ask" else []
    return replace(limits, **dict.fromkeys(passed)) if passed else limits
