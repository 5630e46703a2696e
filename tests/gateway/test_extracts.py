"""Of a long result the record keeps what identifies it."""

import hashlib
import json
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, InputRequired, Refused, Unsent, outcome_from_json, outcome_to_json
from gateway.extracts import KEPT_BYTES, extract


def result(size: int, **more: Any) -> dict[str, Any]:
    """A result whose JSON has exactly so many bytes."""
    made = {"content": [{"type": "text", "text": ""}], **more}
    made["content"][0]["text"] = "x" * (size - len(json.dumps(made, separators=(",", ":"))))
    return made


def test_what_fits_is_kept_as_it_is() -> None:
    outcome = Answered(result(KEPT_BYTES))
    assert extract(outcome) is outcome


@pytest.mark.parametrize("is_error", [True, False])
def test_what_does_not_is_told_by_its_size_its_hash_and_whether_it_is_an_error(is_error: bool) -> None:
    whole = result(KEPT_BYTES + 1, isError=is_error)
    told = extract(Answered(whole))
    assert isinstance(told, Answered)
    assert told.is_error is is_error
    digest = hashlib.sha256(json.dumps(whole, separators=(",", ":")).encode()).hexdigest()
    assert told.result["_meta"] == {"toolgate/whole": {"bytes": KEPT_BYTES + 1, "sha256": digest}}
    assert len(json.dumps(told.result)) < 200
    assert outcome_from_json(outcome_to_json(told)) == told


def test_long_questions_stay_questions() -> None:
    assert isinstance(extract(InputRequired(result(KEPT_BYTES * 2))), InputRequired)


@pytest.mark.parametrize("outcome", [Refused(1, "x" * 20_000), Unsent("down"), InDoubt("gone")])
def test_what_is_no_result_is_kept(outcome: Any) -> None:
    assert extract(outcome) is outcome
