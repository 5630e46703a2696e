import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.places import KeyPath
from gateway.config.toml_lines import toml_blocks, toml_places

EXAMPLE = '''\
# [not.a.table]
title = "a # b = [c]"   # said = "here"
[store]
path = "x"
  synchronous = 'full'

[ models . "demo.one" ]
text = """
[not.a.table]
key = 1 \\""" still
"""
raw = \'\'\'
x = 1\'\'\'\'
list = [
  "a", # ]
  ["b", {c = 1, "d" = [2]}],
]
dotted.key = 1979-05-27 07:32:00
inline = { a = 1, b = { c = "}" } }
[[many]]
a = 1
[[many]]
a = 2
[many.below]
b = 3
'''


def leaves(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every path there is, tables and elements included."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    below = [leaves(item, (*path, key)) for key, item in items]
    return ({path} if path else set()).union(*below)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("title",), 2, 1),
        (("store",), 3, 2),
        (("store", "synchronous"), 5, 3),
        (("models",), 7, 3),
        (("models", "demo.one"), 7, 12),
        (("models", "demo.one", "text"), 8, 1),
        (("models", "demo.one", "raw"), 12, 1),
        (("models", "demo.one", "list", 0), 15, 3),
        (("models", "demo.one", "list", 1, 1, "d"), 16, 17),
        (("models", "demo.one", "dotted", "key"), 18, 8),
        (("models", "demo.one", "inline", "b", "c"), 19, 25),
        (("many", 0), 20, 3),
        (("many", 1), 22, 3),
        (("many", 1, "a"), 23, 1),
        (("many", 1, "below", "b"), 25, 1),
    ],
)
def test_each_key_stands_where_it_was_written(path: KeyPath, line: int, column: int) -> None:
    place = toml_places(EXAMPLE, "f")[path]
    assert (place.line, place.column) == (line, column)


def test_every_key_has_a_place_and_nothing_else_has_one() -> None:
    assert set(toml_places(EXAMPLE, "f")) == leaves(tomllib.loads(EXAMPLE))


def test_a_table_that_is_mentioned_twice_stands_where_it_was_first() -> None:
    places = toml_places("a.x = 1\na.y = 2\n", "f")
    assert places["a",].line == 1


def test_a_long_text_may_end_in_quotes_of_its_own() -> None:
    text = "a = \"\"\"x\"\"\"\"\"\nb = '''y'''''\nc = 1"
    assert {path: place.line for path, place in toml_places(text, "f").items()} == {("a",): 1, ("b",): 2, ("c",): 3}


def written(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool | int) else quoted(value)


def quoted(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["#", "]", '"""', "'", "a.b"])
values = st.recursive(
    st.booleans() | st.integers(0, 99) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(words, st.dictionaries(words, values, max_size=4), max_size=4))
def test_whatever_is_in_a_text_its_keys_are_found_at_their_lines(tables: dict[str, dict[str, Any]]) -> None:
    lines: list[str] = []
    wanted: dict[KeyPath, int] = {}
    for table, keys in tables.items():
        lines.append(f"[{quoted(table)}]")
        wanted[table,] = len(lines)
        for key, value in keys.items():
            lines.append(f"{quoted(key)} = {written(value)} # [x]")
            wanted[table, key] = len(lines)
    text = "\n".join(lines)
    places = toml_places(text, "f")
    assert set(places) == leaves(tomllib.loads(text))
    assert {path: places[path].line for path in wanted} == wanted


def test_blocks_are_the_tables_that_have_a_header_of_their_own() -> None:
    text = 'a = 1\n[t] # one\nb = """\n[no]\n"""\n\n# about u\n[[u]]\n[t."x.y"]\nc = 2 # two\n'
    blocks = toml_blocks(text)
    assert [(block.path, text[block.start : block.end]) for block in blocks] == [
        (("t",), '[t] # one\nb = """\n[no]\n"""'),
        (("u", 0), "[[u]]"),
        (("t", "x.y"), '[t."x.y"]\nc = 2 '),
    ]
