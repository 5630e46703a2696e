"""Errors are for users: what, where, what to do. Their tree is held to its drawing by test_architecture."""

import pytest

from gateway.errors import ConfigError, PolicyError, Problem, UnknownApproval, UnknownRun, UpstreamUnavailable


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("policy.csv", 12, 38, "unknown effect `Deny`"), "policy.csv:12:38: error: unknown effect `Deny`"),
        (Problem("policy.csv", 0, 0, "it is empty"), "policy.csv: error: it is empty"),
        (
            Problem("a.toml", 3, 1, "odd", "did you mean `even`?", "warning"),
            "a.toml:3:1: warning: odd (did you mean `even`?)",
        ),
    ],
)
def test_a_problem_reads_as_compilers_write_them(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_config_error_shows_every_problem_in_order_and_one_can_be_raised_in_a_line() -> None:
    first, second = Problem("a", 1, 1, "one"), Problem("b", 2, 2, "two")
    assert str(ConfigError([first, second])) == "a:1:1: error: one\nb:2:2: error: two"
    single = ConfigError.at("c", "three", 3, 4, "so")
    assert single.problems == (Problem("c", 3, 4, "three", "so"),)


def test_a_policy_error_is_a_config_error_and_exits_as_one() -> None:
    assert issubclass(PolicyError, ConfigError)


@pytest.mark.parametrize(
    ("error", "command"), [(UnknownRun("r-1"), "toolgate runs"), (UnknownApproval("A-1"), "toolgate approvals")]
)
def test_what_is_not_there_names_the_command_that_lists_what_is(error: Exception, command: str) -> None:
    assert command in str(error)


def test_an_unavailable_server_says_which_and_why() -> None:
    assert str(UpstreamUnavailable("shop", "connection refused")) == "server `shop` is unavailable: connection refused"
