from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import POLICY, Command

BACKTEST = ("policy", "backtest", "new.csv")


@pytest.fixture
def worked(project: Path, toolgate: Command) -> Path:
    """A project in which four calls were made: two allowed, one denied, one held."""
    for text in ("hi", "ho", "no"):
        toolgate("call", "echo/echo", f'{{"text": "{text}"}}')
    toolgate("call", "echo/add", '{"a": 1, "b": 2}')
    (project / "new.csv").write_text(POLICY)
    return project


def test_the_policy_in_force_says_again_what_it_said(worked: Path, toolgate: Command) -> None:
    again = toolgate(*BACKTEST)
    assert (again.code, again.out) == (0, "")
    assert "4 calls decided again" in again.err
    assert "(2 allow, 1 ask, 1 deny): none changed" in again.err


def test_what_changes_is_shown_by_line_and_by_whom(
    worked: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    text = POLICY.replace("echo/echo,  call,    args.text == 'no',  deny", "echo/echo,  call,    args.text == 'hi',  ask")
    (worked / "new.csv").write_text(text)
    again = toolgate(*BACKTEST)
    assert again.code == 1
    assert again.out.startswith("deny -> allow  1 call, permits more\n  - policies/policy.csv:5")
    assert "allow -> ask  1 call, permits less\n  + new.csv:5" in again.out
    assert 'such as  user:ann (acme) call echo/echo {"text": "hi"}' in again.out
    golden("cli_policy_backtest", toolgate(*BACKTEST, "--json").json)
