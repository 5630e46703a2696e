"""What asks for people about a call: lines of the policy, and limits that people may let it pass. Pure.

An answer lifts what it was asked for, and nothing that asks besides. So each reason has a name: the same as long as it
is the same line, whatever stands above it and however it is explained, or the same limit of the same account, whichever
window it is in.
"""

import hashlib
from collections.abc import Sequence

from gateway.accounts import Bill
from gateway.policy import Policy, Query
from gateway.values import value

__all__ = ["Reason", "of_limits", "of_lines"]


@value(frozen=True, slots=True)
class Reason:
    """`why` is for people; `where` is the place of a line, `policies/policy.csv:12`."""

    name: str
    why: str
    where: str | None = None


def of_lines(policy: Policy, query: Query) -> Sequence[Reason]:
    """The `ask` lines that take part, the user's before the agent's."""
    return [
        Reason(f"line:{hashlib.sha256(repr(rule.key).encode()).hexdigest()}", rule.why, rule.where)
        for rule in policy.asking(query)
    ]


def of_limits(bill: Bill | None) -> Sequence[Reason]:
    """The limits that the call would pass, and that people may let it pass."""
    if bill is None:
        return ()
    asking = (claim for claim in bill.claims if claim.budget.then == "ask")
    return [Reason(claim.limit(unit), claim.why(unit)) for claim in asking for unit in claim.passed]
