"""`toolgate runs notify`: news from outside."""

from pathlib import Path

import pytest

from gateway.events import Queued
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import RUN, record


def told_of(toolgate: Command) -> list[tuple[str, str, bool]]:
    events = toolgate("runs", "show", "r-0123", "--json").json["events"]
    return [(each["by"], each["data"], each["tainting"]) for each in events if each["event"] == "notified"]


def test_news_are_recorded_and_are_untrusted_whoever_tells_them(queued: Path, toolgate: Command) -> None:
    told = toolgate("runs", "notify", "r-0123", "paid", "--data", '{"amount": 5}', "--as", "user:bob")
    assert (told.code, told.err) == (
        0,
        f"told {RUN} of paid; without a worker, go on with: toolgate resume {RUN}\n",
    )
    assert toolgate("runs", "notify", "r-0123", "paid", "--json").json == {"run": RUN, "news": "paid"}
    assert told_of(toolgate) == [("user:bob", '{"amount": 5}', True), ("user:ann", "null", True)]
    assert "news from user:bob" in toolgate("runs", "show", "r-0123").out


def test_only_the_runs_own_user_can_say_that_they_are_his_words(queued: Path, toolgate: Command) -> None:
    for stranger in (("--as", "user:bob"), ("--tenant", "evil"), ("--as", "user:ann", "--tenant", "evil")):
        refused = toolgate("runs", "notify", "r-0123", "paid", "--trusted", *stranger)
        assert (refused.code, "whose run it is" in refused.err) == (1, True), stranger
    toolgate("runs", "notify", "r-0123", "paid", "--trusted")
    assert told_of(toolgate) == [("user:ann", "null", False)]


@pytest.mark.parametrize(
    ("words", "said"), [(("a b",), "a name has"), (("paid", "--data", "{"), "not JSON"), ((), "Missing argument")]
)
def test_what_can_not_be_told_is_a_mistake_of_usage(
    queued: Path, toolgate: Command, words: tuple[str, ...], said: str
) -> None:
    refused = toolgate("runs", "notify", "r-0123", *words)
    assert refused.code == 2
    assert said in refused.err


def test_a_run_that_has_ended_and_a_clients_hear_no_news(queued: Path, toolgate: Command) -> None:
    toolgate("cancel", "r-0123")
    assert "there is nothing to tell" in toolgate("runs", "notify", "r-0123", "paid").err
    record(queued, "r-2", Queued("client", "user:ann", "acme", input="an editor"))
    refused = toolgate("runs", "notify", "r-2", "paid")
    assert (refused.code, "it waits for no news" in refused.err) == (1, True)
