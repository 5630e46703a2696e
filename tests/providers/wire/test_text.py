"""Text and arguments that any backend takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.text import arguments_of, clean, clean_json, name_of, parsed, written

HALF = "a\ud800b"
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)
strange = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)  # halves of characters, too


@given(strange)
def test_clean_text_can_be_sent_and_sound_text_is_left_alone(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert len(cleaned) <= len(text)
    else:
        assert cleaned is text


def test_two_halves_make_one_character() -> None:
    assert clean("\ud83d\ude00") == "😀"
    assert clean_json({HALF: [HALF, 1]}) == {"a�b": ["a�b", 1]}


@given(st.dictionaries(st.text(), anything, max_size=3))
def test_arguments_that_are_an_object_stay_what_they_are(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert parsed(text) == value
    assert json.loads(written(text)) == arguments_of(text)


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": NaN}', '{"a": 1e999}', "null", '"Hi"', "[" * 100_000])
def test_arguments_that_are_none_are_shown_as_what_they_were(text: str) -> None:
    assert parsed(text) is None
    assert arguments_of(text) == {"malformed_arguments": text}
    assert json.loads(written(text)) == {"malformed_arguments": text}


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    assert (parsed(text), arguments_of(text), written(text)) == ({}, {}, "{}")


def test_arguments_are_written_as_the_model_wrote_them() -> None:
    assert written('{ "a" : 1 }') == '{ "a" : 1 }'


def test_arguments_with_half_a_character_can_be_sent() -> None:
    assert arguments_of('{"a": "\\ud800"}') == {"a": "�"}
    assert json.loads(written(f'{{"a": "{HALF}"}}')) == {"a": "a�b"}


@given(strange)
def test_any_name_fits(name: str) -> None:
    fits = name_of(name)
    assert 1 <= len(fits) <= 64
    assert fits.replace("-", "_").replace("_", "a").isalnum()
    assert fits.isascii()
