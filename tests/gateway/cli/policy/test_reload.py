"""`toolgate policy reload`: without a process, it is the one that keeps what the files say."""

from pathlib import Path

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.policy.test_status import reported

MANY = "".join(f"p, *, *, echo/t{number}, call, , deny, no\n" for number in range(9))
FEW = "p, *, *, */*, call, , allow, all\n"


def versions(toolgate: Command) -> list[tuple[str, int]]:
    return [(it["how"], it["lines"]) for it in toolgate("policy", "versions", "--json").json]


def test_an_edit_is_in_force_and_kept(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "policy.csv").write_text(MANY)
    reloaded = toolgate("policy", "reload", "--json")
    assert reloaded.code == 0
    assert reloaded.json["late"] == []
    assert versions(toolgate) == [("edited", 9)]
    assert toolgate("policy", "reload").out.endswith(" is in force\n")
    assert len(versions(toolgate)) == 1


def test_a_mistake_is_told_with_its_place_and_force_does_not_help(bare: Path, toolgate: Command) -> None:
    toolgate("policy", "reload")
    (bare / "policies" / "policy.csv").write_text("P, x\n")
    for force in ([], ["--force"]):
        failed = toolgate("policy", "reload", *force)
        assert failed.code == 3
        assert "policies/policy.csv:1:1: error: unknown line type `P`" in failed.err
    assert len(versions(toolgate)) == 1


def test_what_lost_most_of_its_lines_needs_force_and_is_marked_so(bare: Path, toolgate: Command) -> None:
    file = bare / "policies" / "policy.csv"
    file.write_text(MANY)
    toolgate("policy", "reload")
    file.write_text(FEW)
    refused = toolgate("policy", "reload")
    assert refused.code == 3
    assert "only 1 of the 9 `p` lines in force are left" in refused.err
    assert toolgate("policy", "reload", "--force").code == 0
    assert versions(toolgate) == [("forced", 1), ("edited", 9)]
    file.write_text(MANY)
    assert toolgate("policy", "reload", "--force").code == 0
    assert versions(toolgate)[0] == ("edited", 9)  # nothing had to be forced


def test_an_emptied_policy_denies_everything_if_it_is_forced(bare: Path, toolgate: Command) -> None:
    file = bare / "policies" / "policy.csv"
    toolgate("policy", "reload")
    file.write_text("")
    assert "reload --force" in toolgate("policy", "reload").err
    assert toolgate("policy", "reload", "--force").code == 0
    explained = toolgate("policy", "explain", "--who", "user:ann", "--tool", "echo/echo", "--offline")
    assert versions(toolgate)[0] == ("forced", 0)
    assert explained.code == 3  # `explain` reads the files as they are, and they hold no line


def test_a_process_that_does_not_take_it_is_named(bare: Path, toolgate: Command) -> None:
    toolgate("policy", "status")
    reported(bare, "elsewhere/7/00.03")
    from gateway.cli.policy import desk

    patience, desk.PATIENCE = desk.PATIENCE, 0.1
    try:
        late = toolgate("policy", "reload")
    finally:
        desk.PATIENCE = patience
    assert late.code == 1
    assert late.err == "serve elsewhere/7 still runs abababababab\n"
