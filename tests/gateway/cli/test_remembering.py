"""What lasts beyond one answer is listed, named, and taken back."""

import time
from pathlib import Path

import click
import pytest

from gateway.cli.remembering import date_of
from tests.gateway.cli.conftest import Command

BOB = ("--as", "user:bob")


def test_a_remembered_answer_is_listed_and_taken_back(
    project: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json").error["approval"]
    said = toolgate("approve", asked, "--remember", "until", "--until", "2h", "--by", "a", *BOB)
    if said.code == 6:  # the tool may destroy, as far as anybody knows
        policy = project / "policies" / "policy.csv"
        policy.write_text(policy.read_text() + "o, *, *, echo/add, call, , remember=yes, sums are harmless\n")
        assert "`remember=yes`" in said.err
        assert toolgate("approve", asked, "--remember", "until", "--until", "2h", "--by", "a", *BOB).code == 0
    assert [toolgate("call", "echo/add", f'{{"a": 1, "b": {b}}}').out for b in (2, 5)] == ["3\n", "6\n"]
    assert toolgate("call", "echo/add", '{"a": 2, "b": 5}').code == 7
    listed = toolgate("approvals", "remembered")
    assert "echo/add by user:ann with a = 1; whatever b may be" in listed.out
    assert f"allowed by {asked} of user:bob, until " in listed.out
    assert "used 1 times" in listed.out
    asks = ("policy", "explain", "--tool", "echo/add", "--offline")
    assert f"allowed by {asked} of user:bob, until " in toolgate(*asks, "--args", '{"a": 1, "b": 7}').out
    assert toolgate(*asks, "--args", '{"a": 1, "b": 7}', "--json").json["remembered"] != []
    assert "allowed by A-" not in toolgate(*asks, "--args", '{"a": 2, "b": 7}').out
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-gateway")
    told = [toolgate(*asks, "--args", f'{{"a": 1, "b": "sk-of-{who}"}}').out for who in ("the-gateway", "another")]
    assert ["allowed by A-" in each for each in told] == [False, True]
    file, before = project / "policies" / "policy.csv", (project / "policies" / "policy.csv").read_text()
    file.write_text(before + "p, *, *, echo/add, call, args.b > 6, ask, nobody was asked about that\n")
    assert "allowed by A-" not in toolgate(*asks, "--args", '{"a": 1, "b": 7}').out
    file.write_text(before)
    (one,) = toolgate("approvals", "remembered", "--json").json
    assert toolgate("approvals", "forget", one["id"], *BOB).code == 0
    assert toolgate("call", "echo/add", '{"a": 1, "b": 6}').code == 7
    assert toolgate("approvals", "forget", one["id"]).code == 1
    assert toolgate("approvals", "remembered").err == "nothing is remembered\n"
    assert "taken back by user:bob" in toolgate("approvals", "remembered", "--all").out


def test_who_is_away_lets_another_decide_until_it_is_ended(project: Path, toolgate: Command) -> None:
    asked = toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json").error["approval"]
    assert toolgate("approve", asked, "--as", "user:eve").code == 6
    made = toolgate("approvals", "delegate", "user:eve", "--until", "3d", *BOB, "--json")
    assert f"{made.json['id']}: user:eve decides for user:bob until " in made.err
    assert "user:eve decides for user:bob" in toolgate("approvals", "delegations").out
    assert toolgate("approvals", "delegations", "--json").json == [made.json]
    done = toolgate("approve", asked, "--as", "user:eve", "--json").json
    assert done["decisions"][0]["on_behalf"] == "user:bob"
    assert toolgate("approvals", "end", made.json["id"], *BOB).code == 0
    assert toolgate("approvals", "delegations").err == "nobody decides for anybody\n"
    again = toolgate("call", "echo/add", '{"a": 9, "b": 2}', "--json").error["approval"]
    assert toolgate("approve", again, "--as", "user:eve").code == 6


@pytest.mark.parametrize(("days", "code"), [("2d", 0), ("3d", 6), ("99999d", 6)])
def test_nothing_lasts_longer_than_the_admin_says(project: Path, toolgate: Command, days: str, code: int) -> None:
    config, policy = project / "toolgate.toml", project / "policies" / "policy.csv"
    config.write_text(config.read_text() + "[approvals]\nlongest_days = 2\n")
    policy.write_text(policy.read_text() + "o, *, *, echo/add, call, , remember=yes, sums are harmless\n")
    asked = toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json").error["approval"]
    kept = toolgate("approve", asked, "--remember", "until", "--until", days, *BOB)
    away = toolgate("approvals", "delegate", "user:eve", "--until", days, *BOB)
    assert (kept.code, away.code) == (code, code)
    if code:
        assert "is remembered for 2 days at most (`[approvals] longest_days`)" in kept.err
        assert "lasts 2 days at most (`[approvals] longest_days`)" in away.err
    assert len(toolgate("approvals", "remembered", "--json").json) == (0 if code else 1)
    assert len(toolgate("approvals", "delegations", "--json").json) == (0 if code else 1)


def test_without_a_word_of_the_admin_90_days_are_the_most(bare: Path, toolgate: Command) -> None:
    assert toolgate("approvals", "delegate", "user:eve", "--until", "90d", *BOB).code == 0
    assert toolgate("approvals", "delegate", "user:eve", "--until", "91d", *BOB).code == 6


@pytest.mark.parametrize("who", ["user:bob", "role:boss", "eve"])
def test_nobody_stands_for_himself_and_only_a_person_for_another(bare: Path, toolgate: Command, who: str) -> None:
    assert toolgate("approvals", "delegate", who, "--until", "3d", *BOB).code == 2


def test_a_time_is_a_date_in_utc_or_a_span_from_now_on() -> None:
    now = time.time_ns() // 1_000_000
    assert date_of("--until", "2099-01-01") == 4_070_908_800_000
    assert date_of("--until", "2099-01-01T02:00+02:00") == 4_070_908_800_000
    assert 0 <= date_of("--until", "8h") - now - 8 * 3_600_000 < 60_000
    for wrong in ("soon", "", "2001-01-01", "0h", "-3d", "3 weeks"):
        with pytest.raises(click.BadParameter):
            date_of("--until", wrong)
