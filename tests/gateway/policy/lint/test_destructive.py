import pytest

from gateway.policy.lint.destructive import destroys
from tests.gateway.policy.lint.offered import offered, rules_told, told

TOOLS = (offered("shop/cancel", destructiveHint=True), offered("shop/look", readOnlyHint=True))
ALL = "p, *, *, */*, call, tool.trusted, allow, all\n"


@pytest.mark.parametrize(
    ("path", "hints", "answer"),
    [
        ("shop/cancel", {"destructiveHint": True}, True),
        ("shop/cancel", {}, False),
        ("shop/delete_order", {}, True),
        ("shop/deleteOrder", {}, True),
        ("shop/deleted", {}, False),
        ("shop/delete_order", {"destructiveHint": False}, False),
        ("shop/delete_order", {"readOnlyHint": True}, False),
        ("shop/drop", {"readOnlyHint": False}, True),
    ],
)
def test_a_tool_destroys_by_its_own_word_or_by_its_name(path: str, hints: dict[str, bool], answer: bool) -> None:
    assert destroys(offered(path, None, closed=False, trusted=True, **hints)) is answer
    assert destroys(offered(path, None, closed=False, trusted=False, **hints)) is answer


def test_what_everybody_may_destroy_unasked_is_told() -> None:
    (found,) = told(ALL, *TOOLS)
    assert found.startswith("policy.csv:1:4 everybody-destructive: everybody may call shop/cancel, which destroys")


def test_a_tool_that_some_may_destroy_with_and_no_line_restricts_is_told() -> None:
    (found,) = told("p, user:ann, *, shop/*, call, , allow, ann may", *TOOLS)
    assert found.startswith("policy.csv:1:17 unguarded-destructive: shop/cancel destroys, and no line asks or denies")


@pytest.mark.parametrize(
    "lines",
    [
        ALL + "p, *, *, */*, call, tool.destructive, ask, look first",
        ALL + "p, *, *, shop/cancel, call, , deny, never",
        "p, *, *, */*, call, tool.trusted and not tool.destructive, allow, all but those",
        "p, user:ann, *, shop/*, call, , allow, ann\np, *, *, shop/c*, call, run.tainted, ask, look first",
        "p, user:ann, *, shop/cancel, call, args.id == 1, allow, just this one",
        "p, agent:a, *, */*, call, , allow, a ceiling gives nothing",
        "p, user:ann, *, shop/look, call, , allow, ann",
    ],
)
def test_where_something_stands_in_between_nothing_is_told(lines: str) -> None:
    names = rules_told(lines, *TOOLS)
    assert [name for name in names if name.endswith("-destructive")] == []


def test_a_condition_that_asks_only_sometimes_does_not_hold_everybody_back() -> None:
    assert rules_told(ALL + "p, *, *, */*, call, run.tainted, ask, look", *TOOLS) == ["everybody-destructive"]
    assert rules_told(ALL + "p, user:bob, *, */*, call, , ask, look", *TOOLS) == ["everybody-destructive"]
