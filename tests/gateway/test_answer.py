"""What somebody says is read in one way, or not at all."""

from typing import Any

import pytest

from gateway.answer import Answer, Unclear, answer_of
from gateway.approval import Remember
from tests.builders import NOON

YES = {"decision": "approved", "digest": "d"}
NO = {"decision": "denied", "digest": "d"}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (YES, Answer("approved", "", "a key", seen="d")),
        (NO | {"reason": "no", "stop": True}, Answer("denied", "no", "a key", seen="d", stop=True)),
        (NO | {"edit": {}, "stop": False}, Answer("denied", "", "a key", seen="d")),
        ({"decision": "escalated", "digest": "d"}, Answer("escalated", "", "a key", seen="d")),
        (YES | {"edit": {"a": None}}, Answer("approved", "", "a key", seen="d", edit={"a": None})),
        (
            YES | {"remember": {"scope": "session"}},
            Answer("approved", "", "a key", seen="d", remember=Remember("session")),
        ),
        (
            YES | {"remember": {"scope": "until", "until": "8h", "by": ["a", "b"]}},
            Answer("approved", "", "a key", seen="d", remember=Remember("until", ("a", "b"), NOON + 8 * 3_600_000)),
        ),
    ],
)
def test_each_thing_that_can_be_said(said: Any, answer: Answer) -> None:
    assert answer_of(said, "a key", NOON) == answer


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "an object"),
        ({}, "`decision`"),
        (YES | {"decision": "consumed"}, "`decision`"),
        (YES | {"decision": ["approved"]}, "`decision`"),
        ({"decision": "approved"}, "`digest`"),
        (YES | {"digest": None}, "`digest`"),
        (YES | {"by": "user:bob"}, "means nothing"),
        (YES | {"reason": 1}, "`reason`"),
        (YES | {"reason": "x" * 2_001}, "`reason`"),
        (YES | {"edit": "{}"}, "`edit`"),
        (YES | {"stop": True}, "`stop` goes with the decision `denied`"),
        (YES | {"stop": 1}, "`stop`"),
        (NO | {"edit": {"a": 1}}, "`edit` goes with the decision `approved`"),
        (NO | {"remember": {"scope": "run"}}, "`remember` goes with"),
        (YES | {"remember": "run"}, "`remember`"),
        (YES | {"remember": {"scope": "always"}}, "`scope`"),
        (YES | {"remember": {"scope": "run", "for": "ever"}}, "`scope`"),
        (YES | {"remember": {"scope": "run", "until": "8h"}}, "the scope `until`"),
        (YES | {"remember": {"scope": "until"}}, "the scope `until`"),
        (YES | {"remember": {"scope": "until", "until": ""}}, "is no date"),
        (YES | {"remember": {"scope": "until", "until": "2020-01-01"}}, "is over"),
        (YES | {"remember": {"scope": "run", "by": "a"}}, "`by`"),
        (YES | {"remember": {"scope": "run", "by": [1]}}, "`by`"),
        (YES | {"remember": {"scope": "run", "by": ["a"] * 101}}, "`by`"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_is_wrong(said: Any, why: str) -> None:
    with pytest.raises(Unclear, match=why):
        answer_of(said, "a key", NOON)
