"""How backends fail: whatever they say, it becomes one `ProviderError` of a known kind. Pure.

A failure is known by the code or type that the backend gives it, then by its status, then by its words. What it says is
told without secrets: backends like to quote the key that they refuse.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from providers.blotting import HIDDEN, Blotter
from providers.reply import ProviderError, ProviderErrorKind
from providers.wire.text import clean

__all__ = ["Who", "failed", "retry_after", "told"]

_BY_NAME: Mapping[str, ProviderErrorKind] = {
    "authentication_error": "auth", "invalid_api_key": "auth", "invalid_authentication": "auth",
    "UNAUTHENTICATED": "auth",
    "permission_error": "permission", "permission_denied": "permission", "unsupported_country_region_territory":
    "permission", "PERMISSION_DENIED": "permission", "model_not_allowed": "permission",
    "billing_error": "quota", "insufficient_quota": "quota", "billing_hard_limit_reached": "quota",
    "insufficient_credits": "quota", "billing_not_active": "quota", "payment_required": "quota",
    "not_found_error": "not_found", "model_not_found": "not_found", "NOT_FOUND": "not_found",
    "DeploymentNotFound": "not_found",
    "request_too_large": "too_large", "context_length_exceeded": "too_large", "string_above_max_length": "too_large",
    "exceed_context_size_error": "too_large",
    "rate_limit_error": "rate_limit", "rate_limit_exceeded": "rate_limit", "tokens": "rate_limit",
    "requests": "rate_limit", "RESOURCE_EXHAUSTED": "rate_limit", "throttlingException": "rate_limit",
    "ThrottlingException": "rate_limit",
    "overloaded_error": "overloaded", "overloaded": "overloaded", "engine_overloaded_error": "overloaded",
    "slow_down": "overloaded", "server_is_overloaded": "overloaded", "UNAVAILABLE": "overloaded",
    "serviceUnavailableException": "overloaded", "service_unavailable": "overloaded",
    "api_error": "server", "server_error": "server", "internal_error": "server", "internal_server_error": "server",
    "INTERNAL": "server", "internalServerException": "server", "modelStreamErrorException": "server",
    "timeout_error": "timeout", "DEADLINE_EXCEEDED": "timeout", "modelTimeoutException": "timeout",
    "content_filter": "refused", "content_policy_violation": "refused", "bio_policy": "refused",
    "misalignment_policy_violation": "refused", "cyber_policy": "refused", "invalid_prompt": "refused",
}  # fmt: skip

_BY_STATUS: Mapping[int, ProviderErrorKind] = {
    400: "bad_request", 401: "auth", 402: "quota", 403: "permission", 404: "not_found", 405: "not_found",
    408: "timeout", 409: "server", 413: "too_large", 422: "bad_request", 425: "server", 429: "rate_limit",
    498: "overloaded", 502: "server", 503: "overloaded", 504: "timeout", 524: "timeout", 529: "overloaded",
}  # fmt: skip

_TOO_LARGE = re.compile(
    r"prompt is too long|context.{0,20}(length|window|size)|maximum.{0,20}(context|input|prompt).{0,20}(length|tokens)"
    r"|too many (input )?tokens|input is too long",
    re.IGNORECASE,
)
_KEYS = re.compile(r"\b(?:(?:sk|gsk|xai|pk|rk|key|csk)[-_]|AIza)[A-Za-z0-9*_.-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_TRY_AGAIN = re.compile(r"try again in (\d{1,6}(?:\.\d{1,6})?)(ms|s)\b")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_MOST = 400  # characters of what a backend says
_LONGEST_ID = 100
_REQUEST_IDS = ("request-id", "x-request-id", "x-amzn-requestid", "apim-request-id", "x-goog-request-id", "cf-ray")


@dataclass(frozen=True, slots=True)
class Who:
    """A backend: what it is called, and what must not be told of it."""

    name: str
    blotter: Blotter = field(repr=False, compare=False)

    @classmethod
    def of(cls, name: str, secrets: Iterable[str]) -> "Who":
        return cls(name, Blotter(secrets))

    def says(self, error: ProviderError, request_id: str | None = None) -> ProviderError:
        """The failure with the backend's name and the request's, and without a secret."""
        request_id = self.blotter.blotted(error.request_id or request_id or "")[:_LONGEST_ID] or None
        status = f"status {error.status}" if error.status else ""
        about = ", ".join(word for word in (status, f"request {request_id}" if request_id else "") if word)
        text = f"{self.name}: {self.scrubbed(str(error))}" + (f" ({about})" if about else "")
        return ProviderError(
            error.kind, text, status=error.status, retry_after=error.retry_after, request_id=request_id
        )

    def scrubbed(self, text: str) -> str:
        """One line of at most 400 characters, without a secret, or what looks like one."""
        text = _CONTROLS.sub(" ", _KEYS.sub(HIDDEN, self.blotter.blotted(clean(text)))).strip()
        return text if len(text) <= _MOST else f"{text[:_MOST]} ..."


def failed(status: int, headers: Mapping[str, str], body: Any) -> ProviderError:
    """The failure that a response with an error's status, or an error in its body, is."""
    error = _error_in(body)
    status = status if status >= 300 else _status_in(error) or status
    kind = _kind(error, status)
    message = _message(error) or _plain(status, headers, body)
    request_id = _request_id(headers, body)
    after = retry_after(headers)
    after = _retry_delay(error) if after is None else after
    return ProviderError(kind, message, status=status, retry_after=after, request_id=request_id)


def told(body: Any) -> ProviderError:
    """The failure that an event in the midst of a stream tells of."""
    error = _error_in(body)
    status = _status_in(error)
    message = _message(error) or "the backend failed, and does not say why"
    return ProviderError(_kind(error, status), message, status=status, retry_after=_retry_delay(error))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How many seconds a backend asks to be left alone: in milliseconds, seconds, or until a date."""
    millis, seconds = _number(headers.get("retry-after-ms")), headers.get("retry-after")
    if millis is not None:
        return millis / 1000
    if seconds is None or (number := _number(seconds)) is not None:
        return None if seconds is None else number
    try:
        until = parsedate_to_datetime(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None  # neither negative nor infinite


def _error_in(body: Any) -> Any:
    """The part of a body that tells of the error, whatever it is wrapped in."""
    if isinstance(body, list) and body:  # Gemini
        return _error_in(body[0])
    if not isinstance(body, Mapping):
        return body
    if isinstance(body.get("error"), str) and body.get("message"):
        return {**body, "type": body["error"]}
    return body.get("error") or body.get("detail") or body


def _kind(error: Any, status: int | None) -> ProviderErrorKind:
    names = [error.get(name) for name in ("code", "type", "status")] if isinstance(error, Mapping) else []
    named = next((_BY_NAME[name] for name in names if isinstance(name, str) and name in _BY_NAME), None)
    kind = named or _of_status(status) or _of_words(names)
    return "too_large" if kind == "bad_request" and _TOO_LARGE.search(_message(error)) else kind


def _of_status(status: int | None) -> ProviderErrorKind | None:
    if status is None or status < 300:
        return None
    default: ProviderErrorKind = "server" if status >= 500 else "bad_request" if status >= 400 else "not_found"
    return _BY_STATUS.get(status, default)


def _of_words(names: Iterable[Any]) -> ProviderErrorKind:
    return "bad_request" if "invalid_request_error" in names else "server"


def _status_in(error: Any) -> int | None:
    """Some put a status into the error: `{"code": 429}`."""
    code = error.get("code") if isinstance(error, Mapping) else None
    code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _message(error: Any) -> str:
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error.get("error")
        return message if isinstance(message, str) else ""
    return ""


def _plain(status: int, headers: Mapping[str, str], body: Any) -> str:
    """What is said of a response that says nothing, or nothing that is for us: HTML of a proxy."""
    if 300 <= status < 400:
        return f"it redirects to `{headers.get('location', '?')}`: set the base URL to where it is"
    if isinstance(body, str) and body and "html" not in headers.get("content-type", ""):
        return body
    return "it says no more than its status"


def _request_id(headers: Mapping[str, str], body: Any) -> str | None:
    given = body.get("request_id") if isinstance(body, Mapping) else None
    found = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None) or given
    return clean(_CONTROLS.sub("", found)) if isinstance(found, str) else None


def _retry_delay(error: Any) -> float | None:
    """Some say in the body how long to wait: `{"details": [{"retryDelay": "34s"}]}`, `Please try again in 1.3s`."""
    if found := _TRY_AGAIN.search(_message(error)):
        return float(found[1]) / (1000 if found[2] == "ms" else 1)
    details = error.get("details") if isinstance(error, Mapping) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and isinstance(detail.get("retryDelay"), str):
            return _number(detail["retryDelay"].removesuffix("s"))
    return None
