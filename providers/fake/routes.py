"""Which request means what, and which refusal its path, method and key call for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.line import Received
from providers.fake.openai import owned
from providers.fake.responses import RESPONSES
from providers.fake.wire import Complaint, Format

__all__ = ["FORMATS", "Route", "key_of", "lacks_key", "routed"]

FORMATS: Mapping[str, Format] = {form.name: form for form in (ANTHROPIC, RESPONSES, CHAT)}

_VERSIONS = ("2023-06-01", "2026-10-21")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request wants: a reply, a count, or the list of models. `complaint` is set if there is no such thing."""

    form: Format
    counting: bool = False
    models: bool = False
    complaint: Complaint | None = None


_ROUTES: Mapping[str, Route] = {
    "/v1/messages": Route(ANTHROPIC),
    "/v1/messages/count_tokens": Route(ANTHROPIC, counting=True),
    "/v1/responses": Route(RESPONSES),
    "/v1/responses/input_tokens": Route(RESPONSES, counting=True),
    "/v1/chat/completions": Route(CHAT),
}


def routed(received: Received) -> Route:
    """Always a route: a path that is not there has the form that its headers speak for."""
    form = ANTHROPIC if "anthropic-version" in received.headers else CHAT
    if received.path == "/v1/models" or received.path.startswith("/v1/models/"):
        route, method = Route(form, models=True), "GET"
    elif received.path in _ROUTES:
        route, method = _ROUTES[received.path], "POST"
    else:
        return Route(form, complaint=Complaint(404, "not_found", f"there is no {received.path} here"))
    if received.method != method:
        said = f"Method Not Allowed: {received.path} takes {method}"
        return replace(route, complaint=Complaint(405, "invalid", said))
    return route


def lacks_key(received: Received, route: Route) -> Complaint | None:
    """Anthropic wants a version, and all want a key; but servers that only speak like OpenAI's may have none."""
    if route.form is ANTHROPIC and received.headers.get("anthropic-version") not in _VERSIONS:
        return Complaint(400, "invalid", f"anthropic-version: header is required, one of {', '.join(_VERSIONS)}")
    if key_of(received):
        return None
    if route.form is CHAT and not _own(received):
        return None
    said = "x-api-key header is required" if route.form is ANTHROPIC else "You didn't provide an API key."
    return Complaint(401, "auth", said)


def key_of(received: Received) -> str:
    """The key that was sent; empty if none was."""
    scheme, _, token = received.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else received.headers.get("x-api-key", "")


def _own(received: Received) -> bool:
    try:
        model = received.json().get("model")
    except (ValueError, AttributeError):
        return False
    return isinstance(model, str) and owned(model)
