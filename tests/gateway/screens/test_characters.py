"""What counts as hidden, and what honest text has of it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.screens.characters import FLAGS, HIDDEN, spelled
from gateway.screens.text import screen_text


def kinds(text: str) -> list[str]:
    return sorted({finding.kind for finding in screen_text(text, "here")})


@pytest.mark.parametrize("honest", [
    "plain text\twith a tab,\r\nand two lines",
    "Größe né naïve — „Zitat“ ☃",
    "emoji: 👩‍💻 ❤️ 1️⃣ 🇩🇪",
    "England: 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "Scotland: 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "می‌خواهم",  # Persian, with a zero-width non-joiner
    "क्‍ष",  # Hindi, with a zero-width joiner
    "مرحبا \u200e(hello)\u200f",
    "葛\U000e0100城",  # an ideograph with its variation
    "Δt in µm, α + βx, 5 kΩ",  # noqa: RUF001 - that is the point
    "Кириллица рядом с English",  # noqa: RUF001 - that is the point
    "日本語とEnglish",
])  # fmt: skip
def test_honest_text_is_left_in_peace(honest: str) -> None:
    assert kinds(honest) == []


@pytest.mark.parametrize(("kind", "text"), [
    ("hidden_text", "a\u200bb"),
    ("hidden_text", "a\u200db"),
    ("hidden_text", "\u2060\ufeff"),
    ("hidden_text", "soft\u00adhyphen"),
    ("hidden_text", "filler \u3164"),
    ("hidden_text", "tags \U000e0061"),
    ("hidden_text", "a flag that says more 🏴\U000e0067\U000e0062\U000e0061\U000e007f"),
    ("hidden_text", "😀\ufe01\ufe02\ufe03"),  # a row of selectors carries bytes
    ("hidden_text", "a\ufe0f"),
    ("bidi", "a\u202eb"),
    ("bidi", "a\u2067b"),
    ("terminal_escape", "\x1b[2J"),
    ("terminal_escape", "\x9b2J"),
    ("terminal_escape", "over\x08written"),
    ("terminal_escape", "nul\x00"),
    ("look_alike", "p\u0430ypal"),
    ("look_alike", "\u0410pple"),
])  # fmt: skip
def test_what_deceives_is_found(kind: str, text: str) -> None:
    assert kinds(text) == [kind]


@given(st.characters(categories=["Cf"]).filter(lambda c: c not in "\u200c\u200d\u200e\u200f\u061c\u202c\u2069"))
def test_every_format_character_of_unicode_is_seen_between_letters(character: str) -> None:
    marks_of_scripts = unicodedata.name(character, "").startswith(
        ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND")
    )
    assert marks_of_scripts or kinds(f"a{character}b") != []


def test_tag_characters_are_spelled_out() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey me")
    assert spelled(f"\U000e0001{hidden}\U000e007f") == "obey me"
    (finding,) = screen_text(f"Adds.{hidden}", "description")
    assert (finding.severity, finding.excerpt) == ("high", "Adds.[in tag characters: obey me]")


def test_what_shows_nothing_is_taken_out_and_nothing_else() -> None:
    assert HIDDEN.sub("", "ig\u200bno\U000e0041re\u2060 né ❤\ufe0f") == "ignore né ❤"
    assert FLAGS.sub("x", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f") == "x"
