"""What asks for people about a call, and that each reason keeps its name."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.accounts import Account, Bill, Budget, Claim, Proviso, Then
from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.policy import Query, RunFacts, parse
from gateway.reasons import of_limits, of_lines

ANN = Subject("user:ann", "acme", "agent:clerk")
RULES = """\
p, *,           *, desk/*,    call, , allow, all may
p, user:ann,    *, desk/send, call, args.amount > 10, ask, large ones
p, *,           *, desk/send, call, args.unsaid > 1, ask, nobody knows
p, agent:clerk, *, desk/*,    call, , ask, the clerk asks
p, *,           *, desk/send, call, run.tainted, ask, untrusted text
p, user:bob,    *, desk/send, call, , ask, of bob
"""


def asking(rules: str = RULES, amount: int = 20, **run: Any) -> dict[str, str]:
    query = Query(ANN, "call", "desk/send", {"amount": amount}, None, RunFacts(**run), datetime.now(UTC))
    return {reason.why: reason.name for reason in of_lines(parse(rules), query)}


def test_each_line_that_asks_the_user_or_the_agent_is_a_reason_and_what_cannot_be_decided_asks() -> None:
    assert list(asking()) == ["large ones", "nobody knows", "the clerk asks"]
    assert list(asking(amount=1, tainted=True)) == ["nobody knows", "untrusted text", "the clerk asks"]


def test_a_line_keeps_its_name_wherever_it_stands_and_however_it_is_explained_and_no_other_has_it() -> None:
    names = asking()
    assert len(set(names.values())) == len(names)
    moved = asking("# a word\n\n" + RULES.replace("large ones", "more than ten"))
    assert moved["more than ten"] == names["large ones"]
    assert asking(RULES.replace("> 10", "> 11"))["large ones"] != names["large ones"]


def claim(account: str, then: Then = "ask", **taken: int) -> Claim:
    limits = Limits(tool_calls=2, nanos=100)
    amount = Spend(tool_calls=1, nanos=50)
    return Claim(Budget("b", limits, then=then), Account(account, Proviso("`b`", then)), amount, Spend(**taken))


def test_each_limit_that_people_may_let_it_pass_is_a_reason_whichever_window_it_is_in() -> None:
    assert of_limits(None) == ()
    both = Bill(Spend(), (claim("budget:b|tenant=acme|00000000000001", tool_calls=2, nanos=90),))
    found = [reason.name for reason in of_limits(both)]
    assert found == ["budget:b|tenant=acme#tool_calls", "budget:b|tenant=acme#nanos"]
    later = replace(both, claims=(claim("budget:b|tenant=acme|00000000000002", tool_calls=2, nanos=90),))
    assert [reason.name for reason in of_limits(later)] == found
    one = replace(both, claims=(claim("budget:b|", tool_calls=2),))
    assert [(reason.name, reason.where) for reason in of_limits(one)] == [("budget:b|#tool_calls", None)]


def test_what_fits_and_what_nobody_is_asked_about_is_none() -> None:
    others = (claim("budget:b|"), claim("budget:b|", "deny", tool_calls=2), claim("budget:b|", "tell", tool_calls=2))
    assert of_limits(Bill(Spend(), others)) == []
