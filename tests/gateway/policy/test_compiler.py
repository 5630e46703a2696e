from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.compiler import MAX_LENGTH, compile_condition
from gateway.policy.condition import ConditionError
from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import Scope
from tests.fixtures.policies import a_query, a_tool

U = UNDECIDED
NAN = float("nan")


def answer(condition: str, args: Any = None, who: str = "user:ann") -> Any:
    query = a_query(who, args=args or {}, tool=a_tool("shop/refund", readOnlyHint=True))
    return compile_condition(condition).test(Scope(query, "user:ann", frozenset({"role:support"})))


@pytest.mark.parametrize(
    ("condition", "args", "expected"),
    [
        ("args.amount <= 100", {"amount": 100}, True),
        ("args.amount <= 100", {"amount": 100.01}, False),
        ("0 < args.amount <= 100", {"amount": -5}, False),
        ("args.amount > 0 and args.currency in ['EUR', 'USD']", {"amount": 1, "currency": "EUR"}, True),
        ("args.currency not in ('EUR', 'USD')", {"currency": "GBP"}, True),
        ("args.a == 1 or args.b == 2", {"b": 2}, True),
        ("not args.dry_run", {"dry_run": False}, True),
        ("args.x == -1", {"x": -1}, True),
        ("args['odd key'] == 1", {"odd key": 1}, True),
        ("args.rows[0].id == 'a'", {"rows": [{"id": "a"}]}, True),
        ("args.tags == ['a', 'b']", {"tags": ["a", "b"]}, True),
        ("'admin' in args.tags", {"tags": ["admin"]}, True),
        ("'to' in args", {"to": 1}, True),
        ("len(args.to) < 3", {"to": ["a", "b"]}, True),
        ("args.x == null", {"x": None}, True),
        ("args.x != None", {"x": 5}, True),
        ("args.flag == true", {"flag": True}, True),
        ("has(args.a.b)", {"a": {"b": None}}, True),
        ("has(args.a.b)", {"a": "text"}, False),
        ("has(args.a) and args.a > 1", {}, False),
        ("tool.read_only and tool.trusted", {}, True),
        ("subject.user == 'user:ann' and 'role:support' in subject.roles", {}, True),
        ("subject.agent == ''", {}, True),
        ("now.weekday in ['sat', 'sun'] and now.hour >= 12", {}, True),
        ("now.date >= '2026-01-01'", {}, True),
        ("run.usd < 0.5 and not run.tainted", {}, True),
        ("lower(args.a) == 'x'", {"a": "X"}, True),
    ],
)
def test_conditions_that_can_be_decided(condition: str, args: Any, expected: bool) -> None:
    assert answer(condition, args) is expected


VALUES = ["50000", True, None, NAN, [50000], {"v": 50000}, ""]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "condition", ["args.amount > 10000", "args.amount <= 10000", "args.amount == 5", "args.amount in [5]"]
)
def test_a_value_of_another_kind_is_undecidable(condition: str, value: Any) -> None:
    assert answer(condition, {"amount": value}) is U
    assert answer(f"not ({condition})", {"amount": value}) is U


@pytest.mark.parametrize(
    "condition", ["args.amount > 1", "args.a.b == 1", "args.l[0] == 1", "args.flag", "lower(args.s) == 'a'"]
)
def test_a_missing_value_is_undecidable(condition: str) -> None:
    assert answer(condition, {"l": []}) is U


@pytest.mark.parametrize(
    "condition", ["has(args.a)", "args.a == 1", "'a' in args", "len(args) < 5", "any_match(args.a, 'x')"]
)
def test_unknown_arguments_decide_nothing(condition: str) -> None:
    query = replace(a_query(), args=None)
    assert compile_condition(condition).test(Scope(query, "user:ann", frozenset())) is U


@pytest.mark.parametrize(
    ("condition", "offset", "part"),
    [
        ("amount > 5", 0, "unknown name `amount`"),
        ("args.a == b", 10, "unknown name `b`"),
        ("tool.readonly", 0, "unknown name `tool.readonly`"),
        ("tool.read_only.x", 0, "unknown name `tool.read_only.x`"),
        ("tool", 0, "`tool` alone is not a value"),
        ("args.a +", None, "not a condition"),
        ("args.a = 1", None, "not a condition"),
        ("args.a == 1 &&", None, "not a condition"),
        ("args.a == (1 + 2)", 11, "there is no arithmetic"),
        ("args.a if args.b else args.c", 0, "there is no `if`"),
        ("args.a.pop('x') == 1", 0, "`args.a.pop` can't be called"),
        ("args.clear()", 0, "`args.clear` can't be called"),
        ("open('/etc/passwd') == 1", 0, "unknown function `open`"),
        ("__import__('os') == 1", 0, "unknown function `__import__`"),
        ("match(args.a, 'x')", 0, "unknown function `match`"),
        ("args.a is null", 0, "`is` is not part"),
        ("(lambda: 1)() == 1", 0, "can't be called"),
        ("[x for x in args.l] == []", 0, "there are no loops"),
        ("{'a': 1} == args.a", 0, "there are no objects"),
        ("f'{args.a}' == 'x'", 0, "strings are plain"),
        ("(a := 1) == 1", 1, "can't set anything"),
        ("args.a == ...", 10, "is not a value"),
        ("args.a == b'x'", 10, "strings are plain"),
        ("args.a == 1j", 10, "is not a number"),
        ("args.a < 1e999", 9, "too large a number"),
        ("args.a < 9" + "9" * 50, 9, "more than 40 digits"),
        ("args.a == - -1", 10, "only a written number can have a minus"),
        ("-args.a == 1", 0, "only a written number can have a minus"),
        ("args[args.b] == 1", 0, "what stands in [ ]"),
        ("args.l[0:1] == []", 0, "what stands in [ ]"),
        ("args.l[true] == 1", 0, "what stands in [ ]"),
        ("'abc'", 0, "is not a yes-or-no question"),
        ("len(args.a)", 0, "is not a yes-or-no question"),
        ("now.hour and args.a", 0, "is not a yes-or-no question"),
        ("not now.hour", 4, "is not a yes-or-no question"),
        ("now.hour > '9'", 0, "can never be decided"),
        ("tool.name == 5", 0, "can never be decided"),
        ("now.hour in 'abc'", 0, "can never be decided"),
        ("len(tool.read_only) > 1", 0, "can never be decided"),
        ("now.weekday == 'Saturday'", 15, "`Saturday` is not a weekday"),
        ("now.weekday in ['sat', 'son']", 15, "`son` is not a weekday"),
        ("matches(args.a)", 0, "wrong number of arguments"),
        ("matches(args.a, args.b)", 16, "must be a written string"),
        ("matches(args.a, '')", 16, "must be a written string"),
        ("lower(args.a, 'x') == 'a'", 0, "wrong number of arguments"),
        ("matches(args.a, glob='x')", 0, "have no names"),
        ("has('a')", 0, "wrong arguments"),
        ("has(tool.name)", 0, "only arguments may be missing"),
        ("under(args.a, '../x')", 14, "is not a plain path"),
        ("args.l == [args.a]", 11, "a list holds only written values"),
        ("len == 1", 0, "`len` is a function"),
        ("args.a == 'a\\b'", 12, "a backslash"),
        ("(args.a ==\n1)", 10, "a line break"),
        ("args.a == \0", 10, "a NUL"),
        ("args.ü == 1 and amount", 16, "unknown name `amount`"),
        ("args.a == 1 or " * 200 + "args.a == 1", 0, "parts; at most 200"),
        ("x" * (MAX_LENGTH + 1), MAX_LENGTH, "longer than"),
        ("(" * 150 + "1" + ")" * 150, None, ""),
        ("not " * 900 + "args.a", None, ""),
        ("args" + "[0]" * 1300 + " == 1", None, ""),
        ("", 0, "not a condition"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(condition: str, offset: int | None, part: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(condition)
    assert part in caught.value.message
    assert offset in (None, caught.value.offset)


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("amount > 5", "arguments are written `args.amount`"),
        ("arg.amount > 5", "did you mean `args`?"),
        ("tool.readonly", "did you mean `read_only`?"),
        ("match(args.a, 'x')", "did you mean `matches`?"),
        ("args.a && args.b", "write `and`"),
        ("args.a = 1", "to compare write `==`"),
        ("args.a is not null", "write `!=`"),
        ("args.a => 1", "write `>=`"),
        ("args.a == 1 AND args.b", "write `and`"),
        ("now.weekday == 'Saturday'", "`sat`"),
    ],
)
def test_the_hint_says_what_to_write(condition: str, hint: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(condition)
    assert hint in caught.value.hint


def check_place(error: ConditionError, text: str) -> None:
    assert 0 <= error.offset <= len(text)


WORDS = ["args", "args.a", "tool.name", "now.hour", "(", ")", "[", "]", "'x'", "1", "==", "<", "in", "and", "not", ",",
         "has(", "matches(", "len(", "null", "-", ".", "or", "1.5", "subject.roles", "now.weekday"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join))
def test_a_condition_is_refused_or_has_an_answer_for_everything(text: str) -> None:
    try:
        condition = compile_condition(text)
    except ConditionError as error:
        check_place(error, text)
        return
    for args in ({}, {"a": 1}, {"a": "x"}, {"a": [{"a": None}]}, None):
        scope = Scope(replace(a_query(), args=args), "user:ann", frozenset())
        assert condition.test(scope) in (True, False, UNDECIDED)


@given(st.text(max_size=60))
def test_no_text_breaks_the_compiler(text: str) -> None:
    try:
        compile_condition(text)
    except ConditionError as error:
        check_place(error, text)


def test_arguments_are_never_changed_by_looking_at_them() -> None:
    args = {"a": [1, {"b": 2}], "c": "x"}
    answer("args.a[1].b == 2 and args.c in ['x'] and len(args.a) == 2 and any_match(args.a, 'x')", args)
    assert args == {"a": [1, {"b": 2}], "c": "x"}
