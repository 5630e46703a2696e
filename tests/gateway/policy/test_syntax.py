"""A condition that can't be parsed: where, and what to do."""

import ast

import pytest

from gateway.policy.compiler import compile_condition
from gateway.policy.condition import ConditionError
from gateway.policy.syntax import not_a_condition


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("args.a < 100 and", "and", "`and` has nothing behind it", "or take `and` out"),
        ("(args.a or) and args.b", "or", "`or` has nothing behind it", "or take `or` out"),
        ("args.a <=", "<=", "`<=` has nothing behind it", "what it is compared with"),
        ("args.a not", "not", "`not` has nothing behind it", "the condition that is missing"),
        ("or args.a", "or", "`or` has nothing before it", "or take `or` out"),
        ("has(args.a) and (== 3)", "==", "`==` has nothing before it", "what it is compared with"),
        ("args.a and or args.b", "or", "`or` stands straight behind `and`", "something is missing between the two"),
        ("args.a < < 2", "< 2", "`<` stands straight behind `<`", "one of them is too many"),
        ("args.a < 100 args.b", "args.b", "`args.b` stands straight behind `100`", "join the two with `and`"),
        ("has(args.a) not_b", "not_b", "`not_b` stands straight behind `)`", "join the two with `and`"),
        ("args. == 3", "args.", "`args.` has nothing behind its point", "write `args.name`"),
        ("(args.a", "(", "`(` opens here and is never closed", "close it with `)`"),
        ("args.a in ['x'", "[", "`[` opens here and is never closed", "close it with `]`"),
        ("has(args.a]", "]", "`]` closes nothing", "write the `[` that it belongs to"),
        ("args.a)", ")", "`)` closes nothing", "write the `(` that it belongs to"),
        ("args.a == 'x", "'", "the quote ' opens here and is never closed", "close it with `'`"),
        ("args.a == 1 && args.b", "&&", "not a condition", "write `and`"),
        ("args.a == 'and' and", "and", "`and` has nothing behind it", ""),
    ],
)
def test_the_first_words_that_cannot_stand_so_are_named_with_their_place(
    text: str, at: str, message: str, hint: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    found = caught.value
    last = text.rindex(at) if message.endswith("behind it") else text.index(at)
    assert (abs(found.offset - last) <= 1) if at == "&&" else found.offset == last
    assert found.message.startswith(message)
    assert hint in found.hint


def test_what_python_alone_knows_is_told_as_it_says_it() -> None:
    with pytest.raises(SyntaxError) as caught:
        ast.parse("lambda", mode="eval")
    found = not_a_condition("lambda", caught.value)
    assert (found.message, found.hint) == ("not a condition: invalid syntax", "")
