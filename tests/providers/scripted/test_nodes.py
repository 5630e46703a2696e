import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.scripted.nodes import (
    ScriptError,
    composed,
    fields,
    flag,
    items,
    number,
    one_of,
    plain,
    text_of,
    whole,
)

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=9)  # DEL is not YAML's
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)


@given(_json)
def test_any_json_is_read_as_json_reads_it(value: object) -> None:
    assert plain(composed(json.dumps(value), "x.json")) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("1e3", 1000.0),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2026-11-21", "2026-11-21"),
        ("12:30:45", "12:30:45"),
        ("'7'", "7"),
        ("<<", "<<"),
    ],
)
def test_plain_scalars_mean_what_they_mean_in_json(text: str, value: object) -> None:
    read = plain(composed(text, "x.yaml"))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "x.yaml: the script is empty; it needs `steps:`"),
        ("a: [1,\nb: 2", "x.yaml:2:5: this is not YAML: "),
        ("a: \x00", "x.yaml: this is not YAML: "),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: this is not YAML: "),
        ("a: *gone", "x.yaml:1:4: this is not YAML: found undefined alias"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, error: str) -> None:
    with pytest.raises(ScriptError) as caught:
        composed(text, "x.yaml")
    assert str(caught.value).startswith(error)


def test_an_error_carries_its_place() -> None:
    with pytest.raises(ScriptError) as caught:
        fields(composed("steps: []\nspets: []", "x.yaml"), ("steps",))
    error = caught.value
    assert (error.file, error.line, error.column) == ("x.yaml", 2, 1)
    assert error.message == "unknown key `spets`; did you mean `steps`?"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("zzz: 1", "x.yaml:1:1: unknown key `zzz`; known: `say`, `steps`"),
        ("say: 1\nsay: 2", "x.yaml:2:1: `say` stands here twice"),
        ("1: 2", "x.yaml:1:1: expected a text, found `1`; put it into quotes"),
        ("- a", "x.yaml:1:1: expected keys with values, found a list"),
    ],
)
def test_keys_are_read_strictly(text: str, error: str) -> None:
    with pytest.raises(ScriptError) as caught:
        fields(composed(text, "x.yaml"), ("steps", "say"))
    assert str(caught.value) == error


def test_one_thing_is_a_list_of_one() -> None:
    assert [plain(node) for node in items(composed("[1, 2]", "x"))] == [1, 2]
    assert [plain(node) for node in items(composed("1", "x"))] == [1]


@pytest.mark.parametrize(
    ("read", "text", "error"),
    [
        (text_of, "7", "expected a text, found `7`"),
        (text_of, "{a: 1}", "expected a text, found keys with values"),
        (text_of, "", "expected a text, found nothing"),
        (flag, "yes", "expected true or false, found `yes`"),
        (whole, "-1", "expected a whole number from 0, found `-1`"),
        (whole, "true", "expected a whole number"),
        (whole, "1.5", "expected a whole number"),
        (number, "-0.5", "expected a number from 0"),
        (number, "1e999", "expected a number from 0"),
        (plain, "!!python/name:os.system ''", "is not JSON's"),
        (plain, "!secret x", "is not JSON's"),
        (plain, '"\\ud800"', "a lone surrogate"),
    ],
)
def test_values_are_read_strictly(read: object, text: str, error: str) -> None:
    assert callable(read)
    node = composed(f"- {text}", "x.yaml")
    with pytest.raises(ScriptError) as caught:
        read(items(node)[0])
    assert error in str(caught.value)


def test_a_known_name_is_returned() -> None:
    assert one_of(composed("a", "x"), "a", {"a", "b"}, "label") == "a"
