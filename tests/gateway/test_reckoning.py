"""A number stands for itself only between words that are known to do nothing to it."""

import pytest

from gateway.reckoning import is_currency, is_plain_after, is_plain_before


@pytest.mark.parametrize(
    "text", ["", "pay ", "Twice, pay ", "pay EUR ", "to ", "an amount of ", '"amount": ', "to Bob:\n"]
)
def test_harmless_before(text: str) -> None:
    assert is_plain_before(text, strict=True)


@pytest.mark.parametrize("text", ["twice ", "half of ", "pay Bob ", "twice EUR ", "400 to ", "twice\n", "a million. "])
def test_harmful_before(text: str) -> None:
    assert not is_plain_before(text, strict=True)


@pytest.mark.parametrize("text", ["", " EUR", " EUR to Bob", ". Next", ", then go", " now", "\nBest", ") to me"])
def test_harmless_after(text: str) -> None:
    assert is_plain_after(text, strict=True)


@pytest.mark.parametrize(
    "text", [" grand", " EUR grand", " EUR EUR", ", times 2", " to 600", " nowish", "\nmillion", " now/2"]
)
def test_harmful_after(text: str) -> None:
    assert not is_plain_after(text, strict=True)


def test_beside_what_is_no_mere_number_only_known_words_count() -> None:
    assert is_plain_before("Bob ", strict=False)
    assert not is_plain_before("twice ", strict=False)
    assert is_plain_after(" Bob", strict=False)
    assert not is_plain_after(" grand", strict=False)


@pytest.mark.parametrize(
    ("sign", "whole"), [("$", True), ("\u20ac", True), ("\u00a2", False), ("\uffe0", False), ("a", False)]
)
def test_cents_are_no_currency(sign: str, whole: bool) -> None:
    assert is_currency(sign) is whole
