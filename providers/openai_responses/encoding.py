"""A `Request` as OpenAI's Responses want it. Pure.

Nothing is kept on their side (`store` is false), so everything goes along: what the model thought as encrypted items,
which go back as they came, and its messages and calls with the ids that these refer to.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from providers.answer_form import in_words, is_of_object
from providers.message import File, Image, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from providers.reply import ProviderError
from providers.request import Request, ToolSpec
from providers.wire.content import IMAGES, Piece, described, pieces, shown, texts
from providers.wire.remembered import remembered
from providers.wire.schemas import may_be_strict, of_object
from providers.wire.text import clean, clean_json, name_of, written
from providers.wire.turns import prepared

__all__ = ["ENCRYPTED", "LEAST_OUTPUT", "encoded"]

Json = dict[str, Any]

LEAST_OUTPUT = 16  # tokens; less is refused
ENCRYPTED = "reasoning.encrypted_content"
_FILES = frozenset({"application/pdf"})
_DOES_NOT_THINK = re.compile(r"(ft:)?(gpt-3|gpt-4|chatgpt)")  # such a model refuses to give what it thought


def encoded(request: Request, origin: str) -> Json:
    """The body of a streamed request. `origin` is the key of what may go back in `meta`. Raises ProviderError."""
    if request.stop:
        raise ProviderError("unsupported", "Responses can't be told texts at which to stop (`stop`)")
    if request.output_schema is not None and not is_of_object(request.output_schema):
        request = in_words(request)
    body: Json = {
        "model": request.model,
        "input": [item for message in prepared(request.messages) for item in _items(message, origin)],
        "max_output_tokens": max(LEAST_OUTPUT, request.max_output_tokens),
        "store": False,
        "stream": True,
    }
    if request.system.strip():
        body["instructions"] = clean(request.system)
    if request.cache_key:
        body["prompt_cache_key"] = request.cache_key
    return body | _tool_fields(request) | _thinking(request)


def _tool_fields(request: Request) -> Json:
    if not request.tools:
        return {}
    return {
        "tools": _tools(request.tools),
        "tool_choice": _choice(request.tool_choice),
        "parallel_tool_calls": request.parallel,
    }


@remembered
def _tools(tools: Sequence[ToolSpec]) -> list[Json]:
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": clean(tool.description),
            "parameters": clean_json(of_object(tool.input_schema)),
            "strict": tool.strict and may_be_strict(tool.input_schema),
        }
        for tool in tools
    ]


def _choice(choice: str) -> str | Json:
    named = {"auto": "auto", "any": "required", "none": "none"}
    return named.get(choice) or {"type": "function", "name": choice}


def _thinking(request: Request) -> Json:
    body: Json = {} if _DOES_NOT_THINK.match(request.model) else {"include": [ENCRYPTED]}
    if request.effort is not None:
        summary = {} if request.effort == "none" else {"summary": "auto"}
        body["reasoning"] = {"effort": request.effort} | summary
    if request.output_schema is not None:
        strict, schema = may_be_strict(request.output_schema), clean_json(of_object(request.output_schema))
        body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": strict}}
    return body


# ---- items


def _items(message: Message, origin: str) -> Iterator[Json]:
    if message.role == "assistant":
        yield from _whole([item for part in message.parts for item in _said(part, origin)])
    elif message.role == "tool":
        yield from (_output(part) for part in message.parts if isinstance(part, ToolResult))
    else:
        role = "developer" if message.role == "system" else "user"
        given = [_input(part) for part in message.parts if isinstance(part, Text | Image | File)]
        yield {"type": "message", "role": role, "content": given or [_text("(nothing)")]}


def _whole(items: list[Json]) -> list[Json]:
    """Thoughts go before what they led to; those that led to nothing are refused."""
    while items and items[-1]["type"] == "reasoning":
        items.pop()
    return items


def _said(part: Part, origin: str) -> Iterator[Json]:
    """What the model said. Thoughts that another one had are left out."""
    own = part.meta.get(origin)
    if isinstance(part, Text) and part.text:
        yield _message(part.text, own)
    elif isinstance(part, Thinking | Opaque) and own is not None:
        yield dict(own["item"])
    elif isinstance(part, ToolCall):
        call = {"type": "function_call", "call_id": part.id, "name": name_of(part.name)}
        yield call | {"arguments": written(part.arguments)} | (own or {})
    elif isinstance(part, Image | File):
        yield _message(described(part), None)


def _message(text: str, own: Json | None) -> Json:
    if own is None:
        return {"type": "message", "role": "assistant", "content": clean(text)}
    content = [{"type": "output_text", "text": clean(text), "annotations": []}]
    return {"type": "message", "role": "assistant", "status": "completed", "content": content} | own


def _output(result: ToolResult) -> Json:
    """A result as text, if it is nothing else. There is no mark for a failure but words."""
    found = [shown(piece, IMAGES, _FILES) for piece in pieces(result)]
    output: str | list[Json]
    if all(isinstance(piece, Text) for piece in found):
        output = ("Error: " if result.is_error else "") + texts(found)
    else:
        output = [_text("Error:")] * result.is_error + [_input(piece) for piece in found]
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}


def _input(piece: Piece) -> Json:
    taken = shown(piece, IMAGES, _FILES)
    if isinstance(taken, Image):
        url = f"data:{taken.media_type};base64,{taken.data}" if taken.data else taken.url
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    if isinstance(taken, File):
        data = f"data:{taken.media_type};base64,{taken.data}"
        return {"type": "input_file", "filename": clean(taken.name), "file_data": data}
    return _text(taken.text)


def _text(text: str) -> Json:
    return {"type": "input_text", "text": clean(text)}
