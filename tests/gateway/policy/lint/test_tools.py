import pytest

from tests.gateway.policy.lint.offered import FINE, offered, rules_told, told

SHOP = (
    offered("shop/refund", {"order_id": {}, "amount": {}, "to": {"type": "object", "properties": {"iban": {}}}}),
    offered("shop/order", {"sku": {}}),
    offered("bank/list", closed=True),
    offered("bank/raw"),
)
AWAY = {"away": "connection refused"}


@pytest.mark.parametrize(
    ("line", "column", "parts"),
    [
        (
            "p, user:ann, *, shop/refnd, call, , deny, y",
            17,
            ["unknown-tool: `shop/refnd` matches no tool", "did you mean `shop/refund`?"],
        ),
        ("p, user:ann, *, crm/*, call, , deny, y", 17, ["`crm/*` matches no tool", "or connect the server"]),
        (
            "p, user:ann, *, shop/refund, call, args.order_id == 'x' and args.amnt > 5, deny, y",
            61,
            ["unknown-argument: no tool", "has the argument `amnt`", "did you mean `amount`?"],
        ),
        (
            "p, *, *, shop/refund, call, args.to.ibna == 'x', deny, y",
            29,
            ["has the argument `to.ibna`", "did you mean `iban`?"],
        ),
        (
            "p, *, *, shop/*, call, args.amount > 5, deny, y",
            24,
            ["shop/order has no argument `amount`, so this line always restricts it", "`has(args.amount) and ...`"],
        ),
        ("p, user:ann, *, shop/refund, call, 'order' in args, deny, y", 36, ["has the argument `order`", "`order_id`"]),
        ("p, *, *, bank/list, call, args.iban == 'x', deny, y", 27, ["has the argument `iban`"]),
    ],
)
def test_patterns_and_arguments_are_compared_with_the_tools(line: str, column: int, parts: list[str]) -> None:
    (found,) = told(FINE + line, *SHOP, missing=AWAY)
    assert found.startswith(f"policy.csv:2:{column} ")
    for part in parts:
        assert part in found


def test_lines_about_a_server_that_is_not_there_are_one_finding() -> None:
    lines = "p, user:ann, *, crm/*, call, , deny, y\np, user:bob, *, crm/read, call, , allow, y\n"
    (found,) = told(FINE + lines, *SHOP)
    assert found.startswith("policy.csv:2:17 unknown-server: 2 lines are about `crm`, which is not connected")


@pytest.mark.parametrize(
    "line",
    [
        "p, user:ann, *, away/thing, call, , deny, y",  # nobody knows what it offers
        "p, *, *, a*/thing, call, , deny, y",
        "p, user:ann, *, docs/file:*, read, , allow, y",  # no tools, but resources
        "p, *, *, shop/*, call, has(args.amount) and args.amount > 5, deny, y",
        "p, user:ann, *, shop/*, call, args.amount > 5, allow, y",  # simply does not grant the others
        "p, *, *, bank/raw, call, args.anything == 1, deny, y",  # takes whatever it is given
        "p, *, *, bank/raw, call, args.deep.er[0] == 1, deny, y",
    ],
)
def test_what_may_be_right_is_not_reported(line: str) -> None:
    assert told(FINE + line, *SHOP, missing=AWAY) == []


@pytest.mark.parametrize(("tool", "problems"), [("*/delete_*", 0), ("*/refnd", 1), ("crm/delete_*", 1)])
def test_a_line_that_restricts_on_whichever_server_comes_is_a_precaution(tool: str, problems: int) -> None:
    lines = f"p, user:ann, *, */*, call, , allow, y\np, *, *, {tool}, call, , ask, y"
    assert len([one for one in told(FINE + lines, *SHOP) if "unknown-tool" in one]) == problems


def test_without_a_catalogue_nothing_is_compared() -> None:
    assert rules_told(FINE + "p, user:ann, *, crm/*, call, args.x == 1, deny, y") == []


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("o, *, *, shop/refnd, call, , dry_run, y", "2:10 unknown-tool: `shop/refnd` matches no tool"),
        ("o, *, *, shop/refund, call, args.amnt > 5, dry_run, y", "2:29 unknown-argument: no tool"),
    ],
)
def test_lines_that_oblige_are_compared_with_the_tools_like_others(line: str, part: str) -> None:
    grant = "p, user:ann, *, */*, call, args.order_id == 'x', allow, y\n"
    found = [one for one in told(grant + line, *SHOP) if "policy.csv:2" in one]
    assert any(part in one for one in found), found
