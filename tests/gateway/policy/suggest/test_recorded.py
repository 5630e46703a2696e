from dataclasses import replace

from gateway.approval import Approval
from gateway.call import Action, Tool
from gateway.events import Decided, Denied, Event, Held, Queued, Recorded, Returned, Started
from gateway.policy.suggest.recorded import Answered, Refused, recorded
from tests.fixtures.policies import a_tool

APPROVAL = Approval(
    id="A-1", claim="c", run_id="r-1", key="c/2", user="user:ann", agent=None, tenant="acme", path="shop/refund",
    pin="p", arguments='{"amount":900}', digest="d", policy="x", rule="policy.csv:1", why="much", created=1, expires=9,
)  # fmt: skip
QUEUED = Queued("client", "user:ann", "acme", "agent:desk")


def record(*events: Event) -> list[Recorded]:
    return [
        Recorded("r-1", seq, 1000 * seq, event) for seq, event in enumerate([QUEUED, Started("w"), *events], start=1)
    ]


def known(_action: Action, path: str) -> Tool | None:
    return a_tool(path) if path == "shop/refund" else None


def found(*events: Event, **approvals: Approval) -> list[Refused | Answered]:
    by_id = {one.id: one for one in approvals.values()}
    return list(recorded("r-1", record(*events), by_id, known))


def test_a_denial_is_the_question_that_it_was() -> None:
    tainting = Returned("c/0", {"kind": "answered", "result": {"content": []}}, {"tool_calls": 1}, tainting=True)
    (one,) = found(tainting, Denied("c/1", "shop/refund", '{"amount":5}', "permitted", "no"))
    query = one.query
    assert isinstance(one, Refused)
    assert (one.name, one.at) == ("r-1/c/1", 4000)
    assert (query.subject.user, query.subject.agent, query.subject.tenant) == ("user:ann", "agent:desk", "acme")
    assert (query.object, query.args, query.action) == ("shop/refund", {"amount": 5}, "call")
    assert (query.run.calls, query.run.tainted, query.now.isoformat()) == (1, True, "1970-01-01T00:00:04+00:00")
    assert query.tool == a_tool("shop/refund")


def test_what_other_gates_refuse_no_line_changes() -> None:
    assert found(Denied("c/1", "shop/refund", "{}", "valid", "no"), Denied("c/2", "shop/x", "{}", "known", "no")) == []


def test_a_completion_rests_on_what_may_be_read() -> None:
    assert found(Denied("c/1", "shop/greet", "{}", "permitted", "no", action="complete")) == []


def test_arguments_that_the_record_does_not_have_whole_are_not_known() -> None:
    cut = Denied("c/1", "shop/x", '{"a":1', "permitted", "no", whole={"bytes": 70000, "sha256": "0"})
    broken = replace(cut, whole=None)
    assert [one.query.args for one in found(cut, broken)] == [None, None]
    assert [one.query.tool for one in found(cut)] == [None]


def test_an_answer_of_a_person_is_kept_with_the_exact_call() -> None:
    held = Held("c/2", "shop/refund", "A-1", "much")
    decided = Decided("c/2", "A-1", "approved", "user:bob")
    yes = replace(APPROVAL, state="consumed", decided_by="user:bob")
    (one,) = found(held, decided, yes=yes)
    assert isinstance(one, Answered)
    assert (one.name, one.yes, one.by, one.query.args) == ("r-1/c/2", True, "user:bob", {"amount": 900})
    (no,) = found(held, no=replace(APPROVAL, state="denied", decided_by="user:bob"))
    assert isinstance(no, Answered)
    assert not no.yes


def test_a_question_that_nobody_answered_says_nothing() -> None:
    held = Held("c/2", "shop/refund", "A-1", "much")
    assert found(held, pending=APPROVAL) == []
    assert found(held, expired=replace(APPROVAL, state="expired")) == []
    assert found(held) == []
