"""A `Request` as Anthropic's Messages wants it. Pure.

Prompts are cached up to four marks: after the tools, the system's text and the last two messages of the user. What
stands before a mark must be the same, byte for byte, as it was: tools come in the order in which they are given.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.answer_form import in_words
from providers.anthropic.form import formed, says_all
from providers.message import File, Image, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from providers.request import Request, ToolSpec
from providers.wire.content import IMAGES, Piece, described, pieces, shown, text_of
from providers.wire.remembered import remembered
from providers.wire.schemas import may_be_strict, plain_keys
from providers.wire.text import arguments_of, clean, clean_json, name_of
from providers.wire.turns import prepared

__all__ = ["encoded", "said"]

Json = dict[str, Any]

MOST_STRICT = 20  # tools; more are refused
_PDF = "application/pdf"
_MARK = {"type": "ephemeral"}
_MARKED = frozenset({"text", "image", "document", "tool_result"})  # blocks that can carry a mark
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_EFFORTS = {"none": None, "minimal": "low"}


def encoded(request: Request, origin: str) -> Json:
    """The body of a streamed request. `origin` is the key of what may go back in `meta`."""
    form, request = _form(request)
    messages = prepared(request.messages)
    leading = [message for message in messages[: _leading(messages)] if message.text]
    system = [text for text in (request.system, *(message.text for message in leading)) if text.strip()]
    body: Json = {
        "model": request.model,
        "max_tokens": request.max_output_tokens,
        "stream": True,
        "messages": _marked([_message(message, origin) for message in messages[_leading(messages) :]]),
    }
    if system:
        texts: list[Json] = [{"type": "text", "text": clean(text)} for text in system]
        body["system"] = [*texts[:-1], texts[-1] | {"cache_control": _MARK}]
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    return body | _tool_fields(request, messages) | _thinking(request, form)


def _leading(messages: Sequence[Message]) -> int:
    return next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))


# ---- tools


def _tool_fields(request: Request, messages: Sequence[Message]) -> Json:
    if request.tools:
        return {"tools": _tools(request.tools), "tool_choice": _choice(request)}
    called = sorted({name_of(call.name) for message in messages for call in message.tool_calls})
    if not called:
        return {}
    known = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in called]
    return {"tools": known, "tool_choice": {"type": "none"}}  # calls in a conversation need tools beside it


@remembered
def _tools(tools: Sequence[ToolSpec]) -> list[Json]:
    strict = {tool.name for tool in tools if tool.strict and may_be_strict(tool.input_schema)}
    most = set(sorted(strict)[:MOST_STRICT])
    written = [_tool(tool, strict=tool.name in most) for tool in tools]
    return [*written[:-1], written[-1] | {"cache_control": _MARK}]


def _tool(tool: ToolSpec, *, strict: bool) -> Json:
    schema = clean_json(plain_keys(tool.input_schema))
    written: Json = {"name": tool.name, "description": clean(tool.description), "input_schema": schema}
    return written | {"strict": True} if strict else written


def _choice(request: Request) -> Json:
    if request.tool_choice == "none":
        return {"type": "none"}
    alone: Json = {} if request.parallel else {"disable_parallel_tool_use": True}
    if request.tool_choice in ("auto", "any"):
        return {"type": request.tool_choice} | alone
    return {"type": "tool", "name": request.tool_choice} | alone


def _form(request: Request) -> tuple[Json | None, Request]:
    """The form of the answer; and the request, in which it is asked for in words where that does not say all of it."""
    if request.output_schema is None:
        return None, request
    form = formed(request.output_schema)
    whole = form is not None and says_all(form, request.output_schema)
    return form, request if whole else in_words(request)


def _thinking(request: Request, form: Json | None) -> Json:
    """How much is thought, and the form of the answer. A forced call leaves no room for thinking."""
    effort = _EFFORTS.get(request.effort or "none", request.effort)
    config: Json = {"effort": effort} if effort else {}
    if form is not None:
        config["format"] = {"type": "json_schema", "schema": clean_json(form)}
    body: Json = {"output_config": config} if config else {}
    if request.effort == "none":
        body["thinking"] = {"type": "disabled"}
    elif request.effort and request.tool_choice in ("auto", "none"):
        body["thinking"] = {"type": "adaptive"}
    return body


# ---- messages


def said(message: Message, origin: str) -> list[Json]:
    """What the model said, as it goes back to it: block by block as it came."""
    return [block for part in message.parts for block in _said(part, origin)]


def _message(message: Message, origin: str) -> Json:
    if message.role == "assistant":
        blocks = said(message, origin)
        while blocks and blocks[-1]["type"] in _THOUGHTS:  # a message may not end with them
            blocks.pop()
        return {"role": "assistant", "content": blocks or [_text("(nothing)")]}
    if message.role == "system":
        return {"role": "system", "content": [_text(message.text or "(nothing)")]}
    blocks = [block for part in message.parts for block in _given(part)]
    return {"role": "user", "content": blocks or [_text("(nothing)")]}


def _said(part: Part, origin: str) -> Iterator[Json]:
    """What the model said. Thoughts that another one signed are left out."""
    own = part.meta.get(origin)
    if isinstance(part, Text) and part.text.strip():
        yield _text(part.text) | (own or {})
    elif isinstance(part, Thinking) and own is not None:
        yield {"type": "thinking", "thinking": part.text, "signature": own["signature"]}
    elif isinstance(part, Opaque) and own is not None:
        yield dict(own)
    elif isinstance(part, ToolCall):
        arguments = arguments_of(part.arguments)
        yield {"type": "tool_use", "id": part.id, "name": name_of(part.name), "input": arguments} | (own or {})
    elif isinstance(part, Image | File):
        yield _text(described(part))


def _given(part: Part) -> Iterator[Json]:
    if isinstance(part, ToolResult):
        yield _result(part)
    elif isinstance(part, Text | Image | File):
        yield from _piece(part)


def _result(result: ToolResult) -> Json:
    content = [block for piece in pieces(result) for block in _piece(piece)]
    block: Json = {"type": "tool_result", "tool_use_id": result.call_id, "content": content or [_text("(empty)")]}
    return block | {"is_error": True} if result.is_error else block


def _piece(piece: Piece) -> Iterator[Json]:
    if isinstance(piece, File) and (text := text_of(piece)) is not None and text.strip():
        source: Json = {"type": "text", "media_type": "text/plain", "data": text}
        yield {"type": "document", "source": source, "title": clean(piece.name)}
        return
    taken = shown(piece, IMAGES, frozenset({_PDF}))
    if isinstance(taken, Image):
        yield {"type": "image", "source": _source(taken)}
    elif isinstance(taken, File):
        source = {"type": "base64", "media_type": _PDF, "data": taken.data}
        yield {"type": "document", "source": source, "title": clean(taken.name)}
    elif taken.text.strip():
        yield _text(taken.text)


def _source(image: Image) -> Json:
    if image.data:
        return {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "url", "url": image.url}


def _text(text: str) -> Json:
    return {"type": "text", "text": clean(text)}


def _marked(messages: list[Json]) -> list[Json]:
    """Tool results belong to the user; the last blocks of his last two messages end what is cached."""
    joined: list[Json] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"] == "user":
            joined[-1] = {"role": "user", "content": joined[-1]["content"] + message["content"]}
        else:
            joined.append(message)
    for message in [message for message in joined if message["role"] == "user"][-2:]:
        _mark(message["content"])
    return joined


def _mark(blocks: list[Mapping[str, Any]]) -> None:
    last = next((index for index in reversed(range(len(blocks))) if blocks[index]["type"] in _MARKED), None)
    if last is not None:
        blocks[last] = {**blocks[last], "cache_control": _MARK}
