"""Spans of what happened, to an OTLP collector, or nowhere.

Everybody else makes a finished `Span` and calls `emit`; there is no open span, no context and no global state.
Telemetry fails open: nothing that happens here slows, stops or changes a run. Reading order: `span` (what a span is),
`attributes` (what it may say), `destination` (where it goes), `otlp` (how), `recorder` (into memory, for tests),
`propagation` (what is not passed on).
"""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from gateway.telemetry.destination import destination
from gateway.telemetry.propagation import stop_propagation
from gateway.telemetry.recorder import Recorder
from gateway.telemetry.span import ROOT, Event, Link, Span, link_to, traceparent

__all__ = [
    "ROOT",
    "Event",
    "Link",
    "Recorder",
    "Silent",
    "Span",
    "Telemetry",
    "destination",
    "link_to",
    "open_telemetry",
    "stop_propagation",
    "traceparent",
]


class Telemetry(Protocol):
    """Where finished spans go."""

    def emit(self, span: Span) -> None:
        """Takes a finished span. Never blocks, never raises."""
        ...

    def close(self) -> int:
        """Sends what is left, for at most 1.5 s. Returns how many spans were lost; may be called again."""
        ...


class Silent:
    """Telemetry that is off: the default."""

    def emit(self, span: Span) -> None:
        """Does nothing."""

    def close(self) -> int:
        """Nothing was lost: 0."""
        return 0


def open_telemetry(
    endpoint: str | None = None, headers: Mapping[str, str] | None = None, service_name: str | None = None
) -> Telemetry:
    """OTLP over HTTP if an endpoint is given here or in the environment (see `destination`), else `Silent`.

    `headers` are added to OTEL_EXPORTER_OTLP_HEADERS; `service_name` goes before OTEL_SERVICE_NAME, and without either
    it is `toolgate`. Raises ConfigError for an endpoint that is no URL.
    """
    url = destination(endpoint, os.environ)
    if url is None:
        return Silent()
    from gateway.telemetry.otlp import Otlp  # a quarter of a second: only those who want spans pay

    name = service_name or os.environ.get("OTEL_SERVICE_NAME") or "toolgate"
    return Otlp(url, headers or {}, name, _version())


def _version() -> str:
    try:
        return version("toolgate")
    except PackageNotFoundError:  # run from a folder, not installed
        return "unknown"
