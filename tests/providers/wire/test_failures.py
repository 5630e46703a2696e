"""How backends fail, in their own words: the kind is right, and no secret is repeated."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers import ProviderError
from providers.wire.failures import Who, failed, retry_after, told

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


def error(message: str = "No", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Anthropic
        (400, error(type="invalid_request_error"), "bad_request"),
        (400, error("prompt is too long: 210000 tokens > 200000 maximum", type="invalid_request_error"), "too_large"),
        (401, error(type="authentication_error"), "auth"),
        (402, error(type="billing_error"), "quota"),
        (403, error(type="permission_error"), "permission"),
        (404, error(type="not_found_error"), "not_found"),
        (413, error(type="request_too_large"), "too_large"),
        (429, error(type="rate_limit_error"), "rate_limit"),
        (500, error(type="api_error"), "server"),
        (504, error(type="timeout_error"), "timeout"),
        (529, error(type="overloaded_error"), "overloaded"),
        # OpenAI: the type is often no more than `invalid_request_error`
        (400, error(type="invalid_request_error", code="context_length_exceeded"), "too_large"),
        (401, error(type="invalid_request_error", code="invalid_api_key"), "auth"),
        (401, error(type="invalid_request_error"), "auth"),
        (403, error(type="request_forbidden", code="unsupported_country_region_territory"), "permission"),
        (404, error(type="invalid_request_error", code="model_not_found"), "not_found"),
        (429, error(type="insufficient_quota", code="insufficient_quota"), "quota"),
        (429, error(type="tokens", code="rate_limit_exceeded"), "rate_limit"),
        (503, error(type="server_error", code="slow_down"), "overloaded"),
        # and those who say that they are compatible
        (400, [error(code=400, status="INVALID_ARGUMENT")], "bad_request"),
        (429, [error(code=429, status="RESOURCE_EXHAUSTED")], "rate_limit"),
        (400, {"object": "error", "message": "maximum context length is 4096 tokens", "code": 400}, "too_large"),
        (400, error("exceeds the available context size", type="exceed_context_size_error"), "too_large"),
        (422, {"detail": "Unprocessable"}, "bad_request"),
        (404, {"error": "model `x` not found"}, "not_found"),
        (200, error(code=502), "server"),
        (200, error(code="429"), "rate_limit"),
        (418, None, "bad_request"),
        (599, "", "server"),
        (302, None, "not_found"),
    ],
)
def test_each_failure_has_its_kind(status: int, body: Any, kind: str) -> None:
    assert failed(status, {}, body).kind == kind


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (error(type="overloaded_error"), "overloaded", None),
        ({"code": "server_error", "message": "No"}, "server", None),
        (error(type="invalid_request_error"), "bad_request", None),
        (error(code=503), "overloaded", 503),
        (error(), "server", None),
        ("Oops", "server", None),
        (None, "server", None),
    ],
)
def test_so_has_one_that_is_told_amid_a_stream(body: Any, kind: str, status: int | None) -> None:
    found = told(body)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "900"}, 900.0),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "1"}, 1.0),
    ],
)
def test_a_wait_is_asked_for_in_several_ways(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(
    st.one_of(
        st.text(),
        st.floats().map(str),
        st.from_regex(r"Thu, 26 Nov [0-9]{1,30} [0-9]{1,3}:00:30 ([+-][0-9]{1,30}|GMT)", fullmatch=True),
    )
)
@example("Thu, 26 Nov 99999999999999999999 12:00:30 GMT")
def test_whatever_a_wait_is_asked_in_it_is_none_or_a_number_of_seconds(said: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after({name: said}, NOW)
        assert seconds is None or 0 <= seconds < 1e12


def test_gemini_asks_for_a_wait_in_the_body() -> None:
    assert failed(429, {}, [error(details=[{"@type": "x"}, {"retryDelay": "34s"}])]).retry_after == 34.0


@pytest.mark.parametrize(
    ("wait", "seconds"), [("1.3s", 1.3), ("250ms", 0.25), ("20s", 20.0), ("6m0s", None), ("a bit", None)]
)
def test_openai_asks_for_a_wait_in_words(wait: str, seconds: float | None) -> None:
    words = f"Rate limit reached. Please try again in {wait}. Visit us."
    assert told({"code": "rate_limit_exceeded", "message": words}).retry_after == seconds
    assert failed(429, {"retry-after": "7"}, error(words)).retry_after == 7.0


def test_a_failure_says_who_failed_how_and_in_which_request() -> None:
    found = Who.of("anthropic", ()).says(failed(429, {"request-id": "req_1"}, error("Slow down")))
    assert str(found) == "anthropic: Slow down (status 429, request req_1)"
    assert (found.status, found.request_id) == (429, "req_1")
    assert failed(400, {}, {**error(), "request_id": "req_2"}).request_id == "req_2"


def test_a_failure_that_says_nothing_says_so() -> None:
    assert str(failed(500, {"content-type": "text/html"}, "<html>Oops</html>")) == "it says no more than its status"
    assert "`https://x.example`" in str(failed(307, {"location": "https://x.example"}, ""))
    assert str(failed(500, {"content-type": "text/plain"}, "Oops")) == "Oops"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: hush-hush-key.",
        "Incorrect API key provided: sk-abc***********************xyz.",
        "bad header Authorization: Bearer abc.def",
        "key AIzaSyA1234567890 is not valid",
        "gsk_abcdefgh12345",
    ],
)
def test_a_failure_repeats_no_secret(text: str) -> None:
    found = str(Who.of("x", ["hush-hush-key", "no"]).says(ProviderError("auth", text)))
    assert "***" in found
    assert not any(part in found for part in ("hush-hush", "xyz", "abc.def", "AIza", "gsk_"))


def test_nor_does_it_repeat_one_as_the_name_of_a_request() -> None:
    who = Who.of("x", ["hush-hush-key"])
    given = failed(500, {"x-request-id": "x" * 95 + "hush-hush-key"}, None)
    for said in (who.says(given), who.says(ProviderError("server", "No"), given.request_id)):
        assert "hush" not in f"{said} {said.request_id}"
        assert len(said.request_id or "") <= 100


@pytest.mark.parametrize("form", ["aHVzaC1odXNoL2tleQ==", "hush-hush%2Fkey", "Basic dTpodXNoLWh1c2gva2V5"])
def test_nor_one_that_is_encoded(form: str) -> None:
    assert Who.of("x", ["hush-hush/key"]).scrubbed(f"no {form}") != f"no {form}"


def test_ordinary_words_are_no_secrets() -> None:
    text = "The keyword `no` was skipped; the task is not known"
    assert Who.of("x", ["no"]).scrubbed(text) == text


def test_a_failure_holds_no_half_of_a_character() -> None:
    """It is recorded and printed."""
    half = failed(400, {}, {"error": {"message": "No \ud800"}, "request_id": "req_\udfff"})
    said = Who.of("x", ()).says(half)
    assert f"{said} {said.request_id}".encode()


def test_a_failure_is_one_short_line() -> None:
    scrubbed = Who.of("x", ()).scrubbed("a\nb\x1b[31m\u202e" + "c" * 1000)
    assert scrubbed.startswith("a b [31m cc")
    assert len(scrubbed) < 420


@given(
    st.integers(200, 599),
    st.recursive(
        st.one_of(st.none(), st.text(), st.integers(), st.booleans()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2),
            st.dictionaries(
                st.sampled_from(["error", "message", "code", "type", "detail", "details"]), inner, max_size=3
            ),
        ),
        max_leaves=6,
    ),
)
def test_whatever_a_backend_says_is_a_failure(status: int, body: Any) -> None:
    assert failed(status, {}, body).kind
    assert told(body).kind
