"""`toolgate policy rollback`: the files as they were."""

from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command

TEXTS = [f"# {word}\np, *, *, */*, call, , deny, {word}\n" for word in ("one", "two", "three")]


@pytest.fixture
def file(bare: Path, toolgate: Command) -> Path:
    """A policy that was edited twice."""
    found = bare / "policies" / "policy.csv"
    for text in TEXTS:
        found.write_text(text)
        assert toolgate("policy", "reload").code == 0
    return found


def hows(toolgate: Command) -> list[str]:
    return [it["how"] for it in toolgate("policy", "versions", "--json").json]


def test_without_a_digest_it_goes_back_by_one_and_again_forth(file: Path, toolgate: Command) -> None:
    back = toolgate("policy", "rollback")
    assert back.code == 0
    assert "wrote policies/policy.csv" in back.out
    assert file.read_text() == TEXTS[1]
    assert hows(toolgate)[0] == "rolled back"
    assert toolgate("policy", "rollback").code == 0
    assert file.read_text() == TEXTS[2]


def test_a_version_is_named_by_its_digest(file: Path, toolgate: Command) -> None:
    first = toolgate("policy", "versions", "--json").json[-1]["digest"]
    done = toolgate("policy", "rollback", first[:8], "--json")
    assert done.json["digest"] == first
    assert done.json["written"] == ["policies/policy.csv"]
    assert file.read_text() == TEXTS[0]


def test_files_that_are_refused_are_brought_back_to_what_is_in_force_and_kept(file: Path, toolgate: Command) -> None:
    file.write_text("P, broken, but somebody's work\n")
    back = toolgate("policy", "rollback")
    assert file.read_text() == TEXTS[2]
    (line,) = [line for line in back.out.splitlines() if line.startswith("what it replaced is kept")]
    shown = toolgate(*line.split(": toolgate ")[1].split())
    assert shown.out == "P, broken, but somebody's work\n"
    assert hows(toolgate) == ["replaced", "edited", "edited", "edited"]
    assert toolgate("policy", "status").code == 0


def test_files_that_are_gone_come_back(file: Path, toolgate: Command) -> None:
    file.unlink()
    assert toolgate("policy", "rollback").code == 0
    assert file.read_text() == TEXTS[2]


def test_a_model_that_was_edited_comes_back_too(file: Path, toolgate: Command) -> None:
    model = file.with_name("model.conf")
    before = model.read_text()
    model.write_text("[request_definition]\n")
    assert toolgate("policy", "rollback").code == 0
    assert model.read_text() == before


def test_before_the_first_version_there_is_nothing(bare: Path, toolgate: Command) -> None:
    toolgate("policy", "reload")
    assert toolgate("policy", "rollback").code == 1
    assert "there is no version before this one" in toolgate("policy", "rollback").err


def test_a_folder_can_not_take_the_place_of_a_file(file: Path, bare: Path, toolgate: Command) -> None:
    digest = toolgate("policy", "versions", "--json").json[0]["digest"]
    file.unlink()
    file.mkdir()
    (file / "a.csv").write_text(TEXTS[0])
    failed = toolgate("policy", "rollback", digest)
    assert failed.code == 3
    assert "it is a folder, and what should be in force was a file" in failed.err


def test_a_policy_that_nobody_has_decided_by_is_what_a_promote_replaces(bare: Path, toolgate: Command) -> None:
    file = bare / "policies" / "policy.csv"
    before = file.read_text()
    (bare / "next.csv").write_text(TEXTS[0])
    assert toolgate("policy", "shadow", "next.csv").code == 0
    assert toolgate("policy", "promote").code == 0
    assert file.read_text() == TEXTS[0]
    assert toolgate("policy", "rollback").code == 0
    assert file.read_text() == before
    told = toolgate("policy", "versions", "--json").json
    assert [(one["how"], one["taken"]) for one in told] == [
        ("rolled back", True),
        ("promoted", True),
        ("replaced", False),
    ]
    assert "never taken" in toolgate("policy", "versions").out


def test_an_edit_that_nobody_has_decided_by_is_what_comes_back_and_not_what_was_before_it(
    file: Path, toolgate: Command
) -> None:
    edited = f"{TEXTS[2]}# an edit\n"
    file.write_text(edited)
    (file.parent / "next.csv").write_text(TEXTS[0])
    assert toolgate("policy", "shadow", "policies/next.csv").code == 0
    assert toolgate("policy", "promote").code == 0
    assert toolgate("policy", "rollback").code == 0
    assert file.read_text() == edited
