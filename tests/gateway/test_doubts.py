"""What a run had under way of which nobody says what became of it."""

from collections.abc import Sequence

from gateway.budget import Spend
from gateway.call import TaskCreated
from gateway.conversation import Purpose
from gateway.doubts import in_doubt, lost, questions
from gateway.duties import Duties
from gateway.events import Admitted, Doubted, Event, ModelAsked, ModelFailed, Obliged
from gateway.standing import held_back
from tests.builders import QUEUED, STARTED, admitted, asked, doubted, made, recorded, resolved, returned, wanted
from tests.builders import lost as without_answer

BEGUN: tuple[Event, ...] = (QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"))


def unsure(*events: Event) -> Sequence[str]:
    return [*in_doubt(recorded((*BEGUN, *events)))]


def test_a_call_without_an_answer_is_in_doubt_until_somebody_says_what_became_of_it() -> None:
    assert unsure(admitted(1)) == ["t1/call/1"]
    assert unsure(admitted(1), without_answer(1)) == ["t1/call/1"]
    assert unsure(admitted(1), without_answer(1), doubted(1)) == ["t1/call/1"]
    assert unsure(admitted(1), doubted(1), resolved(1, "happened")) == []
    assert unsure(admitted(1), doubted(1), resolved(1, "give_up")) == []
    assert unsure(admitted(2), admitted(1)) == ["t1/call/2", "t1/call/1"]


def test_what_was_answered_or_never_sent_is_not() -> None:
    assert unsure(*made(1)) == []
    assert unsure(admitted(1), without_answer(1), admitted(1, attempt=2), returned(1)) == []
    assert unsure(admitted(1), returned(1, TaskCreated({}, "task-1"))) == []
    assert unsure(admitted(1), Obliged("t1/call/1", Duties(dry_run=True).to_json()), doubted(1)) == []
    assert unsure(Admitted("read/1", "shop/list", "{}", "pin", "policy", {}, action="read")) == []


def test_what_did_not_happen_and_was_made_again_is_in_doubt_again() -> None:
    again = (admitted(1), doubted(1), resolved(1, "did_not_happen"), admitted(1, attempt=2))
    assert unsure(*again) == ["t1/call/1"]


def test_what_is_lost_counts_as_made_and_nothing_is_held_back_for_it_any_more() -> None:
    purpose: Purpose = "summary"
    story = recorded((*BEGUN, admitted(1), *made(2), ModelAsked(2, {"tokens": 9}, "other", purpose)))
    held = held_back(story)
    ends = lost(held, questions(story))
    assert [type(end) for end in ends] == [Doubted, ModelFailed]
    call, question = ends
    assert isinstance(call, Doubted)
    assert isinstance(question, ModelFailed)
    assert (call.key, call.spent) == ("t1/call/1", Spend(tool_calls=1).to_json())
    assert (question.turn, question.kind, question.spent) == (2, "lost", {"tokens": 9})
    assert (question.model, question.purpose, question.retryable) == ("other", purpose, False)
    assert held_back(recorded([*(each.event for each in story), *ends])) == {}


def test_an_answered_question_has_its_end() -> None:
    story = recorded([*BEGUN, asked(2, tokens=9)])
    assert [*questions(story)] == ["t1/model", "t2/model"]
    assert [type(end) for end in lost(held_back(story), questions(story))] == [ModelFailed]
