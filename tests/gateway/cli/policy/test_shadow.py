"""`toolgate policy shadow`: a candidate is put beside the policy, shown and taken away."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.policy.shadow import Difference, Found, Tally
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.policy.test_status import without_names

NEW = "p, *, *, */*, call, , deny, no\n"


def counted(folder: Path, tally: Tally) -> None:
    """As a process that serves counts."""
    store = SqliteStore(folder / ".toolgate" / "toolgate.db")
    book = store.policies(folder / "policies" / "policy.csv")
    asyncio.run(book.count(book.candidate_digest() or "", tally))
    store.close()


def test_differences_are_shown_with_their_lines(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    (bare / "new.csv").write_text(NEW)
    begun = toolgate("policy", "shadow", "new.csv")
    assert begun.code == 0
    assert "is compared with the policy in force" in begun.out
    ours = Difference("user:ann", "acme", "call", "echo/echo", "allow", "policies/policy.csv:1", "deny", None)
    counted(bare, Tally(1200, 40, 1, 2, (Found(ours, 38, 1_000, 2_000, '{"text": "hi"}'),)))
    status = toolgate("policy", "shadow", "status")
    assert status.out == ("38x  allow -> deny  user:ann of acme  call echo/echo  policies/policy.csv:1 -> no line\n")
    assert "40 of 1,200 decisions differ" in status.err
    assert "2 more of other kinds, of which only the number is known" in status.err
    assert "for 1 the candidate broke" in status.err
    assert "2 came too fast to be compared" in status.err
    golden("cli_policy_shadow", without_names(toolgate("policy", "shadow", "status", "--json").json))


def test_a_candidate_that_could_not_be_in_force_is_refused_with_its_own_place(bare: Path, toolgate: Command) -> None:
    (bare / "new.csv").write_text("p, *, *, */*, call, , Deny, no\n")
    failed = toolgate("policy", "shadow", "new.csv")
    assert failed.code == 3
    assert "new.csv:1:" in failed.err
    assert toolgate("policy", "shadow", "status").code == 1
    assert toolgate("policy", "shadow", "nowhere.csv").code == 2


def test_a_folder_is_no_candidate_for_a_file(bare: Path, toolgate: Command) -> None:
    (bare / "new").mkdir()
    (bare / "new" / "a.csv").write_text(NEW)
    failed = toolgate("policy", "shadow", "new")
    assert failed.code == 3
    assert "the policy `policies/policy.csv` is a file, and so must a candidate be" in failed.err


def test_it_is_taken_away(bare: Path, toolgate: Command) -> None:
    (bare / "new.csv").write_text(NEW)
    toolgate("policy", "shadow", "new.csv")
    assert toolgate("policy", "shadow", "--off").code == 0
    assert toolgate("policy", "shadow", "--off", "--json").json == {"ended": False}
    assert toolgate("policy", "status", "--json").json["candidate"] is None


def test_what_is_asked_for_must_be_clear(bare: Path, toolgate: Command) -> None:
    for given in ([], ["status", "--off"], ["--off", "--model", "policies/model.conf"]):
        assert toolgate("policy", "shadow", *given).code == 2
