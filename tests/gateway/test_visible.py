"""Text from elsewhere: nothing in it hides, and nothing steers a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.visible import hides, shortened, visible, visible_lines

SHOWN = [
    ("plain", "rm -rf /tmp", "rm -rf /tmp"),
    ("other scripts", "né ☃ 東京 עברית 🚲", "né ☃ 東京 עברית 🚲"),
    ("newlines and tabs", "a\nb\r\tc", "a\\nb\\r\\tc"),
    ("ANSI colour", "\x1b[31mred\x1b[0m", "\\e[31mred\\e[0m"),
    ("ANSI that moves up and wipes a line", "\x1b[1A\x1b[2K", "\\e[1A\\e[2K"),
    ("a terminal's title, by OSC", "\x1b]0;hi\x07", "\\e]0;hi\\u{7}"),
    ("C1 controls, which some terminals obey too", "\x9b31m\x85", "\\u{9b}31m\\u{85}"),
    ("NUL, backspace, delete", "a\0b\bc\x7f", "a\\u{0}b\\u{8}c\\u{7f}"),
    ("bidi overrides", "a\u202egpj.exe\u202c", "a\\u{202e}gpj.exe\\u{202c}"),
    ("bidi isolates and marks", "\u2066x\u2069\u200e\u200f\u061c", "\\u{2066}x\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
    ("zero-width", "a\u200bb\u200cc\u200dd\ufeff\u2060", "a\\u{200b}b\\u{200c}c\\u{200d}d\\u{feff}\\u{2060}"),
    ("soft hyphen", "pass\u00adword", "pass\\u{ad}word"),
    ("tags, which spell a hidden text", "x\U000e0041\U000e007f", "x\\u{e0041}\\u{e007f}"),
    ("variation selectors, which carry bytes", "x\ufe0f\U000e0100", "x\\u{fe0f}\\u{e0100}"),
    ("letters that are blank", "a\u3164b\u115f\u1160\uffa0", "a\\u{3164}b\\u{115f}\\u{1160}\\u{ffa0}"),
    ("marks and symbols that are blank", "a\u034f\u17b4\u180b\u2800", "a\\u{34f}\\u{17b4}\\u{180b}\\u{2800}"),
    ("line and paragraph separators", "a\u2028b\u2029", "a\\u{2028}b\\u{2029}"),
    ("lone surrogates", "a\ud800\udfff", "a\\u{d800}\\u{dfff}"),
    ("private use and no character at all", "\ue000\uffff\U0010ffff", "\\u{e000}\\u{ffff}\\u{10ffff}"),
]


@pytest.mark.parametrize(("text", "shown"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_what_is_shown_is_one_line_of_characters_that_can_be_written_anywhere(text: str) -> None:
    shown = visible(text)
    assert shown.splitlines() in ([shown], [])
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    shown.encode()
    assert visible(shown) == shown


@given(st.text(st.characters()), st.integers(1, 100))
def test_what_is_too_long_says_how_long_it_was(text: str, width: int) -> None:
    short = shortened(text, width)
    whole = visible(text)
    if len(whole) <= width:
        assert short == whole
    else:
        assert f"…({len(text)} characters)…" in short
        assert len(short) <= max(width, len(f"…({len(text)} characters)…") + 2)


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    short = shortened("a" * 50 + "b" * 50, 30)
    assert short.startswith("aaa")
    assert short.endswith("bbb")
    assert len(short) == 30


@given(st.characters())
def test_a_character_hides_exactly_if_it_is_spelled_out(character: str) -> None:
    assert hides(character) == (visible(character) != character)


def test_a_text_of_several_lines_keeps_them_and_nothing_else_that_steers() -> None:
    assert visible_lines("a\nb\x1b[2J\r\u202e") == "a\nb\\e[2J\\r\\u{202e}"
    assert visible_lines("plain") == "plain"
