import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.jsonc import jsonc_spans, parse_jsonc
from gateway.errors import ConfigError, Problem

EXAMPLE = """\
{
  // servers
  "mcpServers": {
    /* one, "two": */ "shop": { "args": ["a", "b",], "url": "http://x//y", },
  },
}
"""

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(values, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_python_reads_it(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_jsonc(text, "f")[0] == value


def test_comments_and_last_commas_are_passed_over() -> None:
    value, _ = parse_jsonc(EXAMPLE, "f")
    assert value == {"mcpServers": {"shop": {"args": ["a", "b"], "url": "http://x//y"}}}


def test_each_key_and_element_has_its_place() -> None:
    _, places = parse_jsonc(EXAMPLE, "f")
    found = {path: (place.line, place.column) for path, place in places.items()}
    assert found == {
        ("mcpServers",): (3, 3),
        ("mcpServers", "shop"): (4, 23),
        ("mcpServers", "shop", "args"): (4, 33),
        ("mcpServers", "shop", "args", 0): (4, 42),
        ("mcpServers", "shop", "args", 1): (4, 47),
        ("mcpServers", "shop", "url"): (4, 54),
    }


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('{"a": 1,\n "a": 2}', 2, 2, "the key `a` stands twice in one object, first in line 1"),
        ('{"a": {"b": 1, "\\u0062": 2}}', 1, 16, "the key `b` stands twice"),
        ("", 1, 1, "a value must stand here"),
        ('{"a" 1}', 1, 6, "a `:` must follow the key `a`"),
        ('{"a": 1 "b": 2}', 1, 9, "a `,` or `}` must stand here"),
        ("[1 2]", 1, 4, "a `,` or `]` must stand here"),
        ("[,]", 1, 2, "a value must stand here"),
        ("{a: 1}", 1, 2, "a key in quotes must stand here"),
        ('{"a": 1', 1, 8, "a `,` or `}` must stand here"),
        ("[1", 1, 3, "a `,` or `]` must stand here"),
        ('["a\nb"]', 1, 2, "no closing quote"),
        ('["\\x"]', 1, 2, "wrong `\\` escape"),
        ('["\\ud800"]', 1, 2, "lone surrogate"),
        ("[NaN]", 1, 2, "a value must stand here"),
        ("[01]", 1, 2, "a value must stand here"),
        ("[1.]", 1, 2, "a value must stand here"),
        ("[" + "1" * 50 + "]", 1, 2, "too long"),
        ("{} {}", 1, 4, "after the end"),
        ("{ /* x", 1, 3, "this comment has no end"),
        ("[" * 100, 1, 66, "nested more than 64 deep"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse_jsonc(text, "f")
    (problem,) = wrong.value.problems
    assert message in problem.message
    assert (problem.file, problem.line, problem.column) == ("f", line, column)


@given(st.text(alphabet='{}[]",:/*\\ \n1-.eut', max_size=30))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    problems: list[Problem] = []
    try:
        parse_jsonc(text, "f")
    except ConfigError as error:
        problems = list(error.problems)
    assert all(problem.line for problem in problems)


def test_spans_say_from_where_to_where_each_value_stands() -> None:
    text = '{ // a\n  "a": [1, {"b": null}],\n}'
    value, spans = jsonc_spans(text, "x")
    assert value == {"a": [1, {"b": None}]}
    assert {path: text[span.key : span.end] for path, span in spans.items()} == {
        (): text,
        ("a",): '"a": [1, {"b": null}]',
        ("a", 0): "1",
        ("a", 1): '{"b": null}',
        ("a", 1, "b"): '"b": null',
    }
    assert text[spans["a",].start : spans["a",].end] == '[1, {"b": null}]'
