"""Finished spans to an OTLP collector over HTTP (protobuf). The only module that imports the OpenTelemetry SDK.

No tracer, no global provider, no context, no sampler: a `Span` becomes an SDK span with the ids that the run gives it,
and goes into a bounded queue that a thread empties. A dead or slow collector costs a run nothing: what does not fit
into the queue is dropped, oldest first, and counted. Loaded lazily: it costs a quarter of a second to import.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as SdkLink
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.telemetry.attributes import permitted
from gateway.telemetry.span import Kind, Link, Span, span_id, trace_id

__all__ = ["Otlp"]

CLOSE_SECONDS = 1.5
_QUEUE = 8192  # the SDK's 2048 overflows in a burst even against a healthy collector
_DELAY_MILLIS = 1000
_EXPORT_SECONDS = 2.0

_NO_METRICS = NoOpMeterProvider()  # else the SDK looks for a global one, which we don't have
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Mapping[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
}
_ERROR_TYPE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


class Otlp:
    """Sends spans to `url`. Implements `gateway.telemetry.Telemetry`; `emit` never blocks and never raises."""

    def __init__(self, url: str, headers: Mapping[str, str], service_name: str, version: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a dead collector is counted, not shouted about
        self._resource = Resource.create({"service.name": service_name, "service.version": version})
        self._scope = InstrumentationScope("toolgate", version)
        self._exporter = _Counting(
            OTLPSpanExporter(url, headers=headers, timeout=_EXPORT_SECONDS, meter_provider=_NO_METRICS)
        )
        self._processor = BatchSpanProcessor(self._exporter, _QUEUE, _DELAY_MILLIS, meter_provider=_NO_METRICS)
        self._emitted = 0
        self._closed = False

    def emit(self, span: Span) -> None:
        """Queues a finished span."""
        self._emitted += 1
        self._processor.on_end(_sdk_span(span, self._resource, self._scope))

    def close(self) -> int:
        """Sends what is queued, for at most 1.5 s. Returns how many spans did not arrive; more calls do no more."""
        if not self._closed:
            self._closed = True
            self._drain()
        return self._emitted - self._exporter.exported

    def _drain(self) -> None:
        closing = Thread(target=self._processor.shutdown, name="toolgate-telemetry-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)  # what still hangs then is a daemon thread, and ends with the process


class _Counting(SpanExporter):
    """An exporter that knows how many spans a collector took."""

    def __init__(self, inner: OTLPSpanExporter) -> None:
        self._inner = inner
        self.exported = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # the SDK's own


def _sdk_span(span: Span, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    error = span.error if span.error is None or _ERROR_TYPE.fullmatch(span.error) else "_OTHER"
    attributes = permitted(span.attributes if error is None else {**span.attributes, "error.type": error})
    return ReadableSpan(
        name=span.name,
        context=_context(span.run_id, span.key),
        parent=None if span.parent is None else _context(span.run_id, span.parent),
        resource=resource,
        attributes=attributes,
        events=[SdkEvent(event.name, permitted(event.attributes), event.time_ns) for event in span.events],
        links=[_sdk_link(link) for link in span.links],
        kind=_KINDS[span.kind],
        status=Status(StatusCode.UNSET if error is None else StatusCode.ERROR),  # no text: it could hold content
        start_time=span.start_ns,
        end_time=max(span.start_ns, span.end_ns),  # the clock may have been set back
        instrumentation_scope=scope,
    )


def _context(run_id: str, key: str) -> SpanContext:
    return SpanContext(trace_id(run_id), span_id(run_id, key), is_remote=False, trace_flags=_SAMPLED)


def _sdk_link(link: Link) -> SdkLink:
    return SdkLink(SpanContext(link.trace_id, link.span_id, is_remote=True, trace_flags=_SAMPLED))
