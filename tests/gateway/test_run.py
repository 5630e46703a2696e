"""A run is the fold of its events; what the table does not have may not happen."""

import copy
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.budget import Limits, Spend
from gateway.call import Refused, Subject, Unsent
from gateway.conversation import (
    AnswerRejected,
    Carried,
    Compacted,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.errors import IllegalEvent
from gateway.events import (
    EVENTS,
    Budgeted,
    Cancelled,
    Event,
    Failed,
    Imported,
    LimitsRaised,
    Obliged,
    Paused,
    Recognised,
    Recorded,
    Resumed,
    Succeeded,
    Waited,
)
from gateway.later import Deferred, Notified, Slept, Woke
from gateway.run import ENDED, TRANSITIONS, Run, Status, after, apply, fold
from gateway.weight import weight
from tests.builders import (
    CLIENT,
    NOON,
    QUEUED,
    STARTED,
    admitted,
    asked,
    decided,
    denied,
    doubted,
    failed,
    folded,
    held,
    limited,
    lost,
    made,
    play,
    recorded,
    replied,
    resolved,
    returned,
    said,
    texts,
    wanted,
)

SAMPLES: Mapping[type[Event], Event] = {
    type(event): event
    for event in (
        QUEUED, STARTED, asked(2, tokens=9), replied(2, "shop/order"), failed(1), denied(1), held(1), decided(1),
        Recognised("t1/call/1", 1764115200.5), admitted(1), Obliged("t1/call/1", {"dry_run": True}),
        Budgeted("t1/call/1", {"budget:team|": {"tool_calls": 1}}), returned(1), doubted(1), resolved(1, "happened"),
        Waited("approval"), Paused("budget", "spent"), LimitsRaised({"turns": 9}, "user:ann"),
        Resumed("it was resumed"), Succeeded("done"), Failed("server", "broken"), Cancelled("user:ann"),
        UserSpoke("more", "user:ann"), Interrupted("user:ann"), Pinned("a fact", "user:ann"),
        ModelChosen("other", "user:ann"), Searched("t1/call/1", "refund", ["shop/refund"], ()),
        Compacted(2, 3, 1, "in short", 100), AnswerRejected(1, "", "odd"), Carried({"run": "r-0", "seq": 9}, [], 0),
        Deferred("t1/call/1", NOON, 1), Slept("t1/call/1", NOON), Woke("t1/call/1"), Notified("paid", "{}", "user:bob"),
        Imported("user:ann"),
    )
}  # fmt: skip

WORKING = (QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"))
RUNS: Mapping[Status | None, Run] = {
    None: Run("r-1"),
    "queued": folded(QUEUED),
    "running": folded(*WORKING),
    "waiting": folded(*WORKING, held(1), Waited("approval")),
    "paused": folded(*WORKING, Paused("budget", "spent", "turns")),
    "succeeded": folded(QUEUED, STARTED, *said(1, "yes"), Succeeded("yes")),
    "failed": folded(QUEUED, STARTED, Failed("server", "broken")),
    "cancelled": folded(*WORKING, admitted(1), Cancelled("user:ann")),
}

# ---- the table

ALLOWED: Mapping[Status | None, Mapping[str, Status]] = {
    None: {"queued": "queued"},
    "queued": {
        **dict.fromkeys(("carried", "limits_raised", "pinned", "notified", "imported"), "queued"),
        "started": "running",
        "paused": "paused",
        "cancelled": "cancelled",
    },
    "running": {
        **dict.fromkeys(
            (
                "started", "model_asked", "model_answered", "model_failed", "denied", "held", "decided", "admitted",
                "recognised", "obliged", "budgeted", "returned", "doubted", "resolved", "limits_raised",
                "user_spoke", "pinned", "model_chosen", "searched", "compacted", "deferred", "slept", "woke",
                "notified", "answer_rejected", "imported",
            ),
            "running",
        ),
        "interrupted": "waiting",
        "waited": "waiting",
        "paused": "paused",
        "succeeded": "succeeded",
        "failed": "failed",
        "cancelled": "cancelled",
    },
    "waiting": {
        **dict.fromkeys(("started", "decided", "resolved", "limits_raised", "imported"), "waiting"),
        **dict.fromkeys(("user_spoke", "pinned", "model_chosen", "interrupted", "notified"), "waiting"),
        "paused": "paused",
        "resumed": "running",
        "cancelled": "cancelled",
    },
    "paused": {
        **dict.fromkeys(("started", "decided", "resolved", "limits_raised", "imported"), "paused"),
        **dict.fromkeys(("user_spoke", "pinned", "model_chosen", "notified"), "paused"),
        **dict.fromkeys(("returned", "deferred", "model_answered", "model_failed", "paused"), "paused"),
        "resumed": "running",
        "cancelled": "cancelled",
    },
    "succeeded": dict.fromkeys(("deferred", "returned", "resolved", "decided", "imported"), "succeeded"),
    "failed": dict.fromkeys(("deferred", "returned", "doubted", "resolved", "decided", "imported"), "failed"),
    "cancelled": dict.fromkeys(
        ("deferred", "returned", "doubted", "resolved", "model_answered", "model_failed", "imported"), "cancelled"
    ),
}  # fmt: skip

EVERY_ENTRY = [(status, name) for status in RUNS for name in EVENTS]


@pytest.mark.parametrize(("status", "name"), EVERY_ENTRY)
def test_what_the_table_has_leads_where_it_says_and_what_it_has_not_changes_nothing(
    status: Status | None, name: str
) -> None:
    run, event = RUNS[status], SAMPLES[EVENTS[name]]
    before = copy.deepcopy(run)
    follows = ALLOWED[status].get(name)
    if follows is None:
        with pytest.raises(IllegalEvent, match=rf"^`{name}` may not follow in a run that is {status or 'not queued'}$"):
            apply(run, Recorded("r-1", run.seq + 1, NOON + 999, event))
    else:
        assert apply(run, Recorded("r-1", run.seq + 1, NOON + 999, event)).status == after(status, event) == follows
    assert run == before


def test_the_table_here_and_the_table_there_are_of_the_same_size() -> None:
    assert set(TRANSITIONS) == set(RUNS)
    assert sum(map(len, TRANSITIONS.values())) == sum(map(len, ALLOWED.values()))


def test_what_has_ended_stays_ended() -> None:
    assert all(set(TRANSITIONS[status].values()) == {status} for status in ENDED)


# ---- what a run becomes


def test_a_run_begins_with_what_was_asked_and_by_whom() -> None:
    run = folded(limited(turns=3, tokens=100))
    assert (run.status, run.seq, run.model, run.input) == ("queued", 1, "scripted:demo", "What time is it?")
    assert run.subject == Subject("user:ann", "acme", "agent:support")
    assert run.limits == Limits(turns=3, tokens=100)
    assert run.messages == ({"role": "user", "parts": [{"kind": "text", "text": "What time is it?"}]},)
    assert (run.created, run.updated) == (NOON + 1, NOON + 1)


def test_results_join_the_conversation_in_the_order_of_the_calls_and_side_by_side() -> None:
    run = play(
        QUEUED,
        STARTED,
        *wanted(1, "shop/a", "shop/b", "shop/c"),
        admitted(1),
        admitted(2),
        admitted(3),
        returned(3, "third"),
        returned(1, "first"),
    )
    assert len(run.messages) == 2
    run = play(returned(2, "second"), run=run)
    assert [message["role"] for message in run.messages] == ["user", "assistant", "tool"]
    assert texts(run.messages[-1]) == ["first", "second", "third"]
    assert [part["call_id"] for part in run.messages[-1]["parts"]] == ["c1.1", "c1.2", "c1.3"]
    assert run.calls == {}


def test_every_call_gets_a_result_whatever_became_of_it() -> None:
    run = folded(
        QUEUED,
        STARTED,
        *wanted(1, *["shop/x"] * 6),
        denied(1),
        held(2),
        decided(2, "denied"),
        held(3),
        decided(3, "expired"),
        *made(4, "fine"),
        admitted(5),
        returned(5, Unsent("it is down")),
        admitted(6),
        lost(6),
        doubted(6),
        resolved(6, "give_up"),
    )
    assert texts(run.messages[-1]) == [
        "Denied: refunds are not yours (rule policy.csv:4). Do not retry this call.",
        "Denied by user:bob: because. Do not retry this call.",
        "Denied: nobody approved this call in time. Do not retry this call.",
        "fine",
        "The call was not sent: it is down. It is safe to try again later.",
        "Nobody knows whether this call took effect; user:bob gave it up: looked it up. Do not retry this call.",
    ]
    assert run.denials == 1


def test_a_server_that_is_away_has_denied_nothing() -> None:
    away = replace(denied(1), gate="reachable", why="server `shop` is not available")
    assert folded(QUEUED, STARTED, *wanted(1, "shop/x"), away).denials == 0


def test_a_call_that_did_happen_after_all_is_no_error() -> None:
    run = folded(QUEUED, STARTED, *wanted(1, "shop/x"), admitted(1), doubted(1), resolved(1, "happened"))
    (part,) = run.messages[-1]["parts"]
    assert part["is_error"] is False
    assert texts(run.messages[-1]) == [
        "No answer came from the tool, but user:bob confirms that the call took effect: looked it up."
    ]


def test_a_reply_that_was_cut_is_kept_as_words_and_makes_no_calls() -> None:
    cut = replace(replied(1, "shop/refund", finish="length"), calls=())
    run = folded(QUEUED, STARTED, asked(1), cut)
    assert run.calls == {}
    assert run.finish == "length"
    assert run.messages[-1]["role"] == "assistant"


def test_the_calls_of_a_client_are_recorded_and_not_driven() -> None:
    run = folded(CLIENT, STARTED, *made(1), held(2), decided(2), Succeeded(""), returned(3))
    assert (run.status, run.calls, run.messages) == ("succeeded", {}, ())
    assert run.spend == Spend(tool_calls=2)


def test_a_run_that_has_read_what_nobody_vouches_for_stays_tainted() -> None:
    run = folded(*WORKING, admitted(1), replace(returned(1), tainting=True))
    assert run.tainted
    assert play(*made(2), run=run).tainted
    assert not folded(*WORKING, *made(1), *made(2)).tainted


def test_a_run_has_read_from_the_servers_that_said_anything_to_it() -> None:
    shop = replace(admitted(1), path="shop/refund")
    mail, unsent = replace(admitted(2), path="mail/send"), returned(2, Unsent("the server is away"))
    assert folded(CLIENT, STARTED, shop, mail, returned(2)).servers == frozenset({"mail"})
    assert folded(CLIENT, STARTED, shop, mail, unsent, returned(1, Refused(-32602, "no"))).servers == frozenset(
        {"shop"}
    )
    assert folded(CLIENT, STARTED, shop, lost(1), mail, doubted(2)).servers == frozenset()
    assert folded(*WORKING, *made(1)).servers == frozenset({"shop"})


def test_what_a_clients_call_was_sent_to_is_kept_only_while_it_is_under_way() -> None:
    assert folded(CLIENT, STARTED, admitted(1)).sent == {"t1/call/1": "shop"}
    assert folded(CLIENT, STARTED, admitted(1), returned(1), admitted(2), doubted(2)).sent == {}


def test_what_was_read_in_the_run_before_is_brought_along() -> None:
    assert folded(replace(CLIENT, servers=["mail"]), STARTED, *made(1)).servers == frozenset({"mail", "shop"})
    unknown = folded(replace(CLIENT, servers=None), STARTED, *made(1))
    assert unknown.servers is None


# ---- answers find only the call that waits for them


@pytest.mark.parametrize(
    "so_far",
    [
        (held(1), decided(1), admitted(1, approval_id="A-1.1")),  # under way
        (held(1), decided(1), *made(1)),  # done
        (held(1, approval_id="A-new"),),  # asks something else now
        (denied(1),),
        (),
    ],
)
@pytest.mark.parametrize("decision", ["approved", "denied", "expired"])
def test_a_late_answer_moves_no_call_that_has_gone_on(so_far: Sequence[Event], decision: Any) -> None:
    run = folded(*WORKING, *so_far)
    again = play(decided(1, decision), run=run)
    assert (again.calls, again.messages) == (run.calls, run.messages)


@pytest.mark.parametrize("so_far", [(admitted(1),), (admitted(1), lost(1)), made(1), (held(1),), ()])
@pytest.mark.parametrize("resolution", ["happened", "did_not_happen", "give_up"])
def test_a_call_that_is_not_in_doubt_cant_be_resolved_under_the_hands_of_its_worker(
    so_far: Sequence[Event], resolution: Any
) -> None:
    run = folded(*WORKING, *so_far)
    again = play(resolved(1, resolution), run=run)
    assert (again.calls, again.messages) == (run.calls, run.messages)


def test_answers_are_keyed_by_call_when_two_wait_in_one_turn() -> None:
    run = folded(*WORKING, held(1), held(2), Waited("approval"), decided(2, "denied"), decided(1))
    assert [call.status for call in run.calls.values()] == ["approved", "done"]


# ---- what it costs


def test_what_is_reserved_counts_until_it_is_settled() -> None:
    run = folded(QUEUED, STARTED, asked(1, turns=1, tokens=500))
    assert (run.reserved, run.spend.tokens) == (Spend(turns=1, tokens=500), 0)
    run = play(replied(1, "shop/a", "shop/b", turns=1, tokens=120), run=run)
    assert run.reserved == Spend()
    assert (run.spend.turns, run.spend.tokens) == (1, 120)
    run = play(admitted(1), admitted(2), run=run)
    assert run.reserved == Spend(tool_calls=2)
    run = play(returned(1), doubted(2), run=run)
    assert (run.reserved, run.spend.tool_calls) == (Spend(), 1)


def test_a_model_call_that_failed_costs_what_it_says() -> None:
    event = replace(failed(1), spent={"turns": 1})
    run = folded(QUEUED, STARTED, asked(1, turns=1, tokens=500), event)
    assert (run.reserved, run.spend.turns, run.spend.tokens) == (Spend(), 1, 0)


SECOND, DAY = 1_000, 86_400_000


@pytest.mark.parametrize(
    ("lines", "worked"),
    [
        ((QUEUED, 5 * SECOND, STARTED, 1, asked(1)), 1),  # not while it waits in a queue
        ((QUEUED, STARTED, asked(1), 3 * SECOND, replied(1, say="x")), 3 * SECOND),
        ((*WORKING, held(1), Waited("approval"), DAY, decided(1), DAY, Resumed("people answered"), 7, admitted(1)), 7),
        ((*WORKING, Paused("budget", "spent"), DAY, Resumed("it was resumed"), 7, admitted(1)), 7),
        ((*WORKING, 2, admitted(1), DAY, STARTED, 3, returned(1)), 5),  # not between a crash and the take-over
        ((*WORKING, 2, held(1), DAY, decided(1), DAY, STARTED, 3, admitted(1)), 5),  # answered while nobody drove it
        ((*WORKING, 2, held(1), DAY, LimitsRaised({}, "user:ann"), DAY, STARTED, 3, admitted(1)), 5),
        ((*WORKING, held(1), admitted(2), 40, decided(1), 20, returned(2)), 60),  # answered while it was at work
        ((*WORKING, 5, admitted(1), DAY, Cancelled("user:ann")), 5),
        ((*WORKING, 5, admitted(1), -DAY, returned(1), 5, admitted(2)), 10),  # the clock was set back
        ((CLIENT, STARTED, DAY, *made(1)), 0),  # a client's time is its own
    ],
)
def test_only_time_at_work_counts(lines: Sequence[Event | int], worked: int) -> None:
    assert play(*lines).spend.millis == worked


def test_time_at_work_goes_on_between_two_events() -> None:
    run = play(QUEUED, STARTED, 10, asked(1))
    assert run.worked(run.updated + 5) == 15
    assert run.worked(run.updated - 99) == 10


def test_a_turn_begins_when_the_model_is_asked_first() -> None:
    run = play(QUEUED, STARTED, 10, asked(1), 10, failed(1), 10, asked(1), 10, *wanted(2, "shop/a"), 10, admitted(1))
    assert (run.turn, run.turn_began) == (2, NOON + 40)


# ---- the fold


LONG = (
    limited(millis=10 * DAY),
    STARTED,
    asked(1, tokens=9),
    failed(1),
    asked(1, tokens=9),
    replied(1, "shop/a", "shop/b"),
    *made(1),
    held(2),
    Waited("approval"),
    decided(2),
    Resumed("people answered"),
    admitted(2),
    lost(2),
    doubted(2),
    resolved(2, "happened"),
    Paused("budget", "spent", "turns"),
    LimitsRaised({"turns": 9}, "user:ann"),
    Resumed("it was resumed"),
    *said(2, "done"),
    Succeeded("done"),
)


@given(st.lists(st.integers(0, len(LONG)), max_size=4))
def test_a_run_may_be_folded_in_any_number_of_parts(cuts: list[int]) -> None:
    events, run = recorded(LONG), Run("r-1")
    edges = [0, *sorted(cuts), len(LONG)]
    for begin, end in itertools.pairwise(edges):
        run = fold("r-1", events[begin:end], run)
    assert run == fold("r-1", events)


def test_applying_an_event_leaves_the_run_before_it_as_it_was() -> None:
    run = Run("r-1")
    for event in recorded(LONG):
        before = copy.deepcopy(run)
        following = apply(run, event)
        assert run == before
        run = following


def turns(count: int) -> list[Recorded]:
    pairs = ((*wanted(n, "shop/a", "shop/b"), *made(1, turn=n), *made(2, turn=n)) for n in range(1, count + 1))
    return recorded([QUEUED, STARTED, *(event for events in pairs for event in events)])


def test_two_hundred_turns_have_all_their_messages() -> None:
    run = fold("r-1", turns(200))
    assert (len(run.messages), run.turn, run.seq) == (1 + 2 * 200, 200, 2 + 6 * 200)
    assert run.size == sum(map(weight, run.messages))


def test_the_work_of_folding_grows_with_the_events_and_no_faster() -> None:
    few, many = _steps_of_python(turns(50)), _steps_of_python(turns(200))
    assert many < 4.1 * few


def _steps_of_python(events: list[Recorded]) -> int:
    """How many functions are called: the same on every machine."""
    calls = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        fold("r-1", events)
    finally:
        sys.setprofile(before)
    return calls


def test_the_size_of_a_conversation_is_counted_in_bytes_and_survives_any_text() -> None:
    plain, wide = folded(replace(QUEUED, input="aa")), folded(replace(QUEUED, input="時間"))
    assert wide.size - plain.size == 4
    assert folded(replace(QUEUED, input="\ud800")).size > plain.size - 2


def test_there_is_a_sample_of_every_event() -> None:
    assert set(SAMPLES) == set(EVENTS.values())


def test_a_person_who_pauses_a_run_is_heeded_until_somebody_resumes_it() -> None:
    paused = (*WORKING, Paused("person", "lunch", by="user:ann"))
    assert folded(*paused).paused == "person"
    for later in (Paused("budget", "spent", "turns"), Paused("interrupted", "it was interrupted")):
        assert folded(*paused, later).paused == "person"
    assert folded(*paused, Resumed("it was resumed", "user:ann")).paused is None
