"""What `toolgate init` writes: most admins learn the language from it, and most never change it."""

import re
from pathlib import Path

import pytest

from gateway.policy import load, parse
from gateway.policy.cases import run_tests
from gateway.policy.lint import findings
from tests.gateway.cli.conftest import Command

SHIPPED = Path(__file__).parents[4] / "policies"
EXAMPLE = re.compile(r"^# ([pg], .*)$", re.MULTILINE)


def test_it_has_no_doubts_and_passes_its_own_tests() -> None:
    policy = load(SHIPPED / "model.conf", SHIPPED / "policy.csv")
    assert [*policy.warnings, *findings(policy)] == []
    assert run_tests(policy, SHIPPED / "tests.csv") == []


def test_every_example_in_its_comments_can_be_taken_as_it_is() -> None:
    text = (SHIPPED / "policy.csv").read_text()
    examples = EXAMPLE.findall(text)
    assert len(examples) >= 10
    for example in examples:
        parse(example if example.startswith("p") else f"{example}\np, *, *, a/b, call, , deny, x")
    everything = parse(EXAMPLE.sub(r"\1", text))
    assert run_tests(everything, SHIPPED / "tests.csv") != []  # they do change what is allowed


def test_a_new_project_is_checked_clean_against_its_servers(folder: Path, toolgate: Command) -> None:
    assert toolgate("init").code == 0
    checked = toolgate("policy", "check", "--servers", "--strict")
    assert (checked.code, checked.out, checked.err) == (0, "", "no errors, no warnings\n")
    assert toolgate("policy", "test").code == 0
    aligned = toolgate("policy", "fmt", "--check")
    assert (aligned.code, aligned.err) == (0, "no files would change\n")


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("shop/get_stock", '{"sku": "LIGHT-REAR"}', 0),
        ("shop/create_order", '{"customer_id": "C-1", "sku": "LIGHT-REAR", "quantity": 1}', 7),
        ("shop/refund", '{"order_id": "O-1", "amount": 5, "reason": "x"}', 6),
        ("workspace/delete_file", '{"path": "notes/a.md"}', 6),
    ],
)
def test_reading_is_free_writing_waits_and_destroying_is_denied(
    tool: str, arguments: str, code: int, folder: Path, toolgate: Command
) -> None:
    assert toolgate("init").code == 0
    assert toolgate("call", tool, arguments).code == code
