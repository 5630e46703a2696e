"""Where spans go, if anywhere: from an explicit endpoint, else from OpenTelemetry's own environment variables. Pure.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and .../protocol/exporter/.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.errors import ConfigError

__all__ = ["destination"]

_PATH = "/v1/traces"


def destination(endpoint: str | None, environ: Mapping[str, str]) -> str | None:
    """The URL that spans are posted to, or None when telemetry is off.

    `endpoint` is a collector's address (`http://127.0.0.1:4318`), with or without `/v1/traces`; it goes before
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (taken as it is), which goes before OTEL_EXPORTER_OTLP_ENDPOINT.
    OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none switch telemetry off whatever else is said.
    Raises ConfigError for what is no http or https URL.
    """
    if _off(environ):
        return None
    candidates = (
        ("telemetry.endpoint", _with_path(endpoint or "")),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", _with_path(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))),
    )
    return next((_checked(source, url) for source, url in candidates if url), None)


def _off(environ: Mapping[str, str]) -> bool:
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"


def _with_path(base: str) -> str:
    base = base.strip().rstrip("/")
    return base if not base or base.endswith(_PATH) else f"{base}{_PATH}"


def _checked(source: str, url: str) -> str:
    if _is_http(url):
        return url
    message = "the OTLP endpoint must be an http or https URL"  # the value is not shown: it may carry a password
    raise ConfigError.at(source, message, hint="write `http://HOST:4318`, or set OTEL_SDK_DISABLED=true")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its twin
        return False
