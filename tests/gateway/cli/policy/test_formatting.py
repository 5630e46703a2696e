import os
from pathlib import Path

import pytest

from gateway.cli.policy import formatting
from tests.gateway.cli.conftest import POLICY, Command

RAGGED = "# ours\np,user:ann,*,echo/*,call,,allow,ann may\np, role:boss, *, echo/*, approve, , allow,the boss\n"
ALIGNED = (
    "# ours\np, user:ann,  *, echo/*, call,    , allow, ann may\np, role:boss, *, echo/*, approve, , allow, the boss\n"
)


def policy(project: Path) -> Path:
    return project / "policies" / "policy.csv"


def test_the_projects_policy_is_aligned_and_named_if_it_changed(bare: Path, toolgate: Command) -> None:
    policy(bare).write_text(RAGGED)
    done = toolgate("policy", "fmt")
    assert (done.code, done.out, done.err) == (0, "policies/policy.csv\n", "1 file changed\n")
    assert policy(bare).read_text() == ALIGNED
    again = toolgate("policy", "fmt")
    assert (again.code, again.out, again.err) == (0, "", "no files changed\n")


def test_to_check_writes_nothing_and_says_by_its_exit_code(bare: Path, toolgate: Command) -> None:
    policy(bare).write_text(RAGGED)
    checked = toolgate("policy", "fmt", "--check")
    assert (checked.code, checked.out, checked.err) == (1, "policies/policy.csv\n", "1 file would change\n")
    assert policy(bare).read_text() == RAGGED
    toolgate("policy", "fmt")
    assert toolgate("policy", "fmt", "--check").code == 0


def test_it_can_be_read_by_programs(bare: Path, toolgate: Command) -> None:
    policy(bare).write_text(RAGGED)
    name = "policies/policy.csv"
    assert toolgate("policy", "fmt", "--check", "--json").json == {
        "ok": False, "files": 1, "changed": [name], "written": False,
    }  # fmt: skip
    assert toolgate("policy", "fmt", "--json").json == {"ok": True, "files": 1, "changed": [name], "written": True}


def test_files_and_folders_may_be_named(bare: Path, toolgate: Command) -> None:
    folder = bare / "policies" / "policy.d"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(RAGGED)
    done = toolgate("policy", "fmt", "policies/policy.d")
    assert done.out == "policies/policy.d/a.csv\npolicies/policy.d/b.csv\n"
    assert (folder / "a.csv").read_text() == (folder / "b.csv").read_text() == ALIGNED
    assert policy(bare).read_text() == POLICY


def test_where_one_file_has_an_error_no_file_is_touched(bare: Path, toolgate: Command) -> None:
    folder = bare / "policies" / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text(RAGGED)
    (folder / "b.csv").write_text("p, user:ann, *, echo/*, call, , alow, typo\n")
    failed = toolgate("policy", "fmt", "policies/policy.d")
    assert failed.code == 3
    assert "policies/policy.d/b.csv:1:33: error: unknown effect `alow`" in failed.err
    assert (folder / "a.csv").read_text() == RAGGED


def test_a_file_keeps_its_mode_and_a_link_stays_one(bare: Path, toolgate: Command) -> None:
    real = bare / "elsewhere.csv"
    real.write_text(RAGGED)
    real.chmod(0o640)
    policy(bare).unlink()
    policy(bare).symlink_to(real)
    assert toolgate("policy", "fmt").code == 0
    assert policy(bare).is_symlink()
    assert real.read_text() == ALIGNED
    assert real.stat().st_mode & 0o777 == 0o640


def test_what_was_saved_meanwhile_is_not_overwritten(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(bare).write_text(RAGGED)
    write = formatting._write  # noqa: SLF001 - where somebody else is faster

    def late(*given: object) -> None:
        policy(bare).write_text(POLICY)
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(formatting, "_write", late)
    failed = toolgate("policy", "fmt")
    assert failed.code == 3
    assert "it was changed while this was going on" in failed.err
    assert policy(bare).read_text() == POLICY


def test_a_file_is_replaced_and_never_cut(bare: Path, toolgate: Command) -> None:
    policy(bare).write_text(RAGGED)
    before = os.stat(policy(bare)).st_ino  # noqa: PTH116
    assert toolgate("policy", "fmt").code == 0
    assert os.stat(policy(bare)).st_ino != before  # noqa: PTH116
