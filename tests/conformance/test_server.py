"""The official suite finds nothing wrong with Toolgate as a server: what it asks for gets through to ours and back."""

from pathlib import Path

import pytest

from tests.conformance.suite import TASKS, VERSIONS, run_server
from tests.fixtures.everything.starting import everything, served_url
from tests.fixtures.project import Project

UPSTREAM = ["stdio", pytest.param("http", marks=pytest.mark.soak)]


@pytest.mark.soak
@pytest.mark.parametrize("version", VERSIONS)
def test_the_everything_server_passes_by_itself(version: str, tmp_path: Path) -> None:
    """Else what is wrong with it would look like what is wrong with the gateway."""
    with served_url() as url:
        report = run_server(url, version, tmp_path / "out")
    assert not report.failures, str(report)
    assert not report.warnings, str(report)


@pytest.mark.parametrize("transport", UPSTREAM)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_scenario_passes_through_the_gateway(transport: str, version: str, tmp_path: Path) -> None:
    with everything(transport) as entry, Project.plain(tmp_path, entry).serve() as gateway:
        report = run_server(gateway.url, version, tmp_path / "out")
    assert len(report.scenarios) > 30
    assert not report.failures, str(report)


@pytest.mark.parametrize("transport", UPSTREAM)
def test_the_scenarios_of_tasks_pass_through_the_gateway(transport: str, tmp_path: Path) -> None:
    with everything(transport) as entry, Project.plain(tmp_path, entry).serve() as gateway:
        report = run_server(gateway.url, VERSIONS[0], tmp_path / "out", TASKS)
    assert len(report.scenarios) == len(TASKS)
    assert not report.failures, str(report)
