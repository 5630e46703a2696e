import pytest

from gateway.policy.wording import ACTIONS, EFFECTS
from gateway.wording import did_you_mean


@pytest.mark.parametrize(
    ("word", "meant"), [("Deny", "deny"), ("DENY", "deny"), ("allwo", "allow"), ("aks", "ask"), ("alow", "allow")]
)
def test_a_word_that_is_nearly_right_is_answered_with_the_right_one(word: str, meant: str) -> None:
    assert did_you_mean(word, EFFECTS) == f"did you mean `{meant}`?"


def test_a_word_like_no_other_is_answered_with_the_list() -> None:
    assert did_you_mean("require_approval", EFFECTS) == "known: `allow`, `ask`, `deny`"


def test_a_long_list_is_not_recited() -> None:
    assert did_you_mean("zzz", [f"name-{number}" for number in range(50)]) == ""
    assert did_you_mean("zzz", []) == ""


def test_the_actions_are_a_closed_list() -> None:
    assert set(ACTIONS) == {"call", "list", "read", "get", "subscribe", "complete", "approve", "admin"}
