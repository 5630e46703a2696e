"""The official suite finds nothing wrong with Toolgate as a client: what it sends to the servers behind it."""

from pathlib import Path

import pytest

from tests.conformance.client import LEGACY, MODERN, SCENARIOS
from tests.conformance.suite import EXTENSIONS, run_client, scenarios
from tests.fixtures import nursery

COMMAND = nursery.command("-m", "tests.conformance.client")
SAMPLE = {
    MODERN: ("sep-2322-client-request-state", "http-custom-headers", "auth/scope-step-up", "auth/iss-wrong-issuer"),
    LEGACY: ("elicitation-sep1034-client-defaults", "sse-retry", "auth/token-endpoint-auth-post"),
}


@pytest.mark.parametrize("version", SCENARIOS)
def test_what_the_gateway_sends_to_servers_is_right(version: str, tmp_path: Path) -> None:
    """A few scenarios; the next test has them all. Each starts a gateway."""
    report = run_client(COMMAND, version, tmp_path, SAMPLE[version])
    assert not report.failures, str(report)


def test_credentials_of_the_gateways_own_are_as_their_extension_wants_them(tmp_path: Path) -> None:
    report = run_client(COMMAND, MODERN, tmp_path, EXTENSIONS)
    assert report.scenarios[0].passed > 5
    assert not report.failures, str(report)


@pytest.mark.soak
@pytest.mark.parametrize("version", SCENARIOS)
def test_everything_that_the_gateway_sends_to_servers_is_right(version: str, tmp_path: Path) -> None:
    assert set(SCENARIOS[version]) == set(scenarios("client", version))  # there is no list of what may fail
    report = run_client(COMMAND, version, tmp_path, SCENARIOS[version])
    assert not report.failures, str(report)
