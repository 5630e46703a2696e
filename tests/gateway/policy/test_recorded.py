import re

import pytest

from gateway.events import Admitted, Denied, Event, Held, Queued, Recognised, Recorded, Returned, Started
from gateway.policy.recorded import approval_of, calls_of, past
from gateway.policy.scope import RunFacts
from tests.builders import NOON, QUEUED, STARTED, asked, recorded, replied
from tests.builders import admitted as made_call

SENT = {"tool_calls": 1}
ANSWER = {"kind": "answered", "result": {"content": []}}


def record(*events: Event) -> list[Recorded]:
    start = (Queued("client", "user:ann", "acme", "agent:desk"), Started("here/1/a"))
    return [Recorded("r-1", seq, NOON + seq * 1000, event) for seq, event in enumerate((*start, *events), 1)]


def admitted(key: str, attempt: int = 1) -> Admitted:
    return Admitted(key, "shop/refund", '{"amount":5}', "pin-1", "policy-1", SENT, attempt, "policy.csv:3")


def returned(key: str, *, tainting: bool = False) -> Returned:
    return Returned(key, ANSWER, SENT, tainting)


def test_a_call_is_asked_again_with_what_the_run_had_done_until_then() -> None:
    events = record(
        admitted("c1"),
        returned("c1", tainting=True),
        Denied("c2", "shop/refund", '{"amount":900}', "permitted", "too much", "policy.csv:4"),
    )
    found = past("r-1", events, "c2")
    query = found.query
    assert (found.effect, found.gate, found.rule, found.why) == ("deny", "permitted", "policy.csv:4", "too much")
    assert (str(query.subject), query.subject.tenant) == ("user:ann via agent:desk", "acme")
    assert (query.action, query.object, query.args) == ("call", "shop/refund", {"amount": 900})
    assert query.run == RunFacts(calls=1, tainted=True, servers=frozenset({"shop"}))
    assert query.now.timestamp() * 1000 == found.at == NOON + 5000


def test_since_when_its_subject_had_been_recognised_is_known_where_it_was_asked_for() -> None:
    events = record(Recognised("c1", 17.5), admitted("c1"), admitted("c2"))
    assert past("r-1", events, "c1").query.subject.since == 17.5
    assert past("r-1", events, "c2").query.subject.since is None


def test_the_first_call_had_nothing_before_it() -> None:
    found = past("r-1", record(admitted("c1"), returned("c1", tainting=True)), "c1")
    assert (found.effect, found.policy, found.pin) == ("allow", "policy-1", "pin-1")
    assert found.query.run == RunFacts()


def test_calls_that_were_on_their_way_count_and_the_call_itself_does_not() -> None:
    events = record(admitted("c1"), admitted("c2"), admitted("c3"), returned("c1"))
    assert past("r-1", events, "c2").query.run.calls == 1
    assert past("r-1", events, "c3").query.run.calls == 2
    again = record(admitted("c1"), returned("c1"), admitted("c2"), admitted("c1", attempt=2))
    assert past("r-1", again, "c1").query.run.calls == 2


def test_the_run_of_an_agent_counts_what_its_model_took() -> None:
    told: list[Event] = [QUEUED, STARTED, asked(1, tokens=500), replied(1, "shop/refund", tokens=40), made_call(1)]
    found = past("r-1", recorded(told), "t1/call/1")
    assert (found.query.run.tokens, found.query.run.calls) == (40, 0)


def test_a_held_call_has_its_arguments_in_its_approval() -> None:
    events = record(Held("c1", "shop/refund", "A-1", "look", "policy.csv:5"))
    assert approval_of(events, "c1") == "A-1"
    found = past("r-1", events, "c1", '{"amount":7}')
    assert (found.effect, found.query.args) == ("ask", {"amount": 7})
    assert approval_of(record(admitted("c1")), "c1") is None
    assert calls_of([*events]) == ["c1"]


@pytest.mark.parametrize(
    ("events", "key", "said"),
    [
        ([admitted("c1")], "c3", "run `r-1` has no call `c3`; known: `c1`"),
        ([], "c3", "none was decided"),
        ([Denied("c1", "a/b", '{"a":', "valid", "x", whole={"bytes": 9})], "c1", "give them with --args"),
        ([Denied("c1", "a/b", '{"a":', "valid", "x")], "c1", "could not be read then, either"),
    ],
)
def test_what_can_not_be_asked_again_is_told(events: list[Event], key: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        past("r-1", record(*events), key)


def test_it_is_known_of_an_agents_run_where_a_value_came_from_and_of_a_clients_it_is_not() -> None:
    heard = Returned(
        "t1/call/1", {"kind": "answered", "result": {"content": ["eve@evil.example"]}}, SENT, tainting=True
    )
    events = recorded(
        [QUEUED, STARTED, asked(1), replied(1, "shop/a"), made_call(1), heard, asked(2), replied(2, "shop/b")]
    )
    no = Denied("t2/call/1", "shop/b", '{"to":"eve@evil.example"}', "permitted", "no")
    sources = past("r-1", [*events, Recorded("r-1", len(events) + 1, NOON + 99_000, no)], "t2/call/1").query.run.sources
    assert sources is not None
    found = sources.origin("eve@evil.example")
    assert found is not None
    assert (found.server, found.key) == ("shop", "t1/call/1")
    assert past("r-1", record(admitted("c1")), "c1").query.run.sources is None
