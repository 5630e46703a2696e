import subprocess
import sys

import pytest

from gateway.telemetry import ROOT, Recorder, Silent, Span, Telemetry, open_telemetry


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def test_telemetry_is_off_unless_somebody_says_where_to() -> None:
    assert isinstance(open_telemetry(), Silent)


def test_it_can_be_switched_off_where_an_endpoint_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert isinstance(open_telemetry("http://127.0.0.1:4318"), Silent)


def test_silence_and_the_recorder_are_telemetry() -> None:
    for telemetry in (Silent(), Recorder()):
        _emit_one(telemetry)
        assert telemetry.close() == 0


def test_who_has_no_collector_does_not_pay_for_the_sdk() -> None:
    code = (
        "import sys; from gateway.telemetry import open_telemetry; open_telemetry().close();"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert alone.stdout == "[]\n"


def _emit_one(telemetry: Telemetry) -> None:
    telemetry.emit(Span("agent.run", "run_1", ROOT, None, 1, 2))
