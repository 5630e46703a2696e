"""Conditions about what a tool has answered."""

from typing import Any

import pytest

from gateway.policy.answers import answers, compile_answer
from gateway.policy.condition import ConditionError
from gateway.policy.logic import UNDECIDED

FOUND = {"found": True, "order": {"id": "O-1", "tags": ["a", "result.b"]}, "total": 3}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("result.found == true", True),
        ("result.found == false", False),
        ("result.order.id == 'O-1' and result.total >= 3", True),
        ('result["found"] == true', True),
        ("'result.b' in result.order.tags", True),
        ("result.order.id == 'args.x'", False),
        ("has(result.order)", True),
        ("has(result.gone)", False),
        ("result.gone == true", UNDECIDED),
        ("result.total == 'three'", UNDECIDED),
        ("result.order.args == 1", UNDECIDED),
    ],
)
def test_a_condition_looks_at_the_result_and_never_guesses(text: str, answer: Any) -> None:
    assert answers(compile_answer(text), FOUND) is answer


def test_of_what_is_no_object_nothing_is_known() -> None:
    results: list[Any] = [None, [], "found", 1]
    for result in results:
        assert answers(compile_answer("result.found == true"), result) is UNDECIDED


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("args.found == true", 0, "there is no `args` here"),
        ("result.a == 1 and tool.read_only", 18, "there is no `tool` here"),
        ("result.a == 1 and found == 1", 18, "unknown name `found`"),
        ("result.a == 1 and result.b is 2", 18, "is not part of the condition language"),
        ("result.a ==", 9, "nothing behind it"),
    ],
)
def test_a_mistake_is_told_at_its_place_in_the_words_that_were_written(text: str, offset: int, said: str) -> None:
    with pytest.raises(ConditionError) as wrong:
        compile_answer(text)
    assert said in wrong.value.message
    assert wrong.value.offset == offset
    assert "args" not in wrong.value.hint
