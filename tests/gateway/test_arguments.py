"""Arguments are parsed once, in the only way in which they can be read."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.arguments import Arguments, ArgumentsError, parse_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(10**39), 10**39) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('{"a": 1, "a": 2}', "the key `a` stands twice in one object"),
        ('{"x": [{"y": {"a": 1, "b": 2, "a": 1}}]}', "the key `a` stands twice in one object"),
        ('{"a": 1, "\\u0061": 2}', "the key `a` stands twice in one object"),
        ('{"a": NaN}', "`NaN` is not a JSON number"),
        ('{"a": [Infinity]}', "`Infinity` is not a JSON number"),
        ('{"a": -Infinity}', "`-Infinity` is not a JSON number"),
        ('{"a": 1e400}', "the number `1e400` is out of range"),
        ('{"a": -1e400}', "the number `-1e400` is out of range"),
        ('{"a": "\\ud800"}', "a lone surrogate"),
        ('{"\\udfff": 1}', "a lone surrogate"),
        ('{"a": "\udc80"}', "a lone surrogate"),
        ('{"a": ' + "9" * 5000 + "}", "an integer of 5000 digits is too long"),
        ('{"a": -' + "9" * 41 + "}", "an integer of 41 digits is too long"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 101 + "1" + "}" * 101, "nested more than 100 levels deep"),
        ('{"a":' + "[" * 100 + "]" * 100 + "}", "nested more than 100 levels deep"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('"{}"', "must be a JSON object"),
        ("7", "must be a JSON object"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{} {}", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": 01}', "not JSON"),
        ('{"a": "line\nbreak"}', "not JSON"),
        ("\ufeff{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),  # a surrogate in UTF-8
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-32-le"), "not JSON"),
    ],
)
def test_what_readers_may_disagree_about_is_refused(source: str | bytes, why: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        Arguments.parse(source)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"a": float("nan")}, "not JSON"),
        ({"a": float("inf")}, "not JSON"),
        ({"a": "\ud800"}, "a lone surrogate"),
        ({"a": 10**40}, "an integer of 41 digits"),
        ({"a": 10**5000}, "not JSON"),
        ({"a": b"bytes"}, "not JSON"),
        ({"a": {1, 2}}, "not JSON"),
        ({1: "a", "1": "b"}, "not JSON"),
        ({None: "a", 1: "b"}, "not JSON"),
        ({True: "a", 1.5: "b", "x": 1}, "not JSON"),
    ],
)
def test_an_object_that_is_not_strict_json_is_refused_too(source: dict[Any, Any], why: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        Arguments.parse(source)
    assert why in str(refused.value)


def test_an_object_whose_keys_read_the_same_in_json_is_refused() -> None:
    class Key(str):
        """Sorts like a text, and is another key than the text that it reads as."""

        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return 7

    with pytest.raises(ArgumentsError, match="`a` stands twice"):
        Arguments.parse({Key("a"): 1, "a": 2})


def test_a_refusal_can_be_printed_whatever_the_key_was() -> None:
    with pytest.raises(ArgumentsError) as refused:
        Arguments.parse('{"\\ud800\\u001b[31m": 1, "\\ud800\\u001b[31m": 2}')
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
    with pytest.raises(ArgumentsError) as long:
        Arguments.parse(json.dumps({"k" * 10_000: 1})[:-1] + f', "{"k" * 10_000}": 2}}')
    assert len(str(long.value)) < 100


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{}", "{}"),
        (' { "b" : 1 , "a" : [ 1.50 , true , null ] } ', '{"a":[1.5,true,null],"b":1}'),
        ('{"a": "\\u00fc\\ud83d\\ude00"}', '{"a":"ü😀"}'),
        (b'{"a": "\xc3\xbc"}', '{"a":"ü"}'),
        ('{"a": "<\\/script>\\u2028"}', '{"a":"</script>\u2028"}'),
        ('{"a": -0.0, "b": 1E2, "c": 1e-400}', '{"a":-0.0,"b":100.0,"c":0.0}'),
        ('{"a": ' + "9" * 40 + "}", '{"a":' + "9" * 40 + "}"),
        ('{"a": -' + "9" * 40 + "}", '{"a":-' + "9" * 40 + "}"),
        ({"b": [1], "a": {"d": 1, "c": 2}}, '{"a":{"c":2,"d":1},"b":[1]}'),
    ],
)
def test_arguments_have_one_text(source: Any, text: str) -> None:
    arguments = Arguments.parse(source)
    assert arguments.text == text
    assert arguments.digest == hashlib.sha256(text.encode()).hexdigest()
    assert arguments.value == json.loads(text)


@given(OBJECTS)
def test_what_is_judged_is_what_is_sent(value: dict[str, Any]) -> None:
    arguments = Arguments.parse(json.dumps(value))
    assert json.loads(arguments.text) == arguments.value == value
    assert Arguments.parse(arguments.text) == Arguments.parse(value) == arguments
    assert Arguments.parse(arguments.text).text == arguments.text


@given(OBJECTS, st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(value: dict[str, Any], dice: Any) -> None:
    assert Arguments.parse(json.dumps(_shuffled(value, dice))) == Arguments.parse(value)


def _shuffled(value: Any, dice: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(key, _shuffled(item, dice)) for key, item in value.items()]
        dice.shuffle(pairs)
        return dict(pairs)
    return [_shuffled(item, dice) for item in value] if isinstance(value, list) else value


@given(OBJECTS, OBJECTS)
def test_the_digest_changes_when_anything_changes(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = Arguments.parse(one), Arguments.parse(other)
    assert (a.digest == b.digest) == (a.text == b.text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1}', '{"a": 1.0}'),
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": 1}', '{"a": true}'),
        ('{"a": 0.0}', '{"a": -0.0}'),
        ('{"a": null}', "{}"),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": "\u00e9"}', '{"a": "e\u0301"}'),  # composed and not: a server may tell them apart
    ],
)
def test_what_a_server_may_tell_apart_has_another_digest(one: str, other: str) -> None:
    assert Arguments.parse(one).digest != Arguments.parse(other).digest


def test_whoever_made_an_object_cant_change_it_under_the_gates() -> None:
    source: dict[str, Any] = {"amount": 1, "to": {"name": "ann"}}
    arguments = Arguments.parse(source)
    source["amount"] = 1_000_000
    source["to"]["name"] = "eve"
    assert arguments.value == {"amount": 1, "to": {"name": "ann"}}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[" * 100_000, b"\xff", b"\xef\xbb\xbf1"])
def test_other_json_is_read_as_strictly(text: str | bytes) -> None:
    with pytest.raises(ArgumentsError):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":}', "not JSON: at character 33"),
        ('{"a": 1} and more', "not JSON: at character 9"),
        ('{"a": "open', "not JSON: at character 6"),
        ("", "not JSON: at character 0"),
        (b'{"a": "\xff"}', "not UTF-8: at byte 7"),
    ],
)
def test_what_is_no_json_is_said_in_our_own_words(text: str | bytes, said: str) -> None:
    with pytest.raises(ArgumentsError) as caught:
        parse_json(text)
    assert str(caught.value) == said


def test_arguments_are_deep_if_they_are_and_not_if_they_are_many() -> None:
    assert Arguments.parse('{"a":' + "[" * 99 + "]" * 99 + "}").text
    assert Arguments.parse('{"a":[' + ",".join(["[{}]"] * 500) + "]}").text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.1234567890123456789012345", 0.12345678901234568),
        ("12345678901234567890123456789.5", 1.2345678901234568e28),
        ("1.10", 1.1),
        ("1E5", 1e5),
        ("1234567890123456789012345678901234567890", 1234567890123456789012345678901234567890),
    ],
)
def test_a_number_is_sent_as_it_was_read_to_be_judged_whatever_it_was_written_like(written: str, read: float) -> None:
    parsed = Arguments.parse(f'{{"a":{written}}}')
    assert parsed.value["a"] == read
    assert parsed.text == f'{{"a":{read!r}}}'
