from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import POLICY, Command

MORE = POLICY.replace("args.text == 'no',  deny", "args.text == 'never',  deny")


@pytest.fixture
def new(bare: Path) -> Path:
    (bare / "new.csv").write_text(MORE)
    return bare


def test_what_changes_is_shown_with_the_line_and_a_request(new: Path, toolgate: Command) -> None:
    found = toolgate("policy", "diff", "new.csv")
    assert found.code == 1
    assert found.out.startswith("deny -> allow  1 kind of request, permits more\n  - policies/policy.csv:5  p, *,")
    assert 'such as  user:ann (acme) call echo/echo {"text": "no"}' in found.out
    assert "allow -> deny  1 kind of request, permits less\n  + new.csv:5" in found.out
    assert "2 changed lines: 2 differences, 1 of which permits more" in found.err


def test_the_json_of_a_comparison_keeps_its_shape(
    new: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    golden("cli_policy_diff", toolgate("policy", "diff", "new.csv", "--json").json)


def test_two_that_say_the_same_end_well(new: Path, toolgate: Command) -> None:
    (new / "same.csv").write_text("# in another order\n" + "\n".join(reversed(POLICY.splitlines())))
    found = toolgate("policy", "diff", "same.csv")
    assert (found.code, found.out) == (0, "")
    assert toolgate("policy", "diff", "new.csv", "same.csv").code == 1
    assert toolgate("policy", "diff", "new.csv", "new.csv").code == 0


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("p, user:ann, *, echo/echo, call, , deny, x", [1, 0, 0]),
        ("p, user:ann, *, echo/*, read, , allow, x", [1, 1, 0]),
    ],
)
def test_what_counts_as_a_failure_can_be_chosen(line: str, codes: list[int], new: Path, toolgate: Command) -> None:
    (new / "new.csv").write_text(f"{POLICY}{line}\n")
    assert [toolgate("policy", "diff", "new.csv", "--fail-on", what).code for what in ("any", "widen", "none")] == codes


def test_recorded_calls_are_looked_at_too(project: Path, toolgate: Command) -> None:
    (project / "new.csv").write_text(MORE)
    toolgate("call", "echo/echo", '{"text": "no"}')
    found = toolgate("policy", "diff", "new.csv")
    assert "deny -> allow  1 kind of request, 1 recorded call, permits more" in found.out
    assert "1 recorded call)" in found.err
    assert "recorded call," not in toolgate("policy", "diff", "new.csv", "--since", "none").out


def test_the_tools_that_there_are_stand_for_what_patterns_match(project: Path, toolgate: Command) -> None:
    (project / "new.csv").write_text(f"{POLICY}p, user:ann, *, echo/*, call, tool.read_only, deny, x\n")
    live = toolgate("policy", "diff", "new.csv", "--servers", "--json").json
    assert live["changes"][0]["request"]["tool"] == {
        "trusted": True, "read_only": True, "destructive": False, "idempotent": True, "open_world": False,
    }  # fmt: skip
    toolgate("call", "echo/echo", '{"text": "x"}')  # pins what it sees
    assert toolgate("policy", "diff", "new.csv", "--since", "none", "--json").json["counts"] == live["counts"]


def test_a_policy_that_is_none_is_refused(new: Path, toolgate: Command) -> None:
    (new / "bad.csv").write_text("p, everybody\n")
    assert toolgate("policy", "diff", "bad.csv").code == 3
    assert toolgate("policy", "diff", "nothing.csv").code == 2
    assert toolgate("policy", "diff", "a", "b", "c").code == 2
    assert toolgate("policy", "diff").code == 2


def test_what_was_not_tried_is_said_and_ends_badly(bare: Path, toolgate: Command) -> None:
    limit = "p, *, *, echo/*, call, len(args.text) > {}, deny, too long\n"
    (bare / "old.csv").write_text(POLICY + limit.format(200_000))
    (bare / "new.csv").write_text(POLICY + limit.format(300_000))
    found = toolgate("policy", "diff", "old.csv", "new.csv", "--fail-on", "widen")
    assert found.code == 1
    assert "asks for a length of 300,000, and none is made above 100,000" in found.err
    lines = len(POLICY.splitlines()) + 1
    changed = f"the lines old.csv:{lines}, new.csv:{lines} changed, and no request that was tried shows a difference"
    assert changed in found.err
    assert toolgate("policy", "diff", "old.csv", "new.csv", "--fail-on", "none").code == 0


def test_a_long_text_is_shown_by_its_beginning(bare: Path, toolgate: Command) -> None:
    limit = "p, *, *, echo/*, call, len(args.text) > {}, deny, too long\n"
    (bare / "old.csv").write_text(POLICY + limit.format(2_000))
    (bare / "new.csv").write_text(POLICY + limit.format(20_000))
    found = toolgate("policy", "diff", "old.csv", "new.csv")
    assert '{"text": "xxxxxxxxxx... (2,001 characters)"}' in found.out
    assert len(found.out) < 1_000
