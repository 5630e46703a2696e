from gateway.policy import parse
from gateway.policy.cases.failing import because
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.running import outcomes

POLICY = parse(
    """\
p, role:support, *, shop/refund, call, 0 < args.amount <= 100, allow, small
p, *, *, shop/refund, call, args.amount > 100, deny, through finance
p, *, *, shop/*, call, tool.read_only and tool.trusted, allow, reading
p, *, *, bank/*, call, , deny, never
p, role:support, *, bank/look, call, , allow, looking
p, *, *, shop/x, list, , deny, hidden
g, user:ann, role:support, *
"""
)
HEAD = "name, who, tool, args, expect, line, why, with, action\n"


def why(line: str) -> list[str]:
    cases = parse_cases("tests.csv", (HEAD + line).encode())
    (found,) = outcomes(POLICY, cases, lambda _action, _path: None)
    assert not found.ok
    return because(POLICY, found.failure)


def test_the_line_that_decided_is_shown_with_what_its_condition_saw() -> None:
    assert why('a, user:ann, shop/refund, {"amount": 900}, allow, , , trusted,') == [
        "policy.csv:2 denies when args.amount > 100 (args.amount is 900)"
    ]


def test_the_line_that_should_have_restricted_says_why_it_did_not() -> None:
    assert why('a, user:ann, shop/refund, {"amount": 50}, deny, , , trusted,') == [
        "policy.csv:1 allows when 0 < args.amount <= 100 (args.amount is 50)",
        "policy.csv:2 does not deny: `args.amount > 100` does not hold (args.amount is 50)",
    ]


def test_the_line_that_is_named_says_why_it_did_not_decide() -> None:
    told = why('a, user:ann, shop/refund, {"amount": 50}, allow, policy.csv:3, , trusted,')
    assert told[1] == (
        "policy.csv:3 does not allow: `tool.read_only and tool.trusted` does not hold"
        " (tool.read_only is false, tool.trusted is true)"
    )
    assert why("a, user:ann, bank/look, , allow, , looking, trusted,") == [
        "policy.csv:4 denies",
        "policy.csv:5 would allow, too, but does not decide",
    ]


def test_what_nothing_allows_says_what_the_nearest_line_lacks() -> None:
    told = why('a, user:eve, shop/refund, {"amount": 5}, allow, , , trusted,')
    assert [line.partition(":3 ")[2].partition("`")[0] for line in told] == ["does not allow: "]
    assert why("a, user:eve, desk/x, , allow, , , trusted,") == []
    assert why('a, user:ann, shop/refund, {"amount": 0}, ask, , , trusted,')[0].startswith(
        "policy.csv:1 would allow it"
    )


def test_a_name_that_no_line_has_is_told() -> None:
    assert why("a, user:eve, shop/x, , deny, policy.csv:99, , trusted,")[-1] == "there is no line policy.csv:99"
    assert why("a, user:eve, shop/x, , deny, , never said, trusted,")[-1] == "no line says `never said`"
    assert why("a, user:eve, shop/x, , deny, policy.csv:4, , trusted,")[-1] == (
        "policy.csv:4, which is expected to decide, is not about this: p, *, *, bank/*, call, , deny, never"
    )


def test_a_tool_of_which_nothing_is_known_is_a_likely_reason() -> None:
    assert why("a, user:eve, shop/look, , allow, , , ,")[-1].startswith("nothing is known about this tool")


def test_a_list_is_explained_by_its_own_reason() -> None:
    assert why("a, user:ann, shop/x, , allow, , , trusted, list") == []
