"""`toolgate policy promote`: the candidate becomes the policy, and the way back is open."""

from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command

OLD = "".join(f"p, *, *, echo/t{number}, call, , deny, no\n" for number in range(9))
NEW = "# the new one\np, *, *, */*, call, , deny, no\n"


@pytest.fixture
def file(bare: Path, toolgate: Command) -> Path:
    """The policy, with a candidate beside it that is much shorter."""
    found = bare / "policies" / "policy.csv"
    found.write_text(OLD)
    toolgate("policy", "reload")
    (bare / "new.csv").write_text(NEW)
    assert toolgate("policy", "shadow", "new.csv").code == 0
    return found


def test_the_candidate_takes_the_files_place_and_nothing_is_compared_any_more(file: Path, toolgate: Command) -> None:
    candidate = toolgate("policy", "shadow", "status", "--json").json["digest"]
    promoted = toolgate("policy", "promote", "--json")
    assert promoted.code == 0
    assert promoted.json["digest"] == candidate
    assert file.read_text() == NEW
    status = toolgate("policy", "status", "--json")
    assert status.code == 0  # that it is shorter was meant
    assert status.json["in_force"]["digest"] == candidate
    assert status.json["in_force"]["how"] == "promoted"
    assert status.json["candidate"] is None
    assert toolgate("policy", "rollback").code == 0
    assert file.read_text() == OLD


def test_an_edit_of_the_policy_meanwhile_is_not_lost(file: Path, toolgate: Command) -> None:
    edited = f"{OLD}p, *, *, echo/more, call, , deny, no\n"
    file.write_text(edited)
    stopped = toolgate("policy", "promote")
    assert stopped.code == 1
    assert "the policy was edited since the candidate was put beside it" in stopped.err
    assert file.read_text() == edited
    assert toolgate("policy", "promote", "--force").code == 0
    assert file.read_text() == NEW
    assert [it["how"] for it in toolgate("policy", "versions", "--json").json] == ["promoted", "replaced", "edited"]


def test_without_a_candidate_there_is_nothing_to_promote(bare: Path, toolgate: Command) -> None:
    stopped = toolgate("policy", "promote")
    assert stopped.code == 1
    assert "there is no candidate" in stopped.err


def test_a_folder_is_promoted_whole(bare: Path, toolgate: Command) -> None:
    live, new = bare / "policies" / "policy.d", bare / "new"
    for folder, files in ((live, {"a": "one", "gone": "two"}), (new, {"a": "three", "b": "four"})):
        folder.mkdir()
        for name, why in files.items():
            (folder / f"{name}.csv").write_text(f"p, *, *, */*, call, , deny, {why}\n")
    toml = bare / "toolgate.toml"
    toml.write_text(f'{toml.read_text()}\n[policy]\nfiles = "policies/policy.d"\n')
    toolgate("policy", "reload")
    toolgate("policy", "shadow", "new")
    assert toolgate("policy", "promote").code == 0
    assert {path.name: path.read_text() for path in live.iterdir()} == {
        path.name: path.read_text() for path in new.iterdir()
    }
    assert toolgate("policy", "status").code == 0
