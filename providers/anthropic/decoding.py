"""The events of a reply from Anthropic's Messages. Pure.

A reply is whole when `message_stop` has come. Blocks that are not known are kept verbatim, for the same model.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.message import Message, Opaque, Part, Text, Thinking, ToolCall
from providers.reply import (
    Finish,
    ProviderError,
    Reply,
    Started,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.request import Request
from providers.wire.calls import as_text, ended, one_more, own_id
from providers.wire.estimate import in_full
from providers.wire.failures import told
from providers.wire.text import parsed

__all__ = ["MessagesDecoder"]

_FINISHES: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "pause_turn": "paused",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_KNOWN = ("text", "thinking", "tool_use")
_PLAIN = {"type", "text", "thinking", "signature", "id", "name", "input", "citations"}  # fields that parts have


@dataclass(slots=True)
class _Block:
    """A block as it grows. `call` is its number among the calls, if it is one."""

    start: Mapping[str, Any]
    kind: str
    call: int = -1
    id: str = ""
    texts: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)
    citations: list[Any] = field(default_factory=list)
    closed: bool = False


class MessagesDecoder:
    """Reads one reply."""

    def __init__(self, request: Request, origin: str) -> None:
        self._request, self._origin = request, origin
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}  # by the number that the backend gave it last
        self._ids: set[str] = set()  # of calls
        self._model, self._response_id, self._reason, self._why = request.model, "", "", ""
        self._counts: dict[str, int] = {}
        self._thought = 0
        self.container = ""  # in which its own tools ran
        self.done = False

    @property
    def complete(self) -> bool:
        """`message_stop` has come."""
        return self.done

    def take(self, event: bytes, data: Any) -> Iterator[StreamEvent]:
        """What an event means; nothing, if it is not known."""
        kind = data.get("type") or event.decode()
        step = _STEPS.get(kind)
        return step(self, data) if step is not None else iter(())

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (`protocol`) if it was cut."""
        if not self.done or not self._reason:
            raise ProviderError("protocol", "the reply ended before it was complete")
        message = Message("assistant", tuple(part for block in self._blocks for part in self._part(block)))
        finish = ended(_FINISHES.get(self._reason, "error"), message)
        if finish == "tool_calls" and not all(block.closed for block in self._blocks if block.call >= 0):
            raise ProviderError("protocol", "the reply ended before a call of it did")
        usage = in_full(self._usage(), self._request, message)
        reason = f"{self._reason}: {self._why}" if self._why else self._reason
        return Reply(message, finish, usage, self._model, self._response_id, reason=reason)

    def start(self, data: Any) -> Iterator[StreamEvent]:
        message = data["message"]
        self._model, self._response_id = message.get("model") or self._model, message.get("id") or ""
        self._count(message.get("usage"))
        self._ran_in(message.get("container"))
        yield Started(self._model, self._response_id)
        if self._counts:
            yield UsageUpdate(self._usage())  # what was read has to be paid for, whatever becomes of the reply

    def open(self, data: Any) -> Iterator[StreamEvent]:
        start = data["content_block"]
        block = _Block(start, start["type"])
        if block.kind == "tool_use":
            block.call, block.id = one_more(len(self._ids)), own_id(start.get("id"), self._ids)
            self._ids.add(block.id)
            yield ToolCallStarted(block.call, block.id, start["name"])
        self._open[data["index"]] = block
        self._blocks.append(block)
        if block.kind in ("text", "thinking"):
            block.signature, block.citations = [start.get("signature") or ""], list(start.get("citations") or ())
            yield from _grown(block, start.get(block.kind) or "")

    def grow(self, data: Any) -> Iterator[StreamEvent]:
        block, delta = self._open[data["index"]], data["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            if block.kind not in _KNOWN:  # whatever it is, these are words
                block.kind = "text"
            yield from _grown(block, delta["text"])
        elif kind == "input_json_delta":
            yield from _grown(block, delta["partial_json"])
        elif kind == "thinking_delta":
            yield from _grown(block, delta["thinking"])
        elif kind == "signature_delta":
            block.signature.append(delta["signature"])
        elif kind == "citations_delta":
            block.citations.append(delta["citation"])

    def close(self, data: Any) -> Iterator[StreamEvent]:
        block = self._open[data["index"]]
        block.closed = True
        if block.call >= 0:
            if not block.texts and block.start.get("input"):  # some give the arguments whole, at the start
                yield from _grown(block, as_text(block.start["input"]))
            yield ToolCallDone(block.call)

    def tell(self, data: Any) -> Iterator[StreamEvent]:
        delta = data.get("delta") or {}
        self._reason = delta.get("stop_reason") or self._reason
        details = delta.get("stop_details") or {}
        self._why = details.get("explanation") or details.get("category") or self._why
        self._count(data.get("usage"))
        self._ran_in(delta.get("container"))
        yield UsageUpdate(self._usage())

    def stop(self, _data: Any) -> Iterator[StreamEvent]:
        self.done = True
        return iter(())

    def fail(self, data: Any) -> Iterator[StreamEvent]:
        raise told(data)

    def _ran_in(self, container: Any) -> None:
        given = (container or {}).get("id")
        self.container = given if isinstance(given, str) else self.container

    def _count(self, usage: Any) -> None:
        """Counts are cumulative; what is not said again stays."""
        usage = usage or {}
        self._counts.update({name: usage[name] for name in _COUNTS if isinstance(usage.get(name), int)})
        details = usage.get("output_tokens_details") or {}
        self._thought = details.get("thinking_tokens") or self._thought

    def _usage(self) -> Usage:
        new, read, written, output = (self._counts.get(name, 0) for name in _COUNTS)
        return Usage(new + read + written, output, read, written, self._thought)

    def _part(self, block: _Block) -> Iterator[Part]:
        text = "".join(block.texts)
        if block.kind == "text":
            if text:
                yield Text(text, {self._origin: {"citations": block.citations}} if block.citations else {})
        elif block.kind == "thinking":
            yield Thinking(text, {self._origin: {"signature": "".join(block.signature)}})
        elif block.kind == "tool_use":
            more = {name: value for name, value in block.start.items() if name not in _PLAIN and _says_more(value)}
            yield ToolCall(block.id, block.start["name"], text or "{}", {self._origin: more} if more else {})
        elif (grown := _put_together(block)) is not None:
            yield Opaque(block.kind, {self._origin: grown})


def _grown(block: _Block, text: str) -> Iterator[StreamEvent]:
    if not text:
        return
    block.texts.append(text)
    if block.call >= 0:
        yield ToolCallArgumentsDelta(block.call, text)
    elif block.kind == "text":
        yield TextDelta(text)
    elif block.kind == "thinking":
        yield ThinkingDelta(text)


def _put_together(block: _Block) -> dict[str, Any] | None:
    """A block of another kind as it goes back; None if it grew, and not as calls of the backend's own tools do."""
    if not block.texts:
        return dict(block.start)
    given = parsed("".join(block.texts)) if "input" in block.start else None
    return None if given is None else {**block.start, "input": given}


def _says_more(value: Any) -> bool:
    return value is not None and value != {"type": "direct"}  # the caller, if it is the model itself


_STEPS: Mapping[str, Callable[[Any, Any], Iterator[StreamEvent]]] = {
    "message_start": MessagesDecoder.start,
    "content_block_start": MessagesDecoder.open,
    "content_block_delta": MessagesDecoder.grow,
    "content_block_stop": MessagesDecoder.close,
    "message_delta": MessagesDecoder.tell,
    "message_stop": MessagesDecoder.stop,
    "error": MessagesDecoder.fail,
}
