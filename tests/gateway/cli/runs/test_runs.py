"""`toolgate runs`, as a group of commands."""

from pathlib import Path

from tests.gateway.cli.conftest import Command


def test_an_unknown_run_is_an_error_that_says_where_to_look(bare: Path, toolgate: Command) -> None:
    settle = ("runs", "settle", "r-9", "t1/call/1", "--happened")
    for command in (("runs", "show", "r-9"), ("cancel", "r-9"), ("runs", "pause", "r-9"), settle):
        failed = toolgate(*command)
        assert (failed.code, failed.out) == (1, "")
        assert failed.err == "toolgate: there is no run `r-9`; `toolgate runs` lists them\n"
        assert toolgate(*command, "--json").error["code"] == "error"


def test_an_option_in_front_of_show_is_not_silently_lost(queued: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "--json", "show", "r-0123")
    assert failed.code == 2
    assert "behind it" in failed.error["message"]
