"""`toolgate policy versions` and `show`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.policy.model import MODEL
from tests.gateway.cli.conftest import CONFIG, Command
from tests.gateway.cli.policy.test_status import without_names

ONE = "p, *, *, */*, call, , allow, café\r\n"
TWO = "p, *, *, */*, call, , deny, no\n"


def test_versions_are_listed_the_newest_first(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    file = bare / "policies" / "policy.csv"
    for text in (ONE, TWO):
        file.write_text(text)
        toolgate("policy", "reload")
    listed = toolgate("policy", "versions")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["2", "1"]
    assert listed.out.splitlines()[0].endswith("1 lines  in force")
    told = toolgate("policy", "versions", "--json").json
    assert [(one["in_force"], one["taken"]) for one in told] == [(True, True), (False, True)]
    golden("cli_policy_versions", without_names(toolgate("policy", "versions", "--json").json))


def test_how_many_are_kept_is_configured(bare: Path, toolgate: Command) -> None:
    (bare / "toolgate.toml").write_text(
        CONFIG.replace("[servers.echo]\ntrusted = true\n", "[policy]\nkept_versions = 2\n")
    )
    for number in range(4):
        with (bare / "policies" / "policy.csv").open("a") as file:
            file.write(f"p, user:u{number}, *, echo/*, call, , allow, one more\n")
        assert toolgate("policy", "reload").code == 0
    assert [version["number"] for version in toolgate("policy", "versions", "--json").json] == [4, 3]
    (bare / "toolgate.toml").write_text("[policy]\nkept_versions = 1\n")
    refused = toolgate("policy", "versions")
    assert refused.code == 3
    assert "toolgate.toml:2:1: error: `policy.kept_versions` must be greater than or equal to 2" in refused.err


def test_a_version_is_printed_as_it_was(bare: Path, child: Command) -> None:
    (bare / "policies" / "policy.csv").write_bytes(ONE.encode())
    child("policy", "reload")
    digest = child("policy", "versions", "--json").json[0]["digest"]
    (bare / "policies" / "policy.csv").write_text(TWO)
    assert child("policy", "show", digest[:7]).out.replace("\n", "\r\n") == ONE  # the pipe of the test reads lines
    assert child("policy", "show", digest, "--file", "model.conf").out == (bare / "policies/model.conf").read_text()
    shown = child("policy", "show", digest, "--json").json
    assert shown["files"]["policy.csv"] == ONE
    assert MODEL.splitlines()[0] in shown["files"]["model.conf"]


def test_of_several_files_each_has_its_name(bare: Path, toolgate: Command) -> None:
    folder = bare / "policies" / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text("# a\n" + TWO)
    (folder / "b.csv").write_text("# b\n" + ONE)
    toml = bare / "toolgate.toml"
    toml.write_text(f'{toml.read_text()}\n[policy]\nfiles = "policies/policy.d"\n')
    toolgate("policy", "reload")
    digest = toolgate("policy", "versions", "--json").json[0]["digest"]
    shown = toolgate("policy", "show", digest).out
    assert shown.index("# ---- a.csv") < shown.index("# a") < shown.index("# ---- b.csv") < shown.index("# b")
    assert toolgate("policy", "show", digest, "--file", "b.csv").out.startswith("# b")


def test_what_there_is_not_is_said(bare: Path, toolgate: Command) -> None:
    assert "there is none yet" in toolgate("policy", "versions").err
    missing = toolgate("policy", "show", "abc")
    assert (missing.code, missing.out) == (1, "")
    assert "there is no version with a digest that begins with `abc`" in missing.err
    toolgate("policy", "reload")
    digest = toolgate("policy", "versions", "--json").json[0]["digest"]
    other = toolgate("policy", "show", digest, "--file", "x.csv")
    assert other.code == 1
    assert "has no file `x.csv`; it has `policy.csv`, `model.conf`" in other.err
