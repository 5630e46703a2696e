"""A text as its words: what shows nothing is dropped, what is spelled in other signs is read."""

import sys
import time
import unicodedata

import pytest

from gateway.spelling import forms, plain, runs, spellings, words


def same(one: str, other: str) -> bool:
    return words(plain(one)) == words(plain(other))


def test_every_format_character_is_dropped() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    assert len(signs) > 100
    assert [hex(ord(sign)) for sign in signs if not same(f"ab{sign}cd", "abcd")] == []


@pytest.mark.parametrize(
    "sign", "\u034f\u061c\u115f\u1160\u17b4\u180b\u3164\uffa0\ufe0f\U000e0100\x00\x08\x1b\x7f\u0336\u20e0"
)
def test_so_is_what_else_shows_nothing_or_is_drawn_over_a_letter(sign: str) -> None:
    assert same(f"ab{sign}cd", "abcd")
    assert same(f"\u00e9b{sign}cd", "e\u0301bcd")


def test_blanks_part_words() -> None:
    assert not same("ab cd", "abcd")
    assert not same("ab\u00a0cd", "abcd")
    assert not same("ab\ncd", "abcd")


@pytest.mark.parametrize(
    "text",
    [
        "a%40b",
        "a%2540b",
        "a%252540b",
        "a\\u0040b",
        "a\\x40b",
        "a\\U00000040b",
        "a%u0040b",
        "a&#64;b",
        "a&amp;#64;b",
        "a&commat;b",
        "a&#37;40b",
        "a\uff0540b",  # a wide %
        "a%\u200b40b",
        "a%4\u034f0b",
        "a\U000e0040b",
        "a\uff20b",
    ],
)
def test_what_is_written_in_other_signs_is_read(text: str) -> None:
    read, whole = spellings(text)
    assert "a@b" in read
    assert whole


def test_so_is_a_name_in_punycode() -> None:
    assert "evil.b\u00fccher.example" in [
        unicodedata.normalize("NFC", text) for text in spellings("evil.xn--bcher-kva.example")[0]
    ] or ("evil.bucher.example" in spellings("evil.xn--bcher-kva.example")[0])
    assert spellings("xn--\\u0fff--")[1]


def test_a_text_without_other_signs_is_read_as_it_is() -> None:
    assert spellings("Hello, a@b.example") == (["Hello, a@b.example"], True)


def test_what_is_encoded_too_often_is_said() -> None:
    deep = "eve"
    for _ in range(8):
        deep = "".join(f"%{ord(sign):02x}" for sign in deep)
    assert not spellings(deep)[1]


def test_of_a_word_the_letters_and_the_digits_are_parts() -> None:
    assert runs("acct12345678") == ["acct", "12345678"]
    assert runs("acct") == runs("12345678") == []


def test_a_number_is_known_in_each_form_that_people_write() -> None:
    assert {"1250.5", "1,250.50", "1,250.5", "1250.50"} <= set(forms(1250.5))
    assert {"1250", "1,250"} <= set(forms(1250.0))
    assert "0.0000001" in forms(1e-7)
    assert str(forms(float("nan"))) == "['nan']"


def test_a_long_text_of_signs_is_read_in_good_time() -> None:
    began = time.process_time()
    for text in ("%25" * 90_000, "&amp;" * 50_000, "%" * 250_000, "\\u0040" * 40_000, "xn--" * 60_000, "--" * 120_000):
        spellings(text)
    assert time.process_time() - began < 20
