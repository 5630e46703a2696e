"""The law: what is edited says what it must, and nothing else has changed. Then the cases that people write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.jsonc import parse_jsonc
from gateway.errors import ConfigError
from gateway.hosts.json_edit import with_member, without_members

ENTRY = {"command": "toolgate", "args": ["serve"]}

COMMENTED = """\
{
  // my servers, in an order that means something to me
  "theme": "dark", /* mine */
  "mcpServers": {
    "time": { "command": "uvx" }, // what time is it?
    /* the repository */
    "git": {
      "command": "git", // not git itself
      "args": ["-C", "."]
    }
  },
  "last": [1, 2]
}
"""


def value_of(text: str) -> Any:
    return parse_jsonc(text, "x.json")[0]


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=5)
leaves = st.none() | st.booleans() | st.integers(-999, 999) | st.text(st.characters(codec="utf-8"), max_size=5)
objects = st.dictionaries(names, leaves | st.dictionaries(names, leaves, max_size=3), max_size=4)


@given(before=objects, indent=st.sampled_from([None, 0, 2, "\t"]), key=names, crlf=st.booleans())
def test_a_member_that_is_put_in_and_taken_out_leaves_what_was_said(
    before: dict[str, Any], indent: int | str | None, key: str, crlf: bool
) -> None:
    whole = {"a": 1, "servers": before, "z": [1]}
    text = json.dumps(whole, indent=indent, ensure_ascii=False)
    text = text.replace("\n", "\r\n") if crlf else text
    if key in before:
        assert value_of(without_members(text, ("servers",), [key]))["servers"] == {
            name: value for name, value in before.items() if name != key
        }
        return
    added = with_member(text, ("servers",), key, ENTRY)
    assert value_of(added) == {**whole, "servers": {**before, key: ENTRY}}
    assert value_of(without_members(added, ("servers",), [key])) == whole
    assert "\r\n" not in text or "\n" not in added.replace("\r\n", "")


def test_comments_order_and_indentation_stay() -> None:
    text = without_members(COMMENTED, ("mcpServers",), ["time"])
    text = with_member(text, ("mcpServers",), "toolgate", ENTRY)
    assert text == COMMENTED.replace(
        '    "time": { "command": "uvx" }, // what time is it?\n', "     // what time is it?\n"
    ).replace(
        '      "args": ["-C", "."]\n    }\n',
        '      "args": ["-C", "."]\n    },\n    "toolgate": {\n      "command": "toolgate",\n      "args": [\n'
        '        "serve"\n      ]\n    }\n',
    )


def test_the_last_one_takes_the_comma_before_it_along() -> None:
    text = without_members(COMMENTED, ("mcpServers",), ["git"])
    assert '"time": { "command": "uvx" } // what time is it?\n    /* the repository */\n  },' in text
    assert list(value_of(text)["mcpServers"]) == ["time"]


def test_a_comma_after_the_last_item_stays_one() -> None:
    text = '{\n\t"servers": {\n\t\t"a": {},\n\t},\n}\n'
    added = with_member(text, ("servers",), "b", {"x": 1})
    assert added == '{\n\t"servers": {\n\t\t"a": {},\n\t\t"b": {\n\t\t\t"x": 1\n\t\t},\n\t},\n}\n'
    assert without_members(added, ("servers",), ["b"]) == text


def test_what_stands_in_one_line_stays_in_one_line() -> None:
    assert with_member('{"a": {"b": 1}}', ("a",), "c", [2]) == '{"a": {"b": 1, "c": [2]}}'
    assert with_member('{"a": {"b": 1,}}', ("a",), "c", [2]) == '{"a": {"b": 1, "c": [2],}}'
    assert with_member('{"a": {}, "b": 1}', ("a",), "c", [2]) == '{"a": {"c": [2]}, "b": 1}'
    assert without_members('{"a": 1, "b": 2}', (), ["a"]) == '{ "b": 2}'


@pytest.mark.parametrize(
    "text", ["", " \n", "{}", "{\n}\n", "{ // nothing yet\n}", '{"other": 1}', '{"mcpServers": {}}']
)
def test_the_object_is_made_where_there_is_none(text: str) -> None:
    added = with_member(text, ("mcpServers",), "toolgate", ENTRY)
    assert value_of(added)["mcpServers"] == {"toolgate": ENTRY}
    assert ("nothing yet" in added) == ("nothing yet" in text)


def test_a_deep_place_is_made_whole() -> None:
    added = with_member('{"projects": {}}', ("projects", "/home/ann/p", "mcpServers"), "toolgate", ENTRY)
    assert value_of(added) == {"projects": {"/home/ann/p": {"mcpServers": {"toolgate": ENTRY}}}}


def test_what_is_no_object_is_not_written_into() -> None:
    with pytest.raises(ValueError, match="no object"):
        with_member('{"mcpServers": []}', ("mcpServers",), "toolgate", ENTRY)


def test_what_is_no_json_is_not_touched() -> None:
    with pytest.raises(ConfigError):
        with_member('{"mcpServers": ', ("mcpServers",), "toolgate", ENTRY)


@given(before=objects.filter(bool), indent=st.sampled_from([None, 2]), draw=st.data())
def test_any_of_the_members_may_go_together(before: dict[str, Any], indent: int | None, draw: st.DataObject) -> None:
    text = json.dumps({"servers": before}, indent=indent, ensure_ascii=False)
    names = draw.draw(st.lists(st.sampled_from(sorted(before)), unique=True))
    left = value_of(without_members(text, ("servers",), names))
    assert left == {"servers": {name: value for name, value in before.items() if name not in names}}
