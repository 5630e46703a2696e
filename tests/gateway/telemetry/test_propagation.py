import subprocess
import sys

PASSED_ON = """
from gateway.telemetry import stop_propagation
if {stop}:
    stop_propagation()
from opentelemetry.context import attach
from opentelemetry.propagate import extract
from mcp.shared._otel import extract_trace_context, inject_trace_context

came = {{"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "baggage": "tenant=secret"}}
attach(extract_trace_context(came) or extract(came))
sent = {{"traceparent": "ours"}}
inject_trace_context(sent)
print(sent)
"""


def _passed_on(*, stop: bool) -> str:
    code = PASSED_ON.format(stop=stop)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_clients_baggage_and_trace_would_reach_servers_through_the_mcp_sdk() -> None:
    """The danger is real: when this fails, the SDK has changed, and `propagation` may no longer be needed."""
    assert "secret" in _passed_on(stop=False)


def test_a_clients_baggage_never_reaches_a_server_and_our_traceparent_stays() -> None:
    assert _passed_on(stop=True) == "{'traceparent': 'ours'}\n"
