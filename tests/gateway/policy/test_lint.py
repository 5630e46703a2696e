from dataclasses import replace
from pathlib import Path

import pytest

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.policy import load, parse
from gateway.policy.cases import run_tests
from gateway.policy.lint import check, findings
from gateway.policy.model import MODEL
from tests.fixtures.policies import a_tool

FINE = "p, user:ann, *, shop/refund, call, 0 <= args.amount <= 100, allow, fine\n"


def tool(path: str, *names: str, closed: bool = False) -> Tool:
    schema = {"type": "object", "properties": {name: {} for name in names}, "additionalProperties": not closed}
    return replace(a_tool(path), definition={"name": path, "inputSchema": schema})


SHOP = Catalogue.of(
    [
        tool("shop/refund", "order_id", "amount"),
        tool("shop/order", "sku"),
        tool("bank/list", closed=True),
        tool("bank/raw"),
    ],
    missing={"away": "connection refused"},
)


def said(text: str, catalogue: Catalogue | None = None) -> list[str]:
    return [str(problem) for problem in findings(parse(text), catalogue)]


def test_a_policy_without_doubts_has_no_findings() -> None:
    assert said(FINE, SHOP) == []


@pytest.mark.parametrize(
    ("line", "column", "part"),
    [
        ("p, *, *, */*, call, , allow, all", 4, "everybody may call */*"),
        ("p, *, acme, shop/*, call, , allow, all", 4, "everybody may call shop/*"),
        ("p, user:ann, *, shop/refund, call, 1 == 1, allow, y", 36, "the condition `1 == 1` looks at nothing"),
        (
            "p, user:ann, *, bank/x, call, , allow, y\np, *, *, bank/*, call, , deny, n",
            4,
            "policy.csv:3 denies everything",
        ),
        ("p, user:ann, *, bank/x, call, args.a == 1, ask, y\np, *, *, */*, call, , ask, n", 4, "policy.csv:3 asks for"),
        (
            "p, user:ann, acme, shop/refund, call, args.a == 1, allow, y\np, user:ann, *, s*/*, call, , allow, n",
            4,
            "allows",
        ),
    ],
)
def test_lines_that_are_doubtful_by_themselves_are_found(line: str, column: int, part: str) -> None:
    (found,) = [problem for problem in said(FINE + line) if problem.startswith("policy.csv:2")]
    assert found.startswith(f"policy.csv:2:{column}: warning: ")
    assert part in found


@pytest.mark.parametrize(
    "lines",
    [
        "p, *, acme, bank/*, call, , deny, n\np, user:ann, *, bank/x, call, , allow, y",  # another tenant remains
        "p, user:bob, *, bank/*, call, , deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/x*, call, , deny, n\np, user:ann, *, bank/*, call, , allow, y",
        "p, *, *, bank/*, call, args.a == 1, deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/*, read, , deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/*, call, , ask, n\np, user:ann, *, bank/x, call, , allow, y",
    ],
)
def test_a_line_that_still_decides_something_is_left_alone(lines: str) -> None:
    assert said(lines) == []


@pytest.mark.parametrize(
    ("line", "column", "parts"),
    [
        (
            "p, user:ann, *, shop/refnd, call, , deny, y",
            17,
            ["`shop/refnd` matches no tool", "did you mean `shop/refund`?"],
        ),
        (
            "p, user:ann, *, crm/*, call, , deny, y",
            17,
            ["`crm/*` matches no tool", "take the line out, or connect the server"],
        ),
        (
            "p, user:ann, *, shop/refund, call, args.amnt > 5, deny, y",
            36,
            ["has the argument `amnt`", "did you mean `amount`?"],
        ),
        (
            "p, *, *, shop/*, call, args.amount > 5, deny, y",
            24,
            ["shop/order has no argument `amount`", "`has(args.amount) and ...`"],
        ),
        ("p, *, *, bank/list, call, args.iban == 'x', deny, y", 27, ["has the argument `iban`"]),
    ],
)
def test_with_the_servers_tools_patterns_and_arguments_are_checked(line: str, column: int, parts: list[str]) -> None:
    (found,) = said(FINE + line, SHOP)
    assert found.startswith(f"policy.csv:2:{column}: warning: ")
    for part in parts:
        assert part in found


def test_who_may_pay_back_up_to_an_amount_may_not_mean_less_than_nothing() -> None:
    line = "p, user:ann, *, shop/refund, call, args.amount <= 100, {}, y"
    (found,) = said(FINE + line.format("allow"))
    assert found.startswith("policy.csv:2:36: warning: `args.amount` has a highest value and no lowest")
    assert said(FINE + line.format("deny")) == said(FINE + line.format("ask")) == []


def test_lines_about_a_server_that_is_not_there_are_one_finding() -> None:
    lines = "p, user:ann, *, crm/*, call, , deny, y\np, user:bob, *, crm/read, call, , allow, y\n"
    (found,) = said(FINE + lines, SHOP)
    assert found.startswith("policy.csv:2:17: warning: 2 lines are about `crm`, which is not connected")


@pytest.mark.parametrize(
    "line",
    [
        "p, user:ann, *, away/thing, call, , deny, y",  # nobody knows what it offers
        "p, *, *, a*/thing, call, , deny, y",
        "p, user:ann, *, docs/file:*, read, , allow, y",  # no tools, but resources
        "p, *, *, shop/*, call, has(args.amount) and args.amount > 5, deny, y",
        "p, user:ann, *, shop/*, call, args.amount > 5, allow, y",  # simply does not grant the others
        "p, *, *, bank/raw, call, args.anything == 1, deny, y",  # takes whatever it is given
    ],
)
def test_what_may_be_right_is_not_reported(line: str) -> None:
    assert said(FINE + line, SHOP) == []


def test_check_gives_errors_for_files_that_cannot_be_used_and_else_every_warning(tmp_path: Path) -> None:
    model, policy = tmp_path / "model.conf", tmp_path / "policy.csv"
    model.write_text(MODEL)
    policy.write_text("P, x\n")
    assert [problem.level for problem in check(model, policy)] == ["error"]
    policy.write_text(FINE + "p, role:x, *, a/b, call, , deny, n\np, *, *, x/*, call, , allow, all\n")
    policy.chmod(0o666)
    found = [problem.message for problem in check(model, policy)]
    assert len(found) == 3
    assert "anybody on this machine may change this file" in found
    assert [problem.level for problem in check(tmp_path / "missing", policy)] == ["error"]


def test_the_shipped_policy_is_clean_and_passes_its_own_tests() -> None:
    folder = Path(__file__).parents[3] / "policies"
    policy = load(folder / "model.conf", folder / "policy.csv")
    assert [*policy.warnings, *findings(policy)] == []
    assert run_tests(policy, folder / "tests.csv") == []
