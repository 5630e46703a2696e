import pytest

from gateway.policy.index import Index
from gateway.policy.roles import Roles
from gateway.policy.rows import Grant, Rule, parse_lines

TEXT = """\
p, *, *, */*, call, , deny, 1
p, user:ann, *, shop/refund, call, , allow, 2
p, role:support, acme, shop/*, call, args.a == 1, ask, 3
p, role:support, *, s?op/refund, call, , allow, 4
p, role:other, *, */*, call, , allow, 5
p, *, *, shop/refund, read, , allow, 6
g, user:ann, role:support, acme
"""


def index() -> Index:
    rows, _ = parse_lines("p.csv", TEXT)
    return Index([r for r in rows if isinstance(r, Rule)], Roles.of(r for r in rows if isinstance(r, Grant)))


@pytest.mark.parametrize(
    ("principal", "tenant", "action", "path", "lines"),
    [
        ("user:ann", "acme", "call", "shop/refund", {1, 2, 3, 4}),
        ("user:ann", "umbrella", "call", "shop/refund", {1, 2}),
        ("user:ann", "acme", "call", "shop/other", {1, 3}),
        ("user:ann", "acme", "read", "shop/refund", {6}),
        ("user:bob", "acme", "call", "bank/send", {1}),
        ("user:bob", "acme", "admin", "bank/send", set()),
    ],
)
def test_only_lines_about_the_question_are_found(
    principal: str, tenant: str, action: str, path: str, lines: set[int]
) -> None:
    found = index().candidates(principal, tenant, action, path)
    assert {rule.line for rule in (*found.deny, *found.ask, *found.allow)} == lines
    assert [rule.line for rule in found.allow] == sorted(rule.line for rule in found.allow)
    assert not found.wrong


@pytest.mark.parametrize(
    ("principal", "tenant", "path"),
    [
        ("role:support", "acme", "shop/refund"),  # a token's own word for its bearer
        ("*", "acme", "shop/refund"),
        ("", "acme", "shop/refund"),
        ("ann", "acme", "shop/refund"),
        ("user:", "acme", "shop/refund"),
        ("user:ann\n", "acme", "shop/refund"),
        ("user:ann,role:support", "acme", "shop/refund"),
        ("user:ann", "*", "shop/refund"),
        ("user:ann", "", "shop/refund"),
        ("user:ann", "acme", "shop"),
        ("user:ann", "acme", "/refund"),
    ],
)
def test_a_question_that_nobody_can_ask_meets_no_line(principal: str, tenant: str, path: str) -> None:
    found = index().candidates(principal, tenant, "call", path)
    assert found.wrong
    assert (found.deny, found.ask, found.allow) == ((), (), ())


def test_what_is_remembered_is_bounded_in_number_and_in_size() -> None:
    found = index()
    for number in range(6000):
        found.candidates(f"user:u{number}", "acme", "call", f"shop/t{number}")
        found.roles_of(f"user:u{number}", "acme")
        found.of_server(f"user:u{number}", "acme", "call", f"s{number}")
    assert 4096 < found.remembered() <= 5 * 4096


def test_whom_no_line_names_has_the_same_answer_as_everybody_else_like_that() -> None:
    found = index()
    first = found.candidates("user:u0", "acme", "call", "shop/refund")
    for number in range(100):
        assert found.candidates(f"user:u{number}", "acme", "call", "shop/refund") is first
    assert found.candidates("user:ann", "acme", "call", "shop/refund") is not first


@pytest.mark.parametrize("principal", ["user:ann", "user:" + "x" * 1000])
@pytest.mark.parametrize("path", ["shop/refund", "shop/" + "x" * 1000])
def test_long_questions_are_answered_and_their_text_is_not_remembered(principal: str, path: str) -> None:
    found = index()
    for number in range(10):
        who = principal + str(number) * (len(principal) > 100)
        assert found.candidates(who, "acme", "call", path + str(number) * (len(path) > 100)).deny
        assert found.of_server(who, "acme", "call", path.replace("/", "")).deny
        found.roles_of(who, "acme")
    assert found.remembered() <= 6


def test_answers_of_many_lines_are_found_anew_each_time_and_right() -> None:
    """Thousands of them, remembered for each of thousands of questions, would fill the memory."""
    rows, _ = parse_lines("p.csv", "\n".join(f"p, *, *, */*, call, args.a == {n}, ask, why" for n in range(300)))
    found = Index([row for row in rows if isinstance(row, Rule)], Roles.of([]))
    question = ("user:ann", "acme", "call", "shop/refund")
    met = found.candidates(*question)
    assert [rule.line for rule in met.ask] == list(range(1, 301))
    assert found.candidates(*question) == met
    assert found.candidates(*question).ask is not met.ask
