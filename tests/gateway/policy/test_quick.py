"""Conditions that are read without a parser are read as with it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy import compiler
from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition, ConditionError
from gateway.policy.quick import quickly
from gateway.policy.scope import Scope
from tests.fixtures.policies import a_query

PATHS = ("args.a", "args.b", "args.a.b", "args._x1", "args.if", "args.true", "args", "run.calls", "args.\u00e4")
SIGNS = ("<", "<=", ">", ">=", "==", "!=", "=", "<>", " in ", "is")
WRITTEN = (
    "0",
    "5",
    "12.5",
    "1.",
    "007",
    "1e3",
    "-1",
    "1_0",
    "12345678901",
    "0x1",
    "'x'",
    "''",
    "'a\\'",
    '"x"',
    "'\u00e4'",
    "'x''y'",
    "true",
)
ARGS: list[dict[str, Any]] = [
    {},
    {"a": 5},
    {"a": 12.5, "b": "x"},
    {"a": {"b": "x"}},
    {"a": "x", "_x1": 0, "true": True},
    {"a": None, "b": []},
]

comparison = st.builds(
    lambda path, blank, sign, other, written: f"{path}{blank}{sign}{other}{written}",
    st.sampled_from(PATHS[:4]) | st.sampled_from(PATHS),
    st.sampled_from((" ", " ", "", "  ")),
    st.sampled_from(SIGNS[:6]) | st.sampled_from(SIGNS),
    st.sampled_from((" ", " ", "")),
    st.sampled_from(("5", "'x'", "12.5")) | st.sampled_from(WRITTEN),
)
joined = st.lists(comparison, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from((" and ", " and ", " or ", "and", " and  ")).map(lambda word: word.join(parts))
)


def slowly(text: str, monkeypatch: pytest.MonkeyPatch) -> Condition:
    with monkeypatch.context() as patched:
        patched.setattr(compiler, "quickly", lambda _text: None)
        return compile_condition(text)


def answers(condition: Condition) -> list[object]:
    scopes = [Scope(a_query(args=args), "user:ann", frozenset()) for args in ARGS]
    return [[part.test(scope) for part in condition.parts] + [condition.test(scope)] for scope in scopes]


@given(joined)
def test_what_is_read_quickly_says_what_the_parser_finds(text: str) -> None:
    found = quickly(text)
    if found is None:
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        parsed = slowly(text, monkeypatch)
    assert found == parsed
    assert found.paths == parsed.paths
    assert answers(found) == answers(parsed)


@pytest.mark.parametrize(
    "text",
    [
        "args.amount <= 100",
        "args.a > 1.25 and args.b != 'x y'",
        "args.a.b == ''",
        "args.a>=5 and args.a<9 and args.b=='x'",
    ],
)
def test_plain_comparisons_are_read_quickly(text: str) -> None:
    assert quickly(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "args.if > 1", "args.a > 007", "args.a > 5.", "args.a > 1e3", "args.a > 12345678901", "args.a > 5 and",
        "args.a > 5args.b", "args.a == 'x' 'y'", "args.a == 'x\\'", "args.a == '\u00e4'", "args.\u00e4 > 1", "args > 1",
        "run.calls > 1", "args.a > 1 or args.b > 1", "args.a in 'x'", "not args.a > 1", " args.a > 1", "args.a > 1\n",
        "args.a > 1" + " and args.a > 1" * 20, "",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_the_parser(text: str) -> None:
    assert quickly(text) is None


def test_a_mistake_is_told_as_ever() -> None:
    with pytest.raises(ConditionError, match="can't stand behind a point"):
        compile_condition("args.if > 1")
