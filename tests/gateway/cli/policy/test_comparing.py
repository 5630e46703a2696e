import subprocess
from pathlib import Path

import click
import pytest

from gateway.cli.policy.comparing import changes_as_text, moment
from gateway.policy import parse
from gateway.policy.diff import diff
from gateway.policy.model import MODEL
from tests.gateway.cli.conftest import POLICY, Command

NOON = 1_795_262_400_000
OTHER = f"{POLICY}p, *, *, echo/echo, call, , ask, everything asks\n"


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("7d", NOON - 7 * 86_400_000),
        ("90s", NOON - 90_000),
        ("2026-11-21", NOON - 12 * 3_600_000),
        ("2026-11-21T12:00", NOON),
        ("2026-11-21T14:00+02:00", NOON),
        (None, None),
    ],
)
def test_a_time_is_a_span_or_a_date(text: str | None, then: int | None) -> None:
    assert moment("--since", text, NOON) == then


def test_what_is_no_time_is_a_mistake_of_use() -> None:
    with pytest.raises(click.BadParameter, match="`last week` is no time"):
        moment("--since", "last week", NOON)


@pytest.fixture
def versions(bare: Path, toolgate: Command) -> Path:
    """A repository with two versions of a policy."""
    (bare / "policies" / "policy.csv").write_text(OTHER)
    _git(bare, "init", "-q")
    _git(bare, "add", "policies")
    _git(bare, "commit", "-qm", "everything asks")
    (bare / "policies" / "policy.csv").write_text(POLICY)
    _git(bare, "commit", "-qam", "no more")
    return bare


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@acme.example")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("old", ["HEAD~1:policies", "HEAD~1:policies/policy.csv", "HEAD~1:policies/"])
def test_a_policy_can_be_a_revision_of_git(old: str, versions: Path, toolgate: Command) -> None:
    found = toolgate("policy", "diff", old, "policies")
    assert found.code == 1
    assert "ask -> allow" in found.out
    assert "- HEAD~1:policies/policy.csv:9" in found.out
    assert toolgate("policy", "diff", "HEAD:policies", "policies").code == 0


def test_a_folder_is_its_policy_and_not_its_table_of_tests(versions: Path, toolgate: Command) -> None:
    (versions / "policies" / "policy.d").mkdir()
    (versions / "policies" / "policy.d" / "more.csv").write_text(OTHER)
    assert toolgate("policy", "diff", "policies").code == 0
    assert toolgate("policy", "diff", "policies/policy.d").code == 1


@pytest.mark.parametrize("wrong", ["HEAD~9:policies", "HEAD:nowhere", "v1:x"])
def test_a_revision_that_is_none_is_a_mistake_of_use(wrong: str, versions: Path, toolgate: Command) -> None:
    found = toolgate("policy", "diff", wrong, "policies")
    assert found.code == 2
    assert wrong in found.err


def test_a_request_says_who_said_its_arguments_where_a_line_asks_for_it() -> None:
    base = "p, user:ann, *, mail/send, call, , allow, x\n"
    line = "p, user:bob, *, mail/send, call, from_user(args.to) and not from_untrusted(args.to), allow, y\n"
    found = diff(parse(base, "old.csv"), parse(base + line, "new.csv"))
    told = "\n".join(changes_as_text(found.tally.groups))
    assert told.count("  with to from the user's own words\n") == 1


def test_duties_are_shown_with_their_line() -> None:
    base = "p, user:ann, *, mail/send, call, , allow, x\n"
    found = diff(parse(base + "o, *, *, mail/*, call, , dry_run, y", "old.csv"), parse(base, "new.csv"))
    assert list(changes_as_text(found.tally.groups))[:3] == [
        "allow -> allow  1 kind of request, permits more",
        "  duties  dry_run -> none",
        "  - old.csv:2  o, *, *, mail/*, call, , dry_run, y",
    ]


ROOT_MAY = MODEL.replace('(p.sub == "*" ||', '(r.sub == "user:root" || p.sub == "*" ||')


def test_each_side_is_read_by_its_own_model_and_another_one_is_a_change(versions: Path, toolgate: Command) -> None:
    (versions / "policies" / "model.conf").write_text(ROOT_MAY)
    for old in ("HEAD:policies", "HEAD:policies/policy.csv"):
        found = toolgate("policy", "diff", old, "policies")
        assert found.code == 1
        assert "model.conf is another one" in found.out
        assert "deny -> allow" in found.out
        assert "user:root" in found.out
    assert toolgate("policy", "diff", "HEAD:policies", "policies", "--fail-on", "widen").code == 1
    assert toolgate("policy", "diff", "HEAD:policies", "policies", "--fail-on", "none").code == 0
    told = toolgate("policy", "diff", "HEAD:policies", "policies", "--json").json
    assert (told["model_changed"], told["changed_lines"]) == (True, 0)
    assert toolgate("policy", "diff", "policies", "policies/policy.csv").code == 0


def test_a_folder_whose_model_lets_somebody_in_everywhere_is_seen(versions: Path, toolgate: Command) -> None:
    folder = versions / "cand"
    folder.mkdir()
    (folder / "policy.csv").write_text("p, user:bob, *, echo/echo, call, , allow, bob\n")
    (versions / "old.csv").write_text("p, user:bob, *, echo/echo, call, , allow, bob\n")
    (folder / "model.conf").write_text(MODEL.replace('(p.sub == "*" ||', '(r.sub == "user:eve" || p.sub == "*" ||'))
    found = toolgate("policy", "diff", "old.csv", "cand")
    assert found.code == 1
    assert "deny -> allow" in found.out
    assert "user:eve" in found.out
    back = toolgate("policy", "backtest", "cand")
    assert back.code == 1
    assert "model.conf is another one" in back.out


def test_a_request_shows_the_facts_of_a_run_as_conditions_call_them_and_nothing_internal() -> None:
    base = "p, user:ann, *, mail/send, call, , allow, x\n"
    line = "p, *, *, mail/send, call, run.usd > 5, deny, y\n"
    told = "\n".join(changes_as_text(diff(parse(base, "old.csv"), parse(base + line, "new.csv")).tally.groups))
    assert "usd=" in told
    assert not [word for word in ("known=", "nanos=", "millis=") if word in told]


@pytest.mark.parametrize("command", [("diff", "nope.csv"), ("backtest", "nope.csv"), ("shadow", "nope.csv")])
def test_a_policy_that_is_not_there_is_a_mistake_of_use(
    command: tuple[str, ...], bare: Path, toolgate: Command
) -> None:
    told = toolgate("policy", *command)
    assert (told.code, told.out) == (2, "")
    assert "there is no `nope.csv`" in told.err
    assert "init" not in told.err


def test_a_line_is_shown_without_the_blanks_that_align_its_file() -> None:
    new = f"{POLICY}p, *,        *,   echo/fail,   call,  args.a == 'x,  y',   deny,  it is aligned\n"
    told = "\n".join(changes_as_text(diff(parse(POLICY, "old.csv"), parse(new, "new.csv")).tally.groups))
    assert "p, *, *, echo/fail, call, args.a == 'x, y', deny, it is aligned" in told
