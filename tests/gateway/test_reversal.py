"""What a run has done that can be undone, read off the record: what took effect, and how far it is undone."""

from collections.abc import Sequence

import pytest

from gateway.call import Answered, InDoubt, outcome_to_json
from gateway.duties import Duties
from gateway.effects import Effects, Recipe, ToolWord
from gateway.errors import StoreError
from gateway.events import (
    Admitted,
    Cancelled,
    Decided,
    Decision,
    Denied,
    Doubted,
    Event,
    Held,
    Imported,
    Obliged,
    Resolution,
    Resolved,
    Returned,
    Succeeded,
)
from gateway.reversal import Undo, copied_calls, must_be_here, settlement, undos
from tests.builders import (
    QUEUED,
    STARTED,
    admitted,
    doubted,
    folded,
    lost,
    made,
    recorded,
    resolved,
    returned,
    wanted,
)

OF_RESULT = Effects({"shop/refund": ToolWord(undo=Recipe("shop/charge", {"id": "{result.id}"}))})


def listed(*events: Event, effects: Effects = OF_RESULT, later: Sequence[Event] = ()) -> Sequence[Undo]:
    return undos(folded(*events), recorded(events), recorded(later), effects)


BEGUN = (QUEUED, STARTED, *wanted(1, "shop/refund", "shop/refund", "shop/other"))
PAID = Answered({"content": [], "structuredContent": {"id": "P-1"}})


def test_what_took_effect_can_be_undone_the_newest_first_with_what_its_result_says() -> None:
    other = Answered({"content": [], "structuredContent": {"id": "P-2"}})
    events = (*BEGUN, admitted(2), admitted(1), returned(1, PAID), returned(2, other))
    found = listed(*events)
    assert [(each.key, each.tool, each.arguments) for each in found] == [
        ("t1/call/2", "shop/charge", {"id": "P-2"}),
        ("t1/call/1", "shop/charge", {"id": "P-1"}),
    ]


def test_what_failed_or_may_have_is_not_undone_and_what_can_not_be_says_why() -> None:
    failed = Answered({"content": [], "isError": True})
    assert listed(*BEGUN, admitted(1), returned(1, failed), admitted(2), lost(2)) == []
    (found,) = listed(*BEGUN, *made(1, "paid"))
    assert (found.state, found.why, found.arguments) == ("impossible", "there is no `result.id`", None)
    (found,) = listed(*BEGUN, admitted(1), lost(1), doubted(1), resolved(1, "happened"))
    assert found.state == "impossible"
    assert listed(*BEGUN, admitted(1), lost(1), doubted(1), resolved(1, "give_up")) == []
    assert listed(*BEGUN, *made(1), effects=Effects()) == []


OF_ARGUMENTS = Effects({"shop/refund": ToolWord(undo=Recipe("shop/charge", {"key": "{key}"}))})


@pytest.mark.parametrize("came", [(), (lost(1),), (lost(1), doubted(1)), (doubted(1),)])
def test_what_nobody_knows_of_when_a_run_has_ended_is_in_doubt_before_it_can_be_undone(came: Sequence[Event]) -> None:
    other = (admitted(2), returned(2, PAID))
    story = (*BEGUN, *other, admitted(1), *came)
    assert [each.key for each in listed(*story, effects=OF_ARGUMENTS)] == ["t1/call/2"]  # somebody is at it
    story = (*story, Cancelled("user:ann"))
    doubtful, sure = listed(*story, effects=OF_ARGUMENTS)
    assert (doubtful.state, doubtful.doubted, doubtful.unsure_of, doubtful.left) == (
        "in_doubt",
        True,
        "t1/call/1",
        True,
    )
    assert "say so first" in doubtful.why
    assert (sure.key, sure.state, sure.doubted) == ("t1/call/2", "open", False)
    assert [each.state for each in listed(*story, resolved(1, "happened"), effects=OF_ARGUMENTS)] == ["open", "open"]
    words: tuple[Resolution, ...] = ("did_not_happen", "give_up")
    for word in words:
        assert [each.key for each in listed(*story, resolved(1, word), effects=OF_ARGUMENTS)] == ["t1/call/2"]


def test_what_was_only_rehearsed_has_had_no_effect() -> None:
    dry = Obliged("t1/call/1", Duties(dry_run=True).to_json())
    assert listed(*BEGUN, admitted(1), dry, returned(1, PAID)) == []
    assert listed(*BEGUN, admitted(1), dry, returned(1, PAID), doubted(1), resolved(1, "happened")) == []
    other = Obliged("t1/call/1", Duties(seconds=9).to_json())
    (found,) = listed(*BEGUN, admitted(1), other, returned(1, PAID))
    assert found.arguments == {"id": "P-1"}


def test_of_a_run_that_was_moved_away_nothing_can_be_undone_here() -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID))
    away = Cancelled("user:ann", "moved to there.json", "there.json")
    assert listed(*story, away) == []
    assert len(listed(*story, Cancelled("user:ann", "moved to ticket 4711"))) == 1
    with pytest.raises(StoreError, match=r"moved to there\.json"):
        must_be_here(folded(*story, away))


def test_what_a_copy_had_done_before_may_have_been_undone_where_it_was_made() -> None:
    before = (*BEGUN, admitted(1), returned(1, PAID))
    after = (Imported("user:ann"), admitted(2), returned(2, PAID), Succeeded("done"))
    assert [(each.key, each.state) for each in listed(*before, *after)] == [
        ("t1/call/2", "open"),
        ("t1/call/1", "in_doubt"),
    ]
    (moved,) = listed(*before, Imported("user:ann", moved=True))
    assert moved.state == "open"


def test_somebody_who_has_looked_lets_a_copy_be_undone() -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID), Succeeded("done"), Imported("user:ann"))
    copied = copied_calls(recorded(story))
    word = Resolved(UNDO, "did_not_happen", "user:ann", "")
    facts = settlement(recorded([QUEUED, STARTED]), word, copied)
    assert facts == [word]
    (found,) = listed(*story, later=[QUEUED, STARTED, *facts])
    assert found.state == "open"


@pytest.mark.parametrize("tried", ["held", "under way", "refused"])
def test_an_attempt_to_undo_that_was_copied_says_nothing_of_what_came_of_it(tried: str) -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID), Succeeded("done"), Imported("user:ann"))
    attempts: dict[str, Event] = {
        "held": Held(UNDO, "shop/charge", "A-1", "why"),
        "under way": TRIED,
        "refused": Denied(UNDO, "shop/charge", "{}", "permitted", "no"),
    }
    later: list[Event] = [QUEUED, STARTED, attempts[tried], Imported("user:ann")]
    (found,) = listed(*story, later=later)
    assert (found.state, found.approval) == ("in_doubt", None)
    assert settlement(recorded(later), WORD) == [WORD]  # what it had reserved is reserved elsewhere


def test_who_looks_what_came_of_an_attempt_is_not_sent_to_the_question_that_it_used_up() -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID), Succeeded("done"))
    (found,) = listed(*story, later=[QUEUED, STARTED, Held(UNDO, "shop/charge", "A-1", "why"), TRIED])
    assert (found.state, found.approval) == ("in_doubt", None)


@pytest.mark.parametrize(
    ("decision", "state", "why"),
    [
        ("approved", "open", "`user:bob` has agreed"),
        ("denied", "refused", "`user:bob` has said no: not now"),
        ("expired", "open", "nobody has answered in time"),
        ("withdrawn", "open", "the question was taken back"),
    ],
)
def test_a_question_that_is_no_longer_open_is_offered_to_nobody(decision: Decision, state: str, why: str) -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID), Succeeded("done"))
    asked = Held(UNDO, "shop/charge", "A-1", "people must agree")
    other = Decided(UNDO, "A-0", "denied", "user:bob")  # of an earlier question
    (found,) = listed(*story, later=[QUEUED, STARTED, asked, other])
    assert (found.state, found.approval) == ("held", "A-1")
    answer = Decided(UNDO, "A-1", decision, "user:bob", "not now" if decision == "denied" else "")
    (found,) = listed(*story, later=[QUEUED, STARTED, asked, answer])
    assert (found.state, found.approval, found.why) == (state, None, why)
    (found,) = listed(*story, later=[QUEUED, STARTED, asked, answer, TRIED, answer])
    assert found.state == "in_doubt"  # said of a question that is used up


# ---- an attempt to undo of which nobody knows what came of it

UNDO = "undo/t1/call/1"
TRIED = Admitted(UNDO, "shop/charge", "{}", "pin", "policy", {"tool_calls": 1})
LOST = Returned(UNDO, outcome_to_json(InDoubt("the answer was lost")), {"tool_calls": 1})
WORD = Resolved(UNDO, "happened", "user:ann", "I looked")


@pytest.mark.parametrize(
    ("said", "state", "left"),
    [("happened", "undone", False), ("did_not_happen", "open", True), ("give_up", "given_up", False)],
)
def test_somebody_who_has_looked_says_what_became_of_it(said: Resolution, state: str, left: bool) -> None:
    story = (*BEGUN, admitted(1), returned(1, PAID))
    (found,) = listed(*story, later=[QUEUED, STARTED, TRIED, LOST])
    assert (found.state, found.left) == ("in_doubt", True)
    word = Resolved(UNDO, said, "user:ann", "")
    (found,) = listed(*story, later=[QUEUED, STARTED, TRIED, LOST, *settlement(recorded([TRIED, LOST]), word)])
    assert (found.state, found.left, found.tries) == (state, left, 1)


def test_what_an_attempt_had_reserved_whose_maker_was_killed_counts_as_spent() -> None:
    died = Doubted(UNDO, "whoever undid it was killed", {"tool_calls": 1})
    assert settlement(recorded([QUEUED, STARTED, TRIED]), WORD) == [died, WORD]
    assert settlement(recorded([QUEUED, STARTED, TRIED, LOST]), WORD) == [WORD]


@pytest.mark.parametrize(
    "later",
    [
        [QUEUED, STARTED],
        [QUEUED, STARTED, TRIED, Returned(UNDO, outcome_to_json(PAID), {})],
        [QUEUED, STARTED, TRIED, LOST, WORD],
    ],
)
def test_what_is_not_in_doubt_is_not_settled(later: Sequence[Event]) -> None:
    with pytest.raises(StoreError, match="is not in doubt"):
        settlement(recorded(later), WORD)
