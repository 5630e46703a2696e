import time
from typing import Any

import pytest

from gateway.policy.logic import UNDECIDED
from gateway.policy.patterns import LONGEST, matches_regex

U = UNDECIDED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("DE00123456789012345678", True), ("DE0012345678901234567", False), ("xDE00123456789012345678", False),
        ("DE00123456789012345678\n", False), ("INV-7", True), ("INV-", False), ("inv-7", False), ("", False),
        (7, U), (None, U), (True, U), (["INV-7"], U), ({"a": 1}, U), ("x" * (LONGEST + 1), U), ("\ud800", U),
    ],
)  # fmt: skip
def test_the_whole_text_matches_one_of_the_patterns(value: Any, expected: Any) -> None:
    assert matches_regex(["DE[0-9]{20}", "INV-[0-9]+"])(value) is expected


def test_a_dot_is_any_character_so_that_a_line_break_hides_nothing() -> None:
    assert matches_regex([".*rm -rf.*"])("echo hi\nrm -rf /") is True


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", "(a)\\1", "(?:(?:a{1000}){1000}){1000}", "[z-a]", "*"])
def test_what_re2_does_not_take_is_found_when_the_policy_is_loaded(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        matches_regex([pattern])


@pytest.mark.parametrize(("pattern", "text"), [("(a+)+b", "a"), ("(.*a){10}", "b"), ("(?:a|a)*c", "a")])
def test_patterns_that_stop_python_take_no_time(pattern: str, text: str) -> None:
    decide, hostile = matches_regex([pattern]), text * LONGEST
    begin = time.process_time()
    assert decide(hostile) is False
    assert time.process_time() - begin < 1
