import logging
import time
from collections.abc import Iterator

import pytest

from gateway.telemetry import ROOT, Event, Span, attributes, link_to, open_telemetry, traceparent
from gateway.telemetry.span import SPAN_NAMES
from tests.fixtures.otlp_receiver import OtlpReceiver, ReceivedSpan, dead_endpoint, deaf_collector

START = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def collector() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


def a_run(run_id: str = "run_1") -> list[Span]:
    """The spans of a run in which one call was allowed, one was approved after three days, and one was denied."""
    step: attributes.Facts = {"run_id": run_id, "step_id": "t1"}
    days = 3 * 86_400 * SECOND
    return [
        Span(
            "llm.call",
            run_id,
            "t1/model",
            "t1",
            START,
            START + SECOND,
            attributes.llm_call(**step, model="demo"),
            kind="client",
        ),
        Span(
            "policy.check",
            run_id,
            "t1/call/c1/policy",
            "t1",
            START,
            START,
            attributes.policy_check(**step, tool="shop/refund", policy_decision="ask"),
        ),
        Span(
            "approval.wait",
            run_id,
            "t1/call/c1/approval",
            "t1",
            START,
            START + days,
            attributes.approval_wait(**step, tool="shop/refund", human_gate="approved"),
        ),
        Span(
            "tool.call",
            run_id,
            "t1/call/c1",
            "t1",
            START + days,
            START + days + SECOND,
            attributes.tool_call(**step, tool="shop/refund"),
            error="tool_error",
        ),
        Span(
            "policy.check",
            run_id,
            "t1/call/c2/policy",
            "t1",
            START,
            START,
            attributes.policy_check(**step, tool="shop/wipe", policy_decision="deny"),
        ),
        Span("agent.step", run_id, "t1", ROOT, START, START + days + SECOND, attributes.agent_step(**step)),
        Span("agent.run", run_id, ROOT, None, START, START + days + SECOND, attributes.agent_run(run_id=run_id)),
    ]


def sent(collector: OtlpReceiver, spans: list[Span]) -> dict[str, ReceivedSpan]:
    telemetry = open_telemetry(collector.endpoint)
    for span in spans:
        telemetry.emit(span)
    assert telemetry.close() == 0
    return {span.id: span for span in collector.spans}


def test_a_run_arrives_as_one_tree(collector: OtlpReceiver) -> None:
    received = sent(collector, a_run())
    names = {span.id: span.name for span in received.values()}
    edges = sorted((names.get(span.parent, "-"), span.name) for span in received.values())
    assert {span.trace for span in received.values()} == {traceparent("run_1", ROOT).split("-")[1]}
    assert edges == [
        ("-", "agent.run"),
        ("agent.run", "agent.step"),
        ("agent.step", "approval.wait"),
        ("agent.step", "llm.call"),
        ("agent.step", "policy.check"),
        ("agent.step", "policy.check"),
        ("agent.step", "tool.call"),
    ]
    assert {span.name for span in received.values()} == set(SPAN_NAMES) - {"policy.reload"}  # which belongs to no run


def test_the_span_of_a_call_is_the_one_that_its_server_was_told_about(collector: OtlpReceiver) -> None:
    received = sent(collector, a_run())
    _, trace, span, _ = traceparent("run_1", "t1/call/c1").split("-")
    assert (received[span].trace, received[span].name) == (trace, "tool.call")


def test_parts_of_a_run_that_two_processes_sent_meet_in_one_tree(collector: OtlpReceiver) -> None:
    spans = a_run()
    sent(collector, spans[:3])  # then the process died
    received = sent(collector, spans[3:])
    assert len(received) == len(spans)
    assert {span.parent for span in received.values()} - received.keys() == {""}


def test_times_kinds_and_errors_arrive(collector: OtlpReceiver) -> None:
    received = {span.name: span for span in sent(collector, a_run()).values()}
    wait, tool, model = received["approval.wait"], received["tool.call"], received["llm.call"]
    assert wait.end_ns - wait.start_ns == 3 * 86_400 * SECOND
    assert (model.kind, tool.kind) == ("client", "internal")
    assert (tool.failed, tool.attributes["error.type"], tool.status_text) == (True, "tool_error", "")
    assert not wait.failed


def test_events_and_links_arrive(collector: OtlpReceiver) -> None:
    caller = link_to("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")
    assert caller is not None
    retry = Event("retry", START + 1, {"error.type": "rate_limit", "retry_count": 1, "body": "secret"})
    span = Span("llm.call", "run_1", "t1/model", "t1", START, START + 2, links=[caller], events=[retry])
    (received,) = sent(collector, [span]).values()
    assert received.links == (("0123456789abcdef0123456789abcdef", "0123456789abcdef"),)
    (event,) = received.events
    assert (event.name, event.time_ns) == ("retry", START + 1)
    assert event.attributes == {"error.type": "rate_limit", "retry_count": 1}


def test_what_is_not_allowed_never_leaves_the_process(collector: OtlpReceiver) -> None:
    secrets = {"arguments": "hunter2", "gen_ai.tool.call.result": "hunter2", "model": "demo"}
    sent(collector, [Span("tool.call", "run_1", "k", ROOT, START, START, secrets, error="it failed: hunter2")])
    ((_, _, body),) = collector.requests
    assert b"hunter2" not in body
    assert collector.spans[0].attributes == {"model": "demo", "error.type": "_OTHER"}


def test_one_value_that_cannot_be_encoded_does_not_lose_the_others(collector: OtlpReceiver) -> None:
    odd = {"model": "lone \ud800 surrogate", "retry_count": 2**80, "tool": object()}
    span = Span("tool.call", "run_\ud800", "k", None, START, START, odd)  # type: ignore[arg-type]  # on purpose
    received = sent(collector, [span, *a_run()])
    (survivor,) = (each for each in received.values() if not each.parent and each.name == "tool.call")
    assert len(received) == 1 + len(a_run())
    assert survivor.attributes == {"model": "lone ? surrogate"}


def test_a_clock_that_was_set_back_makes_a_short_span_and_not_a_negative_one(collector: OtlpReceiver) -> None:
    (received,) = sent(collector, [Span("tool.call", "run_1", "k", ROOT, START, START - SECOND)]).values()
    assert received.start_ns == received.end_ns == START


def test_a_burst_arrives_whole(collector: OtlpReceiver) -> None:
    spans = [Span("tool.call", "run_1", f"k{i}", ROOT, START, START) for i in range(5000)]
    assert len(sent(collector, spans)) == 5000


def test_spans_leave_without_a_close(collector: OtlpReceiver) -> None:
    telemetry = open_telemetry(collector.endpoint)
    telemetry.emit(a_run()[0])
    assert [span.name for span in collector.wait_for(1)] == ["llm.call"]
    telemetry.close()


def test_headers_service_and_version_arrive(collector: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-team=blue")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-gateway")
    telemetry = open_telemetry(headers={"x-more": "1"})
    telemetry.emit(a_run()[0])
    assert telemetry.close() == 0
    ((path, headers, _),) = collector.requests
    assert path == "/v1/traces"
    assert (headers["authorization"], headers["x-team"], headers["x-more"]) == ("Bearer abc", "blue", "1")
    (span,) = collector.spans
    assert (span.resource["service.name"], span.scope) == ("shop-gateway", "toolgate")
    assert span.resource["service.version"]


def test_an_explicit_service_name_goes_first(collector: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-environment")
    telemetry = open_telemetry(collector.endpoint, service_name="from-config")
    telemetry.emit(a_run()[0])
    telemetry.close()
    assert collector.spans[0].resource["service.name"] == "from-config"


def test_a_dead_collector_costs_nothing_but_its_spans(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = open_telemetry(dead_endpoint())
    for span in a_run():
        telemetry.emit(span)
    assert telemetry.close() == len(a_run())
    assert telemetry.close() == len(a_run())
    assert caplog.records == []


def test_a_collector_that_never_answers_does_not_hold_us_up() -> None:
    with deaf_collector() as (endpoint, connected):
        telemetry = open_telemetry(endpoint)
        for i in range(10_000):  # more than the queue holds: emitting never blocks
            telemetry.emit(Span("tool.call", "run_1", f"k{i}", ROOT, START, START))
        assert connected.wait(20)
        before = time.monotonic()
        assert telemetry.close() == 10_000
        assert time.monotonic() - before < 15  # the SDK alone takes 30 s; ours are 1.5 s, and much for a busy machine


def test_a_span_after_the_close_is_counted_as_lost(collector: OtlpReceiver) -> None:
    telemetry = open_telemetry(collector.endpoint)
    assert telemetry.close() == 0
    telemetry.emit(a_run()[0])
    assert telemetry.close() == 1


def test_the_sdks_loggers_are_quiet(collector: OtlpReceiver) -> None:
    open_telemetry(collector.endpoint).close()
    assert not logging.getLogger("opentelemetry.sdk._shared_internal").isEnabledFor(logging.ERROR)
