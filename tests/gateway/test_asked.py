"""What models were asked, and what came of it, says for what it was."""

from dataclasses import replace

from gateway.asked import ModelAnswered, ModelAsked, ModelFailed
from tests.builders import QUEUED, STARTED, asked, failed, folded, made, replied, wanted


def test_what_is_asked_is_an_answer_unless_it_says_otherwise() -> None:
    assert {asked(1).purpose, replied(1).purpose, failed(1).purpose} == {"answer"}
    assert ModelAsked(1, {}).model == ModelFailed(1, "server", "broken", True).then == ""


def test_only_an_answer_joins_the_conversation() -> None:
    begun = (QUEUED, STARTED, *wanted(1, "shop/order"), *made(1), asked(2))
    answer: ModelAnswered = replied(2, say="Noon.")
    assert len(folded(*begun, answer).messages) == 4
    assert len(folded(*begun, replace(answer, purpose="summary")).messages) == 3
