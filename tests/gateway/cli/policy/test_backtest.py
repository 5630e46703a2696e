from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import POLICY, Command

BACKTEST = ("policy", "backtest", "new.csv")
EDIT = ("echo/echo,  call,    args.text == 'no',  deny", "echo/echo,  call,    args.text == 'hi',  ask")


@pytest.fixture
def worked(project: Path, toolgate: Command) -> Path:
    """A project in which five calls were made: two allowed, one denied, one held, one that no gate of ours let by."""
    for text in ("hi", "ho", "no"):
        toolgate("call", "echo/echo", f'{{"text": "{text}"}}')
    toolgate("call", "echo/add", '{"a": 1, "b": 2}')
    toolgate("call", "echo/add", '{"a": "one"}')
    (project / "new.csv").write_text(POLICY)
    return project


def test_the_policy_in_force_says_again_what_it_said(worked: Path, toolgate: Command) -> None:
    again = toolgate(*BACKTEST)
    assert (again.code, again.out) == (0, "")
    assert "4 calls decided again" in again.err
    assert "(2 allow, 1 ask, 1 deny): none changed" in again.err
    assert "1 call ended at other gates: valid 1" in again.err
    assert "of 4 of the 4 calls that it judged\n" in again.err


def test_what_changes_is_shown_by_line_and_by_whom(
    worked: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    (worked / "new.csv").write_text(POLICY.replace(*EDIT))
    again = toolgate(*BACKTEST)
    assert again.code == 1
    assert again.out.startswith("deny -> allow  1 recorded call, permits more\n  - policies/policy.csv:5")
    assert "allow -> ask  1 recorded call, permits less\n  + new.csv:5" in again.out
    assert 'such as  user:ann (acme) call echo/echo {"text": "hi"}  [r-' in again.out
    told = toolgate(*BACKTEST, "--json").json
    for change in told["changes"]:
        change["request"]["now"] = "then"
    golden("cli_policy_backtest", told)


def test_what_counts_as_a_failure_can_be_chosen(worked: Path, toolgate: Command) -> None:
    (worked / "new.csv").write_text(f"{POLICY}p, *, *, echo/echo, call, , ask, everything asks\n")
    assert [toolgate(*BACKTEST, "--fail-on", what).code for what in ("any", "widen", "none")] == [1, 0, 0]


def test_the_tools_facts_are_those_of_the_day_of_the_call(worked: Path, toolgate: Command) -> None:
    """The server is trusted no more, and its word counted then."""
    (worked / "toolgate.toml").write_text((worked / "toolgate.toml").read_text().replace("trusted = true", ""))
    (worked / "new.csv").write_text("p, *, *, echo/*, call, tool.read_only, allow, reading\n")
    told = toolgate(*BACKTEST, "--json").json
    assert told["counts"] == {"deny->allow": 1, "ask->allow": 1}
    assert told["can_not_be_decided"] == {}


@pytest.mark.parametrize(
    ("options", "decided"),
    [
        (("--who", "user:ann"), 4),
        (("--who", "user:eve"), 0),
        (("--who", "agent:desk"), 0),
        (("--tool", "echo/e*"), 3),
        (("--until", "2020-01-01"), 0),
        (("--since", "1h"), 4),
        (("--since", "2020-01-01T08:00+02:00"), 4),
    ],
)
def test_which_calls_are_looked_at_can_be_chosen(
    options: tuple[str, str], decided: int, worked: Path, toolgate: Command
) -> None:
    assert toolgate(*BACKTEST, *options, "--json").json["decided_again"] == decided


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--since", "yesterday"), 2),
        (("--who", "role:boss"), 2),
        (("--tool", "echo"), 2),
        (("--fail-on", "some"), 2),
    ],
)
def test_what_can_not_be_read_is_a_mistake_of_use(
    options: tuple[str, str], code: int, bare: Path, toolgate: Command
) -> None:
    (bare / "new.csv").write_text(POLICY)
    assert toolgate(*BACKTEST, *options).code == code


def test_without_a_record_nothing_is_decided(bare: Path, toolgate: Command) -> None:
    (bare / "new.csv").write_text(POLICY)
    again = toolgate(*BACKTEST)
    assert (again.code, again.out) == (0, "")
    assert "no calls decided again" in again.err


WORK = """\
steps:
  - calls:
      - {tool: echo/echo, args: {text: a}}
      - {tool: echo/echo, args: {text: b}}
  - call: {tool: echo/echo, args: {text: c}}
  - calls:
      - {tool: echo/echo, args: {text: d}}
      - {tool: echo/fail, args: {}}
  - call: {tool: echo/echo, args: {text: e}}
  - say: Done.
"""
BY_THE_RUN = """\
p, user:ann,   *, echo/*,    call, ,                             allow, ann may
p, agent:desk, *, echo/*,    call, run.calls < 4,                allow, four are enough
p, *,          *, echo/fail, call, run.calls == 3 and run.tainted, deny, it may not fail after untrusted text
p, *,          *, echo/echo, call, run.tokens > 100000,          deny,  too much was said
"""


def test_the_facts_of_a_run_are_those_by_which_its_calls_were_judged(project: Path, toolgate: Command) -> None:
    """Steps with calls side by side, taint, and a limit that is reached: the record says again what was decided."""
    (project / "toolgate.toml").write_text((project / "toolgate.toml").read_text().replace("trusted = true", ""))
    (project / "policies" / "policy.csv").write_text(BY_THE_RUN)
    (project / "steps.yaml").write_text(WORK)
    assert toolgate("run", "go", "--model", "scripted:steps.yaml").code == 0
    (project / "new.csv").write_text(BY_THE_RUN.replace("run.calls < 4", "run.calls < 3"))
    told = toolgate(*BACKTEST, "--json").json
    assert told["recorded"] == {"allow": 4, "deny": 2}
    assert told["self_check"]["differing"] == []
    assert told["self_check"]["same"] + told["self_check"]["unnamed"] == 6
    assert told["self_check"]["reproduced"] + told["self_check"]["unnamed_reproduced"] == 6
    assert told["counts"] == {"allow->deny": 1}  # the fourth word


def test_lines_about_the_servers_that_a_run_has_heard_are_decided_again(worked: Path, toolgate: Command) -> None:
    """None of these runs had heard anything when its only call was made."""
    (worked / "new.csv").write_text(POLICY.replace("args.text == 'no',  deny", "'echo' in run.servers, deny"))
    told = toolgate(*BACKTEST, "--json").json
    assert told["counts"] == {"deny->allow": 1}
    assert told["can_not_be_decided"] == {}
