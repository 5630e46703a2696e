from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.compiler import compile_condition
from gateway.policy.scope import Scope
from gateway.policy.suggest.values import narrowed
from tests.fixtures.policies import a_query

TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("values", "text", "note"),
    [
        ([5, 5, 5], "args.x == 5", ""),
        (["a", "b", "a"], "args.x in ['a', 'b']", ""),
        ([True], "args.x == true", ""),
        ([None, "a"], "args.x in ['a', null]", ""),
        ([[1, 2]], "args.x == [1, 2]", ""),
        ([-3, 10, 2, 4.5], "-3 <= args.x <= 10", "any number from -3 to 10 in args.x: 4 were seen"),
        (
            ["notes/a.md", "notes/b/c.md", "notes/d", "notes/e"],
            "under(args.x, 'notes')",
            "any path below notes in args.x: 4 different ones were seen",
        ),
        ([f"/srv/p/{n}/x" for n in "abcd"], "under(args.x, '/srv/p')", "any path below /srv/p"),
        ([f"{n}@acme.com" for n in "abcd"], "in_domain(args.x, 'acme.com')", "any address in acme.com in args.x"),
        ([["a@acme.com", f"{n}@b.org"] for n in "abcd"], "in_domain(args.x, 'acme.com', 'b.org')", "any address in"),
        ([f"https://acme.com/{n}" for n in "abcd"], "host(args.x) == 'acme.com'", "any URL on acme.com in args.x"),
        (list("abcd"), "args.x in ['a', 'b', 'c', 'd']", ""),
        ([f"/{n}/x" for n in "abcd"], "args.x in ['/a/x', '/b/x', '/c/x', '/d/x']", ""),
        ([f"./{n}/x" for n in "abcd"], "args.x in ['./a/x', './b/x', './c/x', './d/x']", ""),
        ([f"../{n}/x" for n in "abcd"], "args.x in ['../a/x', '../b/x', '../c/x', '../d/x']", ""),
        ([f"text {n}" for n in range(21)], "len(args.x) <= 7", "any text of up to 7 in args.x: 21 different ones"),
        (["line\nbreak"], "len(args.x) <= 10", "any text of up to 10 in args.x: what was seen can't be written here"),
        ([[{"a": 1}]], "len(args.x) <= 1", "any value of up to 1 in args.x"),
        ([*range(4), "a"], "args.x in ['a', 0, 1, 2, 3]", ""),
    ],
)
def test_what_values_have_in_common_is_said_as_narrowly_as_it_can_be(values: list[Any], text: str, note: str) -> None:
    found = narrowed("args.x", "x", values)
    assert found.text == text
    assert found.note.startswith(note)
    assert bool(found.note) == bool(note)


@pytest.mark.parametrize(
    ("name", "value"), [("password", "hunter2"), ("api_key", 5), ("text", TOKEN), ("text", [TOKEN])]
)
def test_what_looks_like_a_secret_is_not_written(name: str, value: Any) -> None:
    found = narrowed("args.x", name, [value])
    assert found.text == "has(args.x)"
    assert "looks like a secret" in found.note
    assert str(value) not in found.text + found.note


def test_a_uuid_is_no_secret() -> None:
    assert narrowed("args.x", "order", ["0b7c4f7e-3f2a-4c1d-9b7e-2f0a9c1d3e5f"]).note == ""


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-50, 50)
    | st.floats(-50, 50)
    | st.text("ab/.@-'\"\\\n", max_size=6)
    | st.sampled_from(["a@b.org", "c@d.org", "https://a.org/x", "notes/a", "notes/b/c", "/srv/a", "~/x", "a/../b"])
    | st.lists(st.sampled_from(["a@b.org", "x", ""]), max_size=2)
)


@given(st.lists(VALUES, min_size=1, max_size=25))
def test_the_condition_holds_of_every_value_that_was_seen(values: list[Any]) -> None:
    condition = compile_condition(narrowed("args.x", "x", values).text)
    for value in values:
        assert condition.test(Scope(a_query(args={"x": value}), "user:ann", frozenset())) is True
