"""What tells a redacted field in other ways than as a field: letters and digits count, and nothing else."""

import pytest

from gateway.mentions import Mentions


@pytest.mark.parametrize(
    "text",
    [
        "ssn: 1",
        "the SSN is 1",
        "S.S.N. 1",
        "\uff53\uff53\uff4e 1",
        "s\u200bsn 1",
        "customer_ssn=1",
        r"\u0073sn 1",
        "%73sn 1",
        "&#115;sn 1",
        "ssn1",
    ],
)
def test_a_string_that_speaks_of_a_field_tells_it(text: str) -> None:
    assert Mentions(["ssn"]).tells(text)


@pytest.mark.parametrize("text", ["", "Ann Miller", "classname", "2026-11-25", "on its way"])
def test_another_string_does_not(text: str) -> None:
    assert not Mentions(["ssn"]).tells(text)


@pytest.mark.parametrize("text", ["ssn", "SSN:", "S.S.N.", "SSN number", "[ssn]", "customer ssn", "customerSsn"])
def test_a_name_among_values_is_a_label(text: str) -> None:
    assert Mentions(["ssn"]).is_label(text)
    assert not Mentions(["iban"]).is_label(text)


def test_a_sentence_is_no_label_and_names_of_several_words_count_whole() -> None:
    assert not Mentions(["ssn"]).is_label("the ssn of this customer is not known to anybody here")
    assert Mentions(["birth_date"]).is_label("Birth date")
    assert not Mentions(["birth_date"]).is_label("date")
    assert Mentions(["*_token"]).is_label("a token")


def test_what_was_taken_is_found_within_longer_texts() -> None:
    assert not Mentions(["ssn"]).taken
    mentions = Mentions(["ssn"])
    mentions.take({"number": ["123-45-6789"], "known": True, "more": None})
    assert mentions.taken
    assert mentions.tells("is it 123 45 6789, Ann?")
    assert mentions.is_taken(123456789)
    assert not mentions.tells("is it 42?")
    assert not mentions.may_name("n123456789")


def test_what_is_as_short_as_anything_is_found_only_where_it_stands_alone() -> None:
    mentions = Mentions(["ssn"])
    mentions.take(["DE", 7])
    assert mentions.tells("DE")
    assert not mentions.tells("DEAR")
    assert not mentions.is_taken(7)


def test_long_values_are_found_too() -> None:
    mentions = Mentions(["note"])
    mentions.take("abcde" * 100)
    assert mentions.repeats("x" + "abcde" * 100 + "y")


@pytest.mark.parametrize(("key", "may"), [("has_ssn", True), ("ssn 123", False), ("ssn=1", False), ("2026-11", True)])
def test_a_key_is_a_name_or_says_nothing_of_a_field(key: str, may: bool) -> None:
    assert Mentions(["ssn"]).may_name(key) is may
