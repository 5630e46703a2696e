import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from gateway import guard
from gateway.errors import ConfigError

START = "import sys; from gateway import guard; guard.check(); print('started')"


def installed(folder: Path, name: str, files: Sequence[str]) -> Distribution:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for path in (folder / file for file in files):  # Python 3.12 and later leave out what is listed but missing
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return PathDistribution(info)


def started_with_foreign(folder: Path, package: str) -> subprocess.CompletedProcess[str]:
    """Starts with a foreign package in front of ours on the import path."""
    (folder / package).mkdir(exist_ok=True)
    (folder / package / "__init__.py").write_text("")
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-P", "-c", START], capture_output=True, text=True, env=environ, check=False)


def test_our_own_packages_are_accepted() -> None:
    guard.check()


@pytest.mark.parametrize("package", ["providers", "servers"])
def test_a_foreign_package_in_front_of_ours_is_refused_and_named(tmp_path: Path, package: str) -> None:
    refused = started_with_foreign(tmp_path, package)
    assert refused.returncode != 0
    assert "started" not in refused.stdout
    assert f"the package `{package}` comes from `{tmp_path}`" in refused.stderr


def test_the_distribution_that_the_foreign_package_belongs_to_is_named(tmp_path: Path) -> None:
    installed(tmp_path, "discord-servers", ["servers/__init__.py"])
    refused = started_with_foreign(tmp_path, "servers")
    assert "the distribution `discord-servers` 1.0 installs a package `servers` too" in refused.stderr
    assert "pip uninstall discord-servers" in refused.stderr


def test_packages_that_all_stand_elsewhere_than_this_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        guard.check(tmp_path)
    assert [problem.file for problem in refused.value.problems[:3]] == list(guard.PACKAGES)


def test_a_package_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PACKAGES", ("gateway", "no_such_package_of_ours"))
    with pytest.raises(ConfigError, match="`no_such_package_of_ours` is not Toolgate's own"):
        guard.check()


def test_only_distributions_with_files_in_our_packages_are_reported(tmp_path: Path) -> None:
    several = [
        installed(tmp_path, "toolgate", ["gateway/__init__.py", "providers/__init__.py", "servers/__init__.py"]),
        installed(tmp_path, "harmless", ["harmless/gateway/__init__.py", "gateways.py"]),
        installed(tmp_path, "single-file", ["gateway.py"]),
        installed(tmp_path, "two-at-once", ["providers/a.py", "servers/b.py"]),
    ]
    messages = [problem.message for problem in guard.foreign_claims(several)]
    assert messages == [
        "the distribution `single-file` 1.0 installs a package `gateway` too",
        "the distribution `two-at-once` 1.0 installs a package `providers` too",
        "the distribution `two-at-once` 1.0 installs a package `servers` too",
    ]


def test_in_this_environment_nobody_claims_our_packages() -> None:
    assert guard.foreign_claims() == []


def test_a_distribution_that_has_put_files_into_our_own_packages_is_refused_and_named(tmp_path: Path) -> None:
    """The ordinary way of pip: both in one folder, and the last one installed has won."""
    for package in guard.PACKAGES:
        shutil.copytree(Path(guard.__file__).parents[1] / package, tmp_path / package)
    (tmp_path / f"{guard.DISTRIBUTION}-1.0.dist-info").mkdir()
    (tmp_path / f"{guard.DISTRIBUTION}-1.0.dist-info" / "RECORD").write_text("gateway/guard.py,,\n")
    installed(tmp_path, "harmless", ["harmless/gateway.py", "gateways/x.py"])

    def started() -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-P", "-c", START], capture_output=True, text=True, env=environ, check=False
        )

    assert started().stdout == "started\n"
    installed(tmp_path, "evil", ["evil.py", "servers/shop/tools.py"])
    refused = started()
    assert refused.returncode != 0
    assert "the distribution `evil` 1.0 installs a package `servers` too" in refused.stderr
