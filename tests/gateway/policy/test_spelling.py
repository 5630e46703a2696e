import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.condition import ConditionError
from gateway.policy.spelling import _HARMLESS, _check, check_spelling, sign_hint


@pytest.mark.parametrize(
    "text",
    [
        "args.a in ['x', 'y'] and not matches(args.b, '#*')",
        "args.a in 'EUR'",
        "args.a in ('EUR', 'USD') or args.a in ('GBP',)",
        "args.ü == -1.5 and args.b < 1e-6 and args.c[0] == 0",
        "args.a == '' or args.b == \"\"",
        "args['from'] == 1 and 'b' in args.c",
        "args.a == 12345678901234567890",
        "",
        "args.a == 'open",
    ],
)
def test_what_is_read_as_it_looks_is_left_alone(text: str) -> None:
    check_spelling(text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("args.a == 'x' # y", 14, "`#` has no place in a condition"),
        ("args.a in ['x' \"y\"]", 15, "two texts side by side: 'x' \"y\""),
        ("args.a in ( 'x' )", 10, "`('x')` is a text in brackets and no list"),
        ("args.a == rb'x'", 10, "`rb'x'`: strings are plain in conditions"),
        ("args.a == 0777", 10, "`0777` is not a number as conditions write it"),
        ("args.a == 0.12345678901234567890", 10, "would be compared as `0.12345678901234568`"),
        ("args . in == 1", 7, "`in` can't stand behind a point"),
        ("args.\ufb01le == 1", 5, "`\ufb01le` would be read as `file`"),
    ],
)
def test_what_python_reads_otherwise_is_refused_at_its_place(text: str, offset: int, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        check_spelling(text)
    assert caught.value.offset == offset
    assert message in caught.value.message
    assert caught.value.hint


def test_signs_within_quotes_are_nobodys_mistake() -> None:
    assert sign_hint("args.a == 'a=b' and (") == ""
    assert sign_hint("args.a = 'b'") == "to compare write `==`"


PIECES = st.sampled_from([
    "args", "args.a", ".a", ".from", ".", "in", "not", "and", "rb", "f", "x", "\ufb01", "ü", "'", "'x'", '"y"', "'#'",
    "''", "0", "1", "12", "007", "0x1", "1.5", "1.", ".5", "1e3", "0.123456789", "12345678901", "1_0", "#", "(", ")",
    "[", "]", ",", " ", "  ", "\t", "==", "=", "<", "<=", "!=", "-", "+", "\u00a0", "\u2019",
])  # fmt: skip


@settings(max_examples=2000)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_taken_at_a_glance_would_have_passed_the_whole_check(text: str) -> None:
    if _HARMLESS.fullmatch(text):
        _check(text)


@pytest.mark.parametrize("text", ["args.amount <= 10000", "has(args.kind) and args.kind != 'x1'", "args.a in ['x']"])
def test_ordinary_conditions_are_taken_at_a_glance(text: str) -> None:
    assert _HARMLESS.fullmatch(text)
