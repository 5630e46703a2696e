"""What can go wrong on the way to a model, on demand: `cut after=3`, `429 retry_after=900`. Pure.

A fault is written the same in a script (`fault:`), in a flag and in a request's header: its name, and settings as
`name=value`. `KINDS` is the list of them. A server (`providers.fake`) plays it on the wire; the embedded model fails as
an adapter would that meets it there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from providers import Message, ProviderError, ProviderErrorKind, Reply, ToolCall

__all__ = ["KINDS", "ODD", "Fault", "altered", "error_of", "parsed"]

_AFTER = {"after": r"-?\d+"}
_ERROR = {"type": r"[a-z_.]+", "message": r".+"}

# name -> (what it does, its settings with their patterns)
KINDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "status": ("an HTTP error: status=429; retry_after=2, or date:30, or any text",
               {"status": r"[45]\d\d", "retry_after": r".+", **_ERROR}),
    "html": ("a web page with status 200, as a proxy answers", {}),
    "silent": ("nothing: not even headers come", {}),
    "slow": ("byte by byte: ms=20 between two of them", {"ms": r"\d+"}),
    "cut": ("the stream ends in good order, before it has said that all came", _AFTER),
    "drop": ("the connection ends amid the body", _AFTER),
    "reset": ("the connection is reset; after=0: before the headers", _AFTER),
    "hang": ("silence amid the stream", _AFTER),
    "garbled": ("an event that is not JSON", _AFTER),
    "error": ("an event that says that something went wrong: type=overloaded_error, or type=response.failed",
              {**_AFTER, "status": r"[45]\d\d", **_ERROR}),
    "unknown-event": ("an event that nobody knows, and then the rest", _AFTER),
    "wrong-type": ("an event in which a number stands where a text belongs, and then the rest", _AFTER),
    "unknown-stop": ("a reason for the end that nobody knows", {}),
    "bad-arguments": ("tools' arguments that are not JSON", {}),
    "cut-arguments": ("the output limit cuts the arguments of the last call", {}),
    "unclosed": ("the last part has no end when the reply has one (Chat Completions: a call comes behind the end)", {}),
    "incomplete-item": ("Responses: the last item is `incomplete`, in a response that is `completed`", {}),
    "repeat-key": ("the reply repeats the API key that was sent; status=401: an error does",
                   {"status": r"[45]\d\d"}),
    "no-index": ("compatible servers: calls without an index", {}),
    "no-id": ("compatible servers: calls without an id", {}),
    "bare-calls": ("compatible servers: calls without an index and without an id", {}),
    "same-index": ("compatible servers: every call has the index 0", {}),
    "dict-arguments": ("compatible servers: arguments as an object, not as a text", {}),
    "stop-with-calls": ("compatible servers: calls, and `stop` as the reason for the end", {}),
    "no-usage": ("compatible servers: no token counts", {}),
}  # fmt: skip

# Those that change what is said, and not how it is sent.
ODD = frozenset(
    {
        "unknown-stop", "no-usage", "unclosed", "incomplete-item",
        "no-index", "no-id", "bare-calls", "same-index", "dict-arguments", "stop-with-calls",
    }
)  # fmt: skip

_NUMBERED = re.compile(r"[45]\d\d")
_SETTING = re.compile(r"(?P<name>\w+)=(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>\S+))")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its settings. `times` is how often it happens to one conversation; 0 is always."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)
    times: int = 0

    def after(self, events: int) -> int:
        """How many of a reply's events come before it: never all. `after=-1` is all but the last one."""
        wanted = int(self.settings.get("after", "3"))
        return max(0, min(wanted if wanted >= 0 else events + wanted, events - 1))


def parsed(text: str, times: int = 0) -> Fault:
    """`429 retry_after=900 times=2` as a fault. Raises ValueError with a text for people."""
    name, _, rest = text.strip().partition(" ")
    settings = _settings(rest)
    if _NUMBERED.fullmatch(name):
        name, settings = "status", {"status": name, **settings}
    if name not in KINDS:
        raise ValueError(f"there is no fault `{name}`; there are {', '.join(f'`{kind}`' for kind in KINDS)}")
    known = {**KINDS[name][1], "times": r"\d+"}
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"`{name}` has no setting `{key}`; it has {', '.join(f'`{one}`' for one in known)}")
        if not re.fullmatch(known[key], value):
            raise ValueError(f"`{key}={value}` of `{name}` does not fit `{known[key]}`")
    if name == "status" and "status" not in settings:
        raise ValueError("`status` needs its number: `status=429`, or `429` alone")
    often = int(settings.pop("times", times))
    return Fault(name, settings, often)


def _settings(text: str) -> dict[str, str]:
    matches = _SETTING.finditer(text)
    found = {match["name"]: match["plain"] if match["quoted"] is None else match["quoted"] for match in matches}
    left = _SETTING.sub("", text).strip()
    if left:
        raise ValueError(f"`{left}` is no setting; write `name=value`, and quotes around a value with spaces")
    return found


_STATUSES: Mapping[int, ProviderErrorKind] = {
    400: "bad_request", 401: "auth", 403: "permission", 404: "not_found", 413: "too_large", 429: "rate_limit",
    503: "overloaded", 529: "overloaded",
}  # fmt: skip

_ERRORS: Mapping[str, ProviderErrorKind] = {
    "html": "protocol", "cut": "protocol", "garbled": "protocol", "wrong-type": "protocol",
    "drop": "network", "reset": "network",
    "silent": "timeout", "hang": "timeout",
}  # fmt: skip


def error_of(fault: Fault) -> ProviderError | None:
    """How a provider fails that meets this fault; None if it does not fail."""
    said = fault.settings.get("message", f"the script fails here with `{fault.kind}`")
    if fault.kind in _ERRORS:
        return ProviderError(_ERRORS[fault.kind], said)
    if fault.kind not in ("status", "error") and not (fault.kind == "repeat-key" and "status" in fault.settings):
        return None
    if fault.kind == "error" and "status" not in fault.settings:
        return ProviderError(_named(fault.settings.get("type", "overloaded_error")), said)
    status = int(fault.settings["status"])
    kind = _STATUSES.get(status, "server" if status >= 500 else "bad_request")
    return ProviderError(kind, said, status=status, retry_after=_seconds(fault.settings.get("retry_after", "")))


def _named(name: str) -> ProviderErrorKind:
    return "overloaded" if "overloaded" in name else "rate_limit" if "rate_limit" in name else "server"


def _seconds(text: str) -> float | None:
    found = re.fullmatch(r"(?:date:)?(\d+(?:\.\d+)?)", text)
    return float(found[1]) if found else None


def altered(reply: Reply, fault: Fault | None) -> Reply:
    """The reply that is said with this fault: its tools' arguments may be broken."""
    calls = reply.message.tool_calls
    if fault is None or not calls:
        return reply
    if fault.kind == "bad-arguments":
        return replace(reply, message=_with(reply.message, {call.id: _broken(call.arguments) for call in calls}))
    if fault.kind == "cut-arguments":
        last = calls[-1]
        return replace(reply, message=_with(reply.message, {last.id: _half(last.arguments)}), finish="length")
    return reply


def _with(message: Message, arguments: Mapping[str, str]) -> Message:
    return replace(
        message,
        parts=tuple(
            replace(part, arguments=arguments.get(part.id, part.arguments)) if isinstance(part, ToolCall) else part
            for part in message.parts
        ),
    )


def _broken(arguments: str) -> str:
    return arguments.replace('"', "'") if '"' in arguments else "{,}"


def _half(arguments: str) -> str:
    return arguments[: max(1, len(arguments) // 2)]
