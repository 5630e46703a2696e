import re
from pathlib import Path

import pytest

from gateway.cli.exits import Exit, Stop, ends, exit_of_error, exit_of_run
from gateway.errors import ConfigError, LeaseLost, PolicyError, Problem, ToolgateError, UpstreamUnavailable
from gateway.run import Run, Status


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (Run("r", "succeeded"), Exit.OK),
        (Run("r", "waiting"), Exit.WAITING),
        (Run("r", "queued"), Exit.WAITING),
        (Run("r", "paused", budget_spent="tokens"), Exit.BUDGET),
        (Run("r", "paused"), Exit.INTERRUPTED),
        (Run("r", "failed", cause="network: nobody answers"), Exit.UNREACHABLE),
        (Run("r", "failed", cause="overloaded: come back later"), Exit.UNREACHABLE),
        (Run("r", "failed", cause="auth: the key is wrong"), Exit.ERROR),
        (Run("r", "cancelled"), Exit.ERROR),
        (Run("r", "running"), Exit.ERROR),
    ],
)
def test_a_run_ends_its_command_with_its_code(run: Run, code: Exit) -> None:
    assert exit_of_run(run) is code


def test_only_success_is_success() -> None:
    statuses: tuple[Status, ...] = ("queued", "running", "waiting", "paused", "failed", "cancelled")
    assert all(exit_of_run(Run("r", status)) is not Exit.OK for status in statuses)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError.at("toolgate.toml", "wrong"), Exit.CONFIG),
        (PolicyError.at("policy.csv", "wrong"), Exit.CONFIG),
        (ConfigError.at("--model", "wrong"), Exit.USAGE),
        (ConfigError.at("flag --as", "wrong"), Exit.USAGE),
        (ConfigError([Problem("flag --as", 0, 0, "wrong"), Problem("toolgate.toml", 1, 1, "wrong")]), Exit.CONFIG),
        (UpstreamUnavailable("shop", "gone"), Exit.UNREACHABLE),
        (Stop(Exit.DENIED, "no"), Exit.DENIED),
        (LeaseLost("gone"), Exit.ERROR),
        (ToolgateError("gone"), Exit.ERROR),
    ],
)
def test_an_error_ends_its_command_with_its_code(error: ToolgateError, code: Exit) -> None:
    assert exit_of_error(error) is code


def test_the_documentation_lists_every_code() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    listed = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    assert {(int(number), name.upper()) for number, name in listed} == {(int(code), code.name) for code in Exit}


def test_the_last_words_of_a_help_name_the_codes_of_every_command_and_its_own_with_what_they_mean_there() -> None:
    assert ends() == "Exit codes: 0 ok, 1 error, 2 usage, 3 configuration, 130 interrupted."
    assert ends(Exit.DENIED, error="a case fails") == (
        "Exit codes: 0 ok, 1 error (or a case fails), 2 usage, 3 configuration, 6 denied, 130 interrupted."
    )
    assert all(str(code.value) in ends(*Exit) for code in Exit)


@pytest.mark.parametrize(
    ("cause", "code"),
    [("user", Exit.OK), ("network: it is away", Exit.UNREACHABLE), ("auth: the key is wrong", Exit.ERROR)],
)
def test_a_conversation_that_waits_for_its_user_has_done_what_it_was_asked_or_failed(cause: str, code: Exit) -> None:
    assert exit_of_run(Run("r-1", "waiting", conversation=True, cause=cause)) == code
    assert exit_of_run(Run("r-1", "waiting", cause="approval")) == Exit.WAITING
