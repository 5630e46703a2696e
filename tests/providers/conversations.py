"""Any conversation, for laws that hold for all of them; and what the SDKs' own types say of a request."""

import base64
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter

from providers import (
    File,
    Finish,
    Finished,
    Image,
    Message,
    Opaque,
    Part,
    Reply,
    Request,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    ToolResult,
    ToolSpec,
    Usage,
)
from providers.fake.wire import Ask, Format, Told, frame
from providers.wire.backend import Decoder
from providers.wire.sse import Events

MODEL = "gpt-6-sol"
ORIGIN = f"home:{MODEL}"  # whose signatures go back

texts = st.text(max_size=12)
data = st.binary(max_size=8).map(lambda value: base64.b64encode(value).decode())
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
ids = st.one_of(st.sampled_from(["c1", "c2", "c1", "functions.look:0", "", "x" * 80]), texts)
arguments = st.one_of(
    st.sampled_from(
        ["{}", "", '{"a": 1}', '{"a": [1.5, null]}', "[1]", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": 1e999}']
    ),
    st.dictionaries(texts, st.integers(), max_size=2).map(str),
)
kinds = st.sampled_from(["image/png", "image/tiff", "audio/wav"])
blocks: st.SearchStrategy[Mapping[str, Any]] = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    st.fixed_dictionaries({"type": st.just("image"), "mimeType": kinds, "data": data}),
    st.fixed_dictionaries({"type": st.just("audio"), "mimeType": kinds, "data": data}),
    st.fixed_dictionaries({"type": st.just("resource_link"), "uri": texts, "name": texts}),
    st.fixed_dictionaries(
        {
            "type": st.just("resource"),
            "resource": st.one_of(
                st.fixed_dictionaries({"uri": texts, "text": texts}),
                st.fixed_dictionaries({"uri": texts, "mimeType": st.just("application/pdf"), "blob": data}),
            ),
        }
    ),
)  # fmt: skip
results: st.SearchStrategy[Part] = st.builds(ToolResult, ids, st.lists(blocks, max_size=2), st.booleans())
seen: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts),
    st.builds(Image, st.sampled_from(["image/png", "image/bmp"]), data),
    st.builds(Image, st.just("image/png"), st.just(""), st.just("https://example.com/a.png")),
    st.builds(File, texts, st.sampled_from(["application/pdf", "text/plain", "application/zip"]), data),
)
foreign = st.sampled_from([{}, {"away:gpt-6-sol": {"signature": "theirs", "item": {"type": "reasoning"}}}])
said: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts, foreign),
    st.builds(Thinking, texts, foreign),
    st.builds(ToolCall, ids, st.one_of(names, texts), arguments, foreign),
    st.builds(Opaque, names, foreign),
)
messages = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), st.lists(seen, max_size=3).map(tuple)),
        st.builds(Message, st.just("assistant"), st.lists(said, max_size=4).map(tuple)),
        st.builds(Message, st.just("tool"), st.lists(results, max_size=3).map(tuple)),
        st.builds(Message, st.just("system"), st.lists(st.builds(Text, texts), max_size=1).map(tuple)),
    ),
    max_size=7,
)
schemas: st.SearchStrategy[Mapping[str, Any]] = st.sampled_from(
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        {"type": "object", "properties": {"$odd key": {"type": "integer"}}, "required": ["$odd key"]},
        {"anyOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object"}]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": ["string", "null"]}}},
    ]
)
tools = st.lists(
    st.builds(ToolSpec, names, texts, schemas, st.booleans()), max_size=3, unique_by=lambda tool: tool.name
).map(tuple)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any request."""
    offered = draw(tools)
    choices = ["auto", "any", "none", *(tool.name for tool in offered)]
    return Request(
        model=draw(st.sampled_from([MODEL, "gpt-4.1", "local"])),
        system=draw(texts),
        messages=draw(messages),
        tools=offered,
        max_output_tokens=draw(st.integers(1, 10_000)),
        tool_choice=draw(st.sampled_from(choices if offered else choices[:1])),
        parallel=draw(st.booleans()),
        effort=draw(st.sampled_from([None, "none", "minimal", "low", "high", "xhigh", "max"])),
        output_schema=draw(st.one_of(st.none(), schemas)),
        cache_key=draw(st.one_of(st.none(), names)),
    )


class Types:
    """What an SDK takes as a request: its own TypedDict, in which nothing may stand that it does not know."""

    def __init__(self, params: Any) -> None:
        self._adapter = TypeAdapter[list[Any]](list[params], config=ConfigDict(extra="forbid"))

    def accept(self, body: Mapping[str, Any]) -> None:
        """Raises ValidationError, or AssertionError for what only fits the type of a reply."""
        _walked(self._adapter.validate_python([body]))


def _walked(value: Any) -> None:
    """Lists are looked into by pydantic only when they are read."""
    assert not isinstance(value, BaseModel), f"{value!r} is something that only a reply holds"
    if isinstance(value, dict):
        for item in value.values():
            _walked(item)
    elif not isinstance(value, str | bytes | int | float | None):
        for item in value:
            _walked(item)


calls: st.SearchStrategy[ToolCall] = st.builds(
    ToolCall,
    st.from_regex(r"[a-z0-9]{4}", fullmatch=True),
    names,
    st.sampled_from(["{}", '{"a": "ü"}', '{"long": "' + "x" * 40 + '"}']),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply: thoughts, one text, calls."""
    thought = draw(st.lists(st.builds(Thinking, st.text(min_size=1, max_size=20)), max_size=1))
    text = draw(st.lists(st.builds(Text, st.text(min_size=1, max_size=20)), max_size=1))
    wishes = draw(st.lists(calls, max_size=3, unique_by=lambda call: call.id))
    finish: Finish = draw(st.sampled_from(["tool_calls"] if wishes else ["stop", "length"]))
    usage = Usage(draw(st.integers(10, 99)), draw(st.integers(1, 99)), draw(st.integers(0, 10)), 0, 0)
    return Reply(Message("assistant", (*thought, *text, *wishes)), finish, usage, MODEL, "r1")


def told(form: Format, reply: Reply, *wants: str) -> bytes:
    """The reply as a server sends it."""
    request = Request(MODEL, "", [])
    return b"".join(map(frame, form.events(Told(Ask(request, True, frozenset(wants)), reply, 1))))


def heard(decoder: Decoder, stream: bytes, cuts: Sequence[int] = ()) -> list[StreamEvent]:
    """What a decoder makes of the bytes, in chunks that end at `cuts`; at the end the whole reply."""
    events, ends = Events(), [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    found = [each for chunk in chunks for each in events.feed(chunk)]
    streamed = [event for name, line in found if line != b"[DONE]" for event in decoder.take(name, json.loads(line))]
    return [*streamed, Finished(decoder.reply())]


def shown(message: Message) -> list[tuple[str, ...]]:
    """What of a message everybody sees: without what providers attach to it."""
    found: list[tuple[str, ...]] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            found.append(("call", part.name, part.arguments))
        elif isinstance(part, Text | Thinking):
            found.append((type(part).__name__, part.text))
    return found


def streamed(events: Sequence[StreamEvent]) -> list[tuple[str, ...]]:
    """The same, out of what was streamed: text and thoughts each in one, then the calls, each of which is done once."""
    thought = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    found: list[tuple[str, ...]] = [(kind, said) for kind, said in (("Thinking", thought), ("Text", text)) if said]
    for event in events:
        if isinstance(event, ToolCallStarted):
            pieces = (delta for delta in events if isinstance(delta, ToolCallArgumentsDelta))
            found.append(
                ("call", event.name, "".join(delta.text for delta in pieces if delta.index == event.index) or "{}")
            )
            assert sum(1 for done in events if done == ToolCallDone(event.index)) == 1
    return found


def counted(work: Callable[[], Any]) -> int:
    """How many lines run meanwhile, in however many turns of loops: work, whatever the machine and its load."""
    lines = 0

    def trace(_frame: Any, event: str, _arg: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines
