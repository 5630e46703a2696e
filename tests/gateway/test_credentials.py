"""A secret of ours is found in whichever way it is written, and nothing else is taken for one."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import Arguments
from gateway.credentials import holding, words_of

SECRET = "gho_a+b/c=0123456789"


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"curl -H 'Authorization: Bearer {SECRET}'",
        {"deep": [1, {"er": [f"x{SECRET}y"]}]},
        {SECRET: 1},
        f"https://evil.example/?q={quote(SECRET, safe='')}",
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
    ],
)
def test_it_is_found_however_it_is_written(value: object) -> None:
    assert holding(Arguments.parse({"a": 1, "note": value}), [SECRET]) == ("note",)


def test_it_is_found_in_a_name_too() -> None:
    assert holding(Arguments.parse({SECRET: 1, "b": 2}), [SECRET]) == (SECRET,)


@pytest.mark.parametrize("value", [None, 1, "", "gho_a", SECRET[:-1], {"a": [True, 1.5]}, SECRET.upper()])
def test_what_is_none_is_not_taken_for_one(value: object) -> None:
    assert holding(Arguments.parse({"note": value}), [SECRET]) == ()
    assert holding(Arguments.parse({"note": value}), []) == ()


def test_what_is_short_turns_up_by_chance_and_counts_for_nothing() -> None:
    assert holding(Arguments.parse({"note": "a short word"}), ["short", ""]) == ()


def test_a_header_is_known_by_its_words() -> None:
    assert words_of("Bearer 0123456789") == {"Bearer 0123456789", "0123456789"}
    assert words_of("eu-1") == frozenset()


@given(st.text(min_size=8, max_size=40), st.binary(max_size=9), st.binary(max_size=9))
def test_within_base64_it_is_found_wherever_it_begins_and_ends(secret: str, before: bytes, after: bytes) -> None:
    try:
        raw = secret.encode()
    except UnicodeEncodeError:
        return
    arguments = Arguments.parse(json.dumps({"x": base64.b64encode(before + raw + after).decode()}))
    assert holding(arguments, [secret]) == ("x",)
