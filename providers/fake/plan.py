"""What is sent, when, and how it ends: an answer as a list of actions, with a fault worked into it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Literal

from providers.fake.wire import Complaint, Format, Told, Trouble, body, frame
from providers.scripted.faults import Fault

__all__ = ["PAGE", "Action", "End", "Head", "Pause", "Send", "complaint_of", "planned", "refusal"]


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and headers. `length` is what the body is said to have; None for one that comes in chunks."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes of the body. `event` says that they are one whole event of a stream."""

    data: bytes
    event: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The answer ends: `whole` in good order, `drop` without its end, `reset` by TCP, `hang` when the client goes."""

    how: Literal["whole", "drop", "reset", "hang"] = "whole"


Action = Head | Send | Pause | End

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON = {"content-type": "application/json"}
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>"
_GARBLED = b'event: garbled\ndata: {"type": "content_block_del\n\n'

_KINDS: Mapping[int, Trouble] = {
    401: "auth", 403: "permission", 404: "not_found", 413: "too_large", 429: "rate_limit", 503: "overloaded",
    529: "overloaded",
}  # fmt: skip


def planned(form: Format, told: Told, fault: Fault | None, headers: Mapping[str, str]) -> Iterator[Action]:
    """The reply, with its fault. `headers` go with every answer."""
    request_id = headers.get(form.request_id, "")
    if told.ask.stream:
        sends = [Send(frame(event), event=True) for event in form.events(told)]
        yield from _with(form, sends, Head(200, {**_STREAM, **headers}), fault, request_id)
    else:
        yield from _whole(form, told, fault, headers)


def refusal(
    form: Format, complaint: Complaint, headers: Mapping[str, str], retry_after: str | None = None, now: float = 0.0
) -> Iterator[Action]:
    """An error with its status. `retry_after` are seconds, `date:30` for a date that far from `now`, or any text."""
    sent = body(form.error(complaint, headers.get(form.request_id, "")))
    wait = {} if retry_after is None else {"retry-after": _when(retry_after, now)}
    yield Head(complaint.status, {**_JSON, **headers, **wait}, len(sent))
    yield Send(sent)
    yield End()


def _when(text: str, now: float) -> str:
    kind, _, seconds = text.partition(":")
    return formatdate(now + float(seconds), usegmt=True) if kind == "date" else text


def complaint_of(fault: Fault) -> Complaint:
    """What a fault of kind `status` or `error` says."""
    status = int(fault.settings.get("status", "529"))
    kind: Trouble = _KINDS.get(status, "server" if status >= 500 else "invalid")
    said = fault.settings.get("message", "This server was told to fail.")
    return Complaint(status, kind, said, type=fault.settings.get("type"))


def _with(form: Format, sends: Sequence[Send], head: Head, fault: Fault | None, request_id: str) -> Iterator[Action]:
    """A stream with a fault in it."""
    kind = fault.kind if fault else ""
    if fault is None or kind not in _BREAKS:
        yield head
        yield from _slowly(sends, fault) if fault and kind == "slow" else sends
        yield End()
        return
    before = sends[: fault.after(len(sends))]
    if kind not in ("drop", "reset") or before:
        yield head
    yield from before
    if kind in (*_AMID, "error"):
        yield from _inserted(form, fault, request_id)
    if kind in _AMID:
        yield from sends[len(before) :]
    yield _BREAKS[kind]


_AMID = ("garbled", "unknown-event", "wrong-type")  # one event more: the others come all the same

# The faults that a stream does not survive, or that stand in it, and how it ends.
_BREAKS: Mapping[str, End] = {
    "cut": End(), "drop": End("drop"), "reset": End("reset"), "hang": End("hang"),
    "garbled": End(), "error": End(), "unknown-event": End(), "wrong-type": End(),
}  # fmt: skip


def _inserted(form: Format, fault: Fault, request_id: str) -> Iterator[Send]:
    if fault.kind == "garbled":
        yield Send(_GARBLED, event=True)
        return
    if fault.kind == "error":
        events = form.interrupted(complaint_of(fault), request_id)
    else:
        events = [form.mistyped if fault.kind == "wrong-type" else form.unknown]
    yield from (Send(frame(event), event=True) for event in events)


def _slowly(sends: Sequence[Send], fault: Fault) -> Iterator[Action]:
    seconds = int(fault.settings.get("ms", "20")) / 1000
    for send in sends:
        for byte in send.data[:-1]:
            yield Send(bytes((byte,)))
            yield Pause(seconds)
        yield Send(send.data[-1:], event=send.event)


def _whole(form: Format, told: Told, fault: Fault | None, headers: Mapping[str, str]) -> Iterator[Action]:
    """An answer in one piece: what breaks off breaks off in its middle."""
    sent = body(form.whole(told))
    kind = fault.kind if fault else ""
    if fault is not None and kind == "error":
        yield from refusal(form, complaint_of(fault), headers)
        return
    half = sent[: len(sent) // 2]
    broken = kind in ("cut", "garbled", "drop", "reset", "hang")
    if not (kind in ("drop", "reset") and fault and fault.settings.get("after") == "0"):
        yield Head(200, {**_JSON, **headers}, len(half) if kind in ("cut", "garbled") else len(sent))
        yield from _slowly([Send(sent)], fault) if fault and kind == "slow" else [Send(half if broken else sent)]
    yield _BREAKS[kind] if broken else End()
