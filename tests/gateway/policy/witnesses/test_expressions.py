import pytest

from gateway.policy.patterns import matches_regex
from gateway.policy.witnesses.expressions import matching


@pytest.mark.parametrize(
    "pattern",
    ["[ab]+", "[0-9]{4}-.*", r"DE\d{20}", r"(?:a|bc)?x", r"\w+@acme\.com", "[^/]*", "[^a]", "(?i)yes|no", "x{2,3}?"],
)
def test_texts_are_made_that_it_matches(pattern: str) -> None:
    made = matching(pattern)
    assert made
    assert all(matches_regex([pattern])(text) for text in made)


def test_what_only_re2_knows_is_not_guessed_and_nothing_grows_without_end() -> None:
    assert matching(r"\pN+") == []
    assert all(len(text) <= 1_000 for text in matching("((a{100}){100}){100}"))
