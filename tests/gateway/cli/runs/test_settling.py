"""`toolgate runs settle`."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command


def test_what_is_in_doubt_is_shown_with_the_command_that_says_what_became_of_it(
    doubted: Path, toolgate: Command
) -> None:
    command = "toolgate runs settle r-0123456789abcdef t1/call/1 --happened|--did-not|--give-up"
    assert command in toolgate("runs", "show", "r-0123").out
    listed = toolgate("approvals")
    assert command in listed.out
    assert "nothing waits" not in listed.err
    resumed = toolgate("resume", "r-0123")
    assert resumed.code == 7
    assert command in resumed.err
    assert "toolgate approvals" not in resumed.err
    toolgate("cancel", "r-0123")
    assert "runs settle" not in toolgate("approvals").out  # nothing waits for it
    assert command in toolgate("runs", "show", "r-0123").out


def test_a_call_that_got_no_answer_is_settled_also_when_its_run_was_cancelled(doubted: Path, toolgate: Command) -> None:
    toolgate("cancel", "r-0123")
    said = toolgate("runs", "settle", "r-0123", "t1/call/1", "--happened")
    assert (said.code, said.err) == (0, "go on with: toolgate runs undo r-0123456789abcdef\n")
    told = toolgate("runs", "show", "r-0123").out
    assert ("runs settle" in told, "happened, says user:ann" in told) == (False, True)
    again = toolgate("runs", "settle", "r-0123", "t1/call/1", "--did-not")
    assert (again.code, "since `user:ann` has said `happened`" in again.err) == (1, True)


def test_a_call_in_doubt_is_named_so_that_it_can_be_settled(doubted: Path, toolgate: Command) -> None:
    assert "echo/add (t1/call/1): nobody knows whether it happened" in toolgate("runs", "show", "r-0123").out
    said = toolgate("runs", "settle", "r-0123", "t1/call/1", "--happened", "--note", "I looked")
    assert said.code == 0
    assert "toolgate resume r-0123456789abcdef" in said.err
    assert "happened, says user:ann  I looked" in toolgate("runs", "show", "r-0123").out


def test_a_call_that_is_not_in_doubt_can_not_be_settled(doubted: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "settle", "r-0123", "t1/call/2", "--happened")
    assert failed.code == 1
    assert "the call `t1/call/2`" in failed.err
    assert "in doubt: `t1/call/1`" in failed.err
    done = toolgate("runs", "settle", "r-0123", "t1/call/1", "--give-up", "--json")
    assert done.json == {"run": "r-0123456789abcdef", "call": "t1/call/1", "resolution": "give_up"}


@pytest.mark.parametrize("said", [[], ["--happened", "--did-not"], ["--give-up", "--happened"]])
def test_what_became_of_it_must_be_said_in_one_way(doubted: Path, toolgate: Command, said: Sequence[str]) -> None:
    failed = toolgate("runs", "settle", "r-0123", "t1/call/1", *said)
    assert failed.code == 2
    assert "--happened, --did-not or --give-up" in failed.err
    assert "nobody knows whether it happened" in toolgate("runs", "show", "r-0123").out


def test_a_call_that_did_not_happen_is_said_so(doubted: Path, toolgate: Command) -> None:
    assert toolgate("runs", "settle", "r-0123", "t1/call/1", "--did-not").code == 0
    assert "did not happen, says user:ann" in toolgate("runs", "show", "r-0123").out
