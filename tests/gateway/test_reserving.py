"""Claims as changes of the store, and what is settled of them."""

import pytest

from gateway.accounts import Account, Bill, Budget, Claim, Proviso, Then
from gateway.budget import Limits, Spend
from gateway.call import PAGE_FIRST, Answered, InDoubt, InputRequired, Outcome, Refused, TaskCreated, Unsent
from gateway.reserving import reserves, settled, settled_in
from gateway.store import Reserve, Settle

MOST = Spend(tool_calls=1, errors=1, millis=60_000)
LIMITS = Limits(tool_calls=1, errors=3, millis=90_000)


def a_claim(then: Then) -> Claim:
    return Claim(Budget("b", LIMITS, then=then), Account("budget:b|", Proviso("`b`", then)), MOST)


@pytest.mark.parametrize(
    ("then", "agreed", "limits"),
    [
        ("deny", False, LIMITS),
        ("deny", True, LIMITS),
        ("stop", True, LIMITS),
        ("ask", False, LIMITS),
        ("ask", True, Limits()),
        ("tell", False, Limits()),
    ],
)
def test_people_can_let_a_call_pass_only_where_they_are_asked(then: Then, agreed: bool, limits: Limits) -> None:
    names = {"budget:b|#tool_calls", "budget:b|#errors", "budget:b|#millis"} if agreed else set[str]()
    (reserve,) = reserves([a_claim(then)], names)
    assert reserve == Reserve("budget:b|", MOST, limits, Proviso("`b`", then))


@pytest.mark.parametrize(
    ("outcome", "spent"),
    [
        (Answered({"content": []}), Spend(tool_calls=1, millis=7)),
        (Answered({"isError": True}), Spend(tool_calls=1, errors=1, millis=7)),
        (Refused(-32000, "no", None), Spend(tool_calls=1, errors=1, millis=7)),
        (InDoubt("gone"), Spend(tool_calls=1, errors=1, millis=7)),
        (TaskCreated({"taskId": "t"}, "T-1"), Spend(tool_calls=1, millis=7)),
        (Unsent("away"), Spend()),
        (InputRequired({}), Spend()),
        (Refused(PAGE_FIRST, "log in first"), Spend()),
    ],
)
def test_what_left_counts_whatever_came_of_it(outcome: Outcome, spent: Spend) -> None:
    bill = Bill(Spend(tool_calls=1), (a_claim("deny"),))
    assert settled(bill, outcome, 7) == (Settle("budget:b|", MOST, spent),)


def test_of_an_account_only_what_was_reserved_in_it_is_settled() -> None:
    accounts = {"budget:b|": {"tool_calls": 1}}
    assert settled_in(accounts, Spend(tool_calls=1, errors=1)) == (
        Settle("budget:b|", Spend(tool_calls=1), Spend(tool_calls=1)),
    )
    assert settled_in(accounts) == settled_in(accounts, Spend(tool_calls=1))
