from collections.abc import Mapping

import pytest

from gateway.errors import ConfigError
from gateway.telemetry.destination import destination

BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("endpoint", "environ", "url"),
    [
        (None, {}, None),
        (None, {BASE: ""}, None),
        (None, {BASE: "http://c:4318"}, "http://c:4318/v1/traces"),
        (None, {BASE: "http://c:4318/"}, "http://c:4318/v1/traces"),
        (None, {BASE: "https://c/otlp"}, "https://c/otlp/v1/traces"),
        (None, {TRACES: "http://t:4318/custom"}, "http://t:4318/custom"),
        (None, {TRACES: "http://t:4318/custom", BASE: "http://c:4318"}, "http://t:4318/custom"),
        ("http://e:4318", {BASE: "http://c:4318", TRACES: "http://t"}, "http://e:4318/v1/traces"),
        ("http://e:4318/v1/traces", {}, "http://e:4318/v1/traces"),
        ("http://[::1]:4318", {}, "http://[::1]:4318/v1/traces"),
        ("http://e:4318", {"OTEL_SDK_DISABLED": "true"}, None),
        ("http://e:4318", {"OTEL_SDK_DISABLED": "TRUE"}, None),
        ("http://e:4318", {"OTEL_SDK_DISABLED": "false"}, "http://e:4318/v1/traces"),
        ("http://e:4318", {"OTEL_TRACES_EXPORTER": "none"}, None),
        (None, {BASE: "collector:4317", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_the_first_that_is_set_says_where_spans_go(
    endpoint: str | None, environ: Mapping[str, str], url: str | None
) -> None:
    assert destination(endpoint, environ) == url


@pytest.mark.parametrize(
    "value", ["collector:4317", "collector", "ftp://c", "http://", "http://c:0", "http://c:99999", "http://[::1"]
)
def test_what_is_no_http_url_is_refused_and_names_its_source(value: str) -> None:
    with pytest.raises(ConfigError, match=f"{BASE}: error: .* must be an http or https URL .*OTEL_SDK_DISABLED"):
        destination(None, {BASE: value})
    with pytest.raises(ConfigError, match=r"telemetry\.endpoint: error"):
        destination(value, {})


def test_a_password_in_an_endpoint_is_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        destination("ftp://ann:hunter2@c", {})
    assert "hunter2" not in str(refused.value)
