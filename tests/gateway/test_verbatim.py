"""JSON that goes through as the text that it was."""

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.verbatim import (
    Overlong,
    Verbatim,
    VerbatimArray,
    altered,
    depth_over,
    encode,
    fields,
    items,
    kept,
    listed,
    on_one_line,
    once,
    parts,
    read,
    whole,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


def verbatim(text: bytes) -> Verbatim:
    value = read(text)
    assert isinstance(value, Verbatim)
    return value


@given(VALUES)
def test_what_is_written_reads_as_it_was(value: Any) -> None:
    assert json.loads(encode(value)) == value
    assert read(encode(value)) == value


def test_an_object_keeps_its_text_and_is_written_so_where_that_is_said() -> None:
    result = verbatim(b'{ "n" : 1e2,"s":"\\u00e9" }')
    assert result == {"n": 100.0, "s": "é"}
    assert encode({"result": whole(result)}) == b'{"result":{ "n" : 1e2,"s":"\\u00e9" }}'
    assert encode({"result": result}) == '{"result":{"n":100.0,"s":"é"}}'.encode()


def test_what_was_taken_over_is_written_as_it_was_and_all_else_as_it_is() -> None:
    result = verbatim(b'{"a":1e2,"b":[ 1 ],"c":1}')
    changed = {**result, "b": [2], "d": None}
    del changed["c"]
    assert encode(parts(changed, result)) == b'{"a":1e2,"b":[2],"d":null}'
    assert parts(changed, {"a": 1}) is changed


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1,]", b'{"a":01}', b"NaN", b"1e999", b'"\\ud800"', b'"\xff"', b'{"\xff":1}', b"[" * 5000]
)
def test_what_can_not_be_passed_on_is_not_read(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b'{"a":{"b":1},"c":[{"b":2}]}', True),
        (b'{ "a" : 1 , "b"\n:2}', True),
        (b'{"a":"\\":x","b":"c\\":\\":"}', True),
        (b'{"a":1,"a":2}', False),
        (b'{"c":[{"text":"seen by one","text":"seen by another"}]}', False),
        (b'{"text" :"seen by one","text":"seen by another"}', False),
        (b'{"a":"\\":","b" :1,"b" :2}', False),
        (b'{"a\\u0062":1,"ab":2}', False),
        (b'{"a":1,"a":2,"b":"\\u0022:"}', False),
        (b'{"a":1,"a":2,"b":"\\"\\u003a"}', False),
        (b'{"a":1,"a":2,"b":"\\"\\u003A"}', False),
        (b'{"a":"\\u0022\\u003a"}', True),
    ],
)
def test_an_object_in_which_a_key_stands_twice_does_not_keep_its_text(text: bytes, kept: bool) -> None:
    value = read(text)
    assert value == json.loads(text)
    assert isinstance(value, Verbatim) is kept


@given(
    st.recursive(
        st.integers() | st.text('":\\\\ {}', max_size=4),
        lambda inner: st.lists(st.tuples(st.sampled_from("ab"), inner), max_size=3),
        max_leaves=8,
    ),
    st.sampled_from([":", " :", "\n:"]),
    st.sampled_from(["", '"', ":", '":']),
    st.sampled_from(["", "pong " * 1000, "at 12:30, " * 500, '"c":1,' * 900]),
)
def test_no_doubled_key_is_overlooked(tree: Any, colon: str, escaped: str, long: str) -> None:
    """A list of pairs is written as an object, doubled keys and all; some characters of strings in the longest way."""
    doubled = False

    def written(node: Any) -> str:
        nonlocal doubled
        if isinstance(node, str):
            letters = [f"\\u{ord(letter):04x}" if letter in escaped else json.dumps(letter)[1:-1] for letter in node]
            return f'"{"".join(letters)}"'
        if not isinstance(node, list):
            return json.dumps(node)
        doubled = doubled or len({key for key, _ in node}) < len(node)
        return "{" + ",".join(f'"{key}"{colon}{written(item)}' for key, item in node) + "}"

    text = written([("root", tree), ("long", long)]).encode()
    assert isinstance(read(text), Verbatim) is not doubled
    if doubled:
        with pytest.raises(ValueError, match="twice"):
            once(text)
    else:
        assert once(text) == json.loads(text)


@pytest.mark.parametrize("number", ["1", "1e2"])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000])
@pytest.mark.parametrize("long", ["x", "x:", '\\"x\\":', "\\u0022:"])
@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_among_any_number_of_keys_the_one_that_stands_twice_is_found(
    number: str, count: int, long: str, blank: str
) -> None:
    for last, keeps in (("last", True), ("k0", False)):
        pairs = ", ".join(f'"k{n}": [{number}]' for n in range(count))
        value = read(f'{{"long": "{long * 5000}", "in": {{{pairs}, "{last}"{blank}: 1}}}}'.encode())
        assert isinstance(value, Verbatim) is keeps


def test_fields_are_the_text_that_they_were() -> None:
    assert fields(b'{"a": [1,  2], "b":"x"}') == {"a": b"[1,  2]", "b": b'"x"'}
    for wrong in (b"[]", b"{", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        with pytest.raises(ValueError, match=r"."):
            fields(wrong)


def test_half_a_character_is_written_as_an_escape() -> None:
    assert encode({"a": "\ud800", "b": MappingProxyType({"c": 1})}) == b'{"a":"\\ud800","b":{"c":1}}'


def test_any_mapping_is_an_object_and_what_is_none_is_no_json() -> None:
    assert encode(MappingProxyType({"a": 1})) == b'{"a":1}'
    with pytest.raises(TypeError, match="object is no JSON"):
        encode({"a": object()})


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def test_depth_is_counted_in_containers_and_without_recursion() -> None:
    assert not depth_over(1, 1)
    assert not depth_over(nested(256), 256)
    assert depth_over(nested(256 + 1), 256)
    assert depth_over(nested(100_000), 256)


def test_an_array_keeps_its_text_too() -> None:
    value = read(b'[ 1.10,"\\u00e9"]')
    assert (value, encode({"data": whole(value)})) == ([1.1, "é"], b'{"data":[ 1.10,"\\u00e9"]}')
    assert not isinstance(read(b'[{"a":1,"a":2}]'), VerbatimArray)


DEEP = b'{"a":{"n":1.10,"s":"\\/","x":[1.0,{"n":2.50,"y":"old"}]},"b":[1e1,2e1,3e1],"c":1.0}'


def test_within_what_was_altered_only_what_is_new_is_written_anew() -> None:
    source = verbatim(DEEP)
    inner = {**source["a"]["x"][1], "y": "new"}
    new = {**source, "a": {**source["a"], "x": [source["a"]["x"][0], inner]}, "b": [0.5, *source["b"][1:], {}]}
    value = altered(new, source)
    assert value == new
    assert encode(whole(value)) == DEEP.replace(b"old", b"new").replace(b"[1e1,2e1,3e1]", b"[0.5,2e1,3e1,{}]")
    plain = {"a": 1}
    assert altered(plain, {"a": 2}) is plain


@given(VALUES, VALUES)
def test_what_is_altered_says_what_its_value_says(old: Any, new: Any) -> None:
    source = verbatim(json.dumps({"a": [old, new, {"b": old}], "c": {"d": old}}, indent=1).encode())
    first, second, third = source["a"]
    for value in (
        {**source, "a": [first, new, third]},
        {"a": [third, second], "c": {"e": source["c"]["d"], "d": new}},
        {"c": {**source["c"], "d": [first]}},
    ):
        assert json.loads(encode(whole(altered(value, source)))) == value


def test_an_item_keeps_its_text_where_it_would_be_written_in_another_way() -> None:
    usual, blanks, odd, long = b'{"n":1.1}', b'{ "n" : 1.1 }', b'{"n": 1.10}', b'{"n":%b1.10}' % (b" " * 99)
    page = verbatim(b'{"tools":[%b]}' % b",".join((usual, blanks, odd, long, b"1.10")))
    found = listed(page, "tools", 1000)
    assert found == [{"n": 1.1}] * 4 + [1.1]
    assert [isinstance(item, Verbatim) for item in found] == [False, False, True, True, False]
    assert [item.text for item in found[2:4]] == [odd, b'{"n":1.10}']
    deep = Verbatim({"tools": [{"x": nested(100_000)}]}, b'{"tools":[{"x":1.10}]}')
    assert not isinstance(listed(deep, "tools", 1_000_000)[0], Verbatim)
    assert listed(page, "others", 1000) is None
    assert listed({"tools": [1]}, "tools", 0) == [1]


def test_an_item_that_is_longer_than_it_may_be_is_not_looked_at_and_blanks_make_none_long() -> None:
    long, blanks = b'{"name":"a","x":"%b"}' % (b"y" * 100), b'{"name":"b",%b"x":[1,2]}' % (b" " * 500)
    page = verbatim(b'{"tools":[%b]}' % b",".join((long, blanks, b'"%b"' % (b"z" * 200), b'{"n":1.10}')))
    found = listed(page, "tools", 50)
    assert [type(item) for item in found] == [Overlong, dict, str, Verbatim]
    assert [item["name"] for item in found[:2]] == ["a", "b"]
    assert type(listed(page, "tools", len(long))[0]) is dict


def test_json_is_on_one_line_without_a_change_of_what_it_says() -> None:
    text = b'{\r\n "a\\n": [1.10,\n\n"\\r"]}\n'
    line = on_one_line(text)
    assert (b"\n" in line, b"\r" in line, json.loads(line)) == (False, False, json.loads(text))
    assert on_one_line(b"{}") == b"{}"


def test_items_are_the_text_that_they_were() -> None:
    assert items(b'[1.10, {"a" :1}]') == [b"1.10", b'{"a" :1}']
    with pytest.raises(ValueError, match=r"."):
        items(b"{}")


@pytest.mark.parametrize("text", [b'{"a":1e400}', b'{"a":[-1E999,{"b":1.10}]}', b'{"a":1.10}'])
def test_what_nobody_reads_keeps_its_text_whatever_its_numbers(text: bytes) -> None:
    known = json.loads(text)
    found = kept(known, text)
    assert (found, found.text) == (known, text)
    assert encode(parts({**found, "b": 1}, found)) == text[:-1] + b',"b":1}'


def test_but_not_what_is_no_json_or_has_a_key_twice() -> None:
    assert type(kept({"a": 2}, b'{"a":1,"a":2}')) is dict
    for text in (b'{"a":NaN}', b'{"a":1e400,"a":2}', b'{"a":"\\ud800"}'):
        with pytest.raises(ValueError, match=r"."):
            kept(json.loads(text), text)
