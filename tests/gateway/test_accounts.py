"""Which budgets count a use, in which account, and what is left."""

from datetime import UTC, datetime

import pytest

from gateway.accounts import Account, Bill, Budget, Claim, Pace, Proviso, Rate, Scope, Use, budget_of, claims, told
from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.windows import Window

NOON = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
ANN = Use("r-1", Subject("user:ann", "acme", "agent:clerk"), roles=frozenset({"role:a", "role:b"}), path="shop/refund")
ASKS = Use("r-1", Subject("user:ann", "acme"), driven=True, model="gpt")
ONE = Limits(tool_calls=1)
A_CALL = Spend(tool_calls=1)


def names(budget: Budget, use: Use = ANN) -> list[str]:
    return [account.name for account in budget.accounts(use, NOON)]


@pytest.mark.parametrize(
    ("budget", "accounts"),
    [
        (Budget("b", ONE), ["budget:b|"]),
        (Budget("b", ONE, Scope(("subject",))), ["budget:b|tenant=acme,subject=user:ann"]),
        (Budget("b", ONE, Scope(("agent", "tool"))), ["budget:b|tenant=acme,agent=agent:clerk,tool=shop/refund"]),
        (Budget("b", ONE, Scope(("tenant",))), ["budget:b|tenant=acme"]),
        (Budget("b", ONE, Scope(("server",))), ["budget:b|server=shop"]),
        (Budget("b", ONE, Scope(("role",))), ["budget:b|tenant=acme,role=role:a", "budget:b|tenant=acme,role=role:b"]),
        (Budget("b", ONE, Scope(("role",), {"role": ("role:b",)})), ["budget:b|tenant=acme,role=role:b"]),
        (Budget("b", ONE, Scope(("run",))), ["budget:b|run=r-1"]),
        (Budget("b", ONE, Scope(("session",))), ["budget:b|session=r-1"]),
        (Budget("b", ONE, Scope(("model",))), []),
        (Budget("b", ONE, Scope((), {"tool": ("shop/*",)})), ["budget:b|"]),
        (Budget("b", ONE, Scope((), {"tool": ("shop/*",), "tenant": ("other",)})), []),
        (Budget("b", ONE, window=Window("minute")), ["budget:b||00001795694400"]),
    ],
)
def test_a_budget_has_an_account_for_each(budget: Budget, accounts: list[str]) -> None:
    assert names(budget) == accounts


def test_a_run_of_ours_is_no_session() -> None:
    assert names(Budget("b", ONE, Scope(("session",))), ASKS) == []


def test_a_name_cannot_be_written_so_that_it_is_another_account() -> None:
    forged = Use("r", Subject("user:ann,tool=shop/refund|x", "acme"), path="shop/search")
    (name,) = names(Budget("b", ONE, Scope(("subject", "tool"))), forged)
    assert name == "budget:b|tenant=acme,subject=user:ann%2Ctool%3Dshop/refund%7Cx,tool=shop/search"


def test_people_are_told_an_account_in_short() -> None:
    arguments = "arguments=shop/refund#" + "ab" * 32
    assert told(f"run=r-1,{arguments}") == "run=r-1,arguments=shop/refund#abababababab"
    assert told("run=r-1,tool=shop/refund,error=each") == "run=r-1,tool=shop/refund,the same error"
    assert told("subject=user:ann") == "subject=user:ann"


def test_only_what_is_limited_is_claimed() -> None:
    budgets = [Budget("money", Limits(nanos=5)), Budget("calls", ONE)]
    (claim,) = claims(budgets, ANN, Spend(tool_calls=1, errors=1), NOON)
    assert (claim.budget.name, claim.amount) == ("calls", A_CALL)


def a_claim(taken: int, then: str = "deny", limit: int = 10) -> Claim:
    budget = Budget("b", Limits(tool_calls=limit), then=then)  # type: ignore[arg-type]
    return Claim(budget, Account("budget:b|", Proviso("`b`")), A_CALL, Spend(tool_calls=taken))


def test_what_nobody_can_agree_to_comes_before_what_people_are_asked_about() -> None:
    ask, deny, tell = a_claim(10, "ask"), a_claim(10), a_claim(10, "tell")
    assert Bill(A_CALL, (tell, ask, deny)).over == (deny, "tool_calls")
    assert Bill(A_CALL, (tell, ask)).over == (ask, "tool_calls")
    assert Bill(A_CALL, (tell, a_claim(9))).over is None


@pytest.mark.parametrize(
    ("taken", "left", "low"), [(0, 9, False), (6, 3, False), (7, 2, True), (9, 0, True), (20, 0, True)]
)
def test_a_budget_runs_low_from_its_level_on(taken: int, left: int, low: bool) -> None:
    (told,) = a_claim(taken).left()
    assert told == {"budget": "b", "unit": "tool_calls", "left": left, "limit": 10, "low": low}


def test_a_bill_knows_what_an_attempt_before_has_reserved() -> None:
    kept = {"budget:x|": {"tool_calls": 1}}
    assert Bill(A_CALL, (a_claim(0),), kept).accounts == {**kept, "budget:b|": {"tool_calls": 1}}


def test_a_rate_has_a_bucket_for_each() -> None:
    rate = Rate("r", 6_000_000, 10, Scope(("subject", "tool"), {"tool": ("shop/*",)}))
    key = "tenant=acme,subject=user:ann,tool=shop/refund"
    assert rate.paces(ANN) == [Pace(f"rate:r|{key}", f"`r` for {key}", 6_000_000, 10)]
    assert rate.paces(ASKS) == []


def test_the_name_of_a_budget_is_read_off_its_accounts_and_off_what_asks_and_off_nothing_else() -> None:
    counted = ["budget:team|tenant=acme|00001795262400", "budget:team|#tool_calls", "run:r-1", "rate:team|", "line:0a"]
    assert [budget_of(each) for each in counted] == ["team", "team", None, None, None]
