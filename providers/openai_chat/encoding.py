"""A `Request` as Chat Completions want it, with the deviations of a profile. Pure.

Messages of role `tool` are text alone: images and files that tools returned follow in a message of the user.
"""

from collections.abc import Sequence
from typing import Any

from providers.answer_form import in_words, is_of_object
from providers.message import File, Image, Message, Part, Text, Thinking, ToolCall, ToolResult
from providers.openai_chat.profiles import Profile
from providers.request import Request, ToolSpec
from providers.wire.content import IMAGES, Piece, described, pieces, shown, texts
from providers.wire.schemas import may_be_strict, of_object, reduced
from providers.wire.text import clean, clean_json, name_of, written
from providers.wire.turns import prepared

__all__ = ["encoded", "tools_of"]

Json = dict[str, Any]

_NONE: frozenset[str] = frozenset()
_FILES = frozenset({"application/pdf"})
_NO_SIGNATURE = {"google": {"thought_signature": "skip_thought_signature_validator"}}  # Google's word for "not ours"


def encoded(request: Request, origin: str, profile: Profile, tools: Sequence[Json]) -> Json:
    """The body of a streamed request. `tools` is what `tools_of` makes of the request's."""
    form, request = _form(request, profile)
    body: Json = {
        "model": request.model,
        "messages": _messages(request, origin, profile),
        profile.limit: request.max_output_tokens,
        "stream": True,
    }
    if profile.usage:
        body["stream_options"] = {"include_usage": True}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.cache_key and profile.cache_key:
        body["prompt_cache_key"] = request.cache_key
    return body | _tool_fields(request, profile, tools) | _thinking(request, profile) | form


def tools_of(tools: Sequence[ToolSpec], profile: Profile) -> list[Json]:
    """The tools as functions."""
    return [{"type": "function", "function": _function(tool, profile)} for tool in tools]


def _function(tool: ToolSpec, profile: Profile) -> Json:
    schema = of_object(tool.input_schema)
    schema = clean_json(reduced(schema) if profile.reduced else schema)
    function: Json = {"name": tool.name, "description": clean(tool.description), "parameters": schema}
    strict = tool.strict and profile.strict and may_be_strict(tool.input_schema)
    return function | {"strict": True} if strict else function


def _tool_fields(request: Request, profile: Profile, tools: Sequence[Json]) -> Json:
    if not tools:
        return {}
    body: Json = {"tools": list(tools)}
    choice = _choice(request.tool_choice, profile)
    if choice is not None:
        body["tool_choice"] = choice
    if profile.parallel and not request.parallel:
        body["parallel_tool_calls"] = False
    return body


def _choice(choice: str, profile: Profile) -> str | Json | None:
    """None where the endpoint has no word for it, or does so by itself."""
    if choice == "auto":
        return None
    if choice == "none":
        return "none"
    if choice == "any" or not profile.named:
        return profile.any or None
    return {"type": "function", "function": {"name": choice}}


def _thinking(request: Request, profile: Profile) -> Json:
    body: Json = {}
    only_calls = request.tools and profile.thinks_or_calls and profile.thinks_or_calls.match(request.model)
    if request.effort is not None and profile.effort:
        effort = "none" if only_calls else profile.efforts.get(request.effort, request.effort)
        body[profile.effort] = {"effort": effort} if profile.effort == "reasoning" else effort
    return body


def _form(request: Request, profile: Profile) -> tuple[Json, Request]:
    """The form of the answer; and the request, in which it is asked for in words where the endpoint has none for it.

    Gemini takes tools or a form, and not both.
    """
    schema = request.output_schema
    if schema is None:
        return {}, request
    if not profile.form or not is_of_object(schema) or (profile.reduced and request.tools):
        return {}, in_words(request)
    if profile.form == "json_object":  # any object: its endpoints want the word JSON in the text besides
        return {"response_format": {"type": "json_object"}}, in_words(request)
    strict = profile.strict and may_be_strict(schema)
    bare = of_object(schema)
    form = {"name": "answer", "schema": clean_json(reduced(bare) if profile.reduced else bare), "strict": strict}
    return {"response_format": {"type": "json_schema", "json_schema": form}}, request


# ---- messages


def _messages(request: Request, origin: str, profile: Profile) -> list[Json]:
    messages = prepared(request.messages, profile.ids)
    since = max((place for place, message in enumerate(messages) if message.role == "user"), default=0)
    written_ones: list[Json] = []
    if request.system.strip():
        written_ones.append({"role": profile.system, "content": clean(request.system)})
    for place, message in enumerate(messages):
        if message.role == "assistant":
            written_ones.append(_said(message, origin, profile, current=place > since))
        elif message.role == "tool":
            written_ones += _results(message, profile)
        elif message.role == "system":
            written_ones.append({"role": profile.system, "content": clean(message.text) or "(nothing)"})
        else:
            written_ones.append(_given(message.parts, profile))
    return _in_turns(written_ones) if profile.turns else written_ones


def _in_turns(messages: Sequence[Json]) -> list[Json]:
    """With a word of the assistant where the user would speak right behind a tool."""
    spoken: list[Json] = []
    for message in messages:
        if message["role"] == "user" and spoken and spoken[-1]["role"] == "tool":
            spoken.append({"role": "assistant", "content": "(I have the results.)"})
        spoken.append(message)
    return spoken


def _said(message: Message, origin: str, profile: Profile, *, current: bool) -> Json:
    """What the model said. `current`: it has not spoken to the user since, and may go on with what it thought."""
    text = "".join(_spoken(part) for part in message.parts)
    said: Json = {"role": "assistant", "content": clean(text) or None}
    calls = [_call(call, origin, profile, first=place == 0) for place, call in enumerate(message.tool_calls)]
    if calls:
        said["tool_calls"] = calls
    elif not text:
        said["content"] = "(nothing)"
    own = [part.meta[origin] for part in message.parts if isinstance(part, Text) and origin in part.meta]
    return said | (own[0] if own else {}) | _thoughts(message, origin, profile, current=current)


def _spoken(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    return described(part) if isinstance(part, Image | File) else ""


def _thoughts(message: Message, origin: str, profile: Profile, *, current: bool) -> Json:
    own = [part for part in message.parts if isinstance(part, Thinking) and origin in part.meta]
    if profile.thoughts == "reasoning_details":
        details = [detail for part in own for detail in part.meta[origin].get("reasoning_details", ())]
        return {"reasoning_details": details} if details else {}
    if profile.thoughts and own and current:
        return {profile.thoughts: clean("".join(part.text for part in own))}
    return {}


def _call(call: ToolCall, origin: str, profile: Profile, *, first: bool) -> Json:
    function = {"name": name_of(call.name), "arguments": written(call.arguments)}
    encoded_call: Json = {"id": call.id, "type": "function", "function": function}
    own = call.meta.get(origin)
    if own is None and profile.signatures and first:
        own = {"extra_content": _NO_SIGNATURE}
    return encoded_call | (own or {})


def _results(message: Message, profile: Profile) -> list[Json]:
    encoded_results: list[Json] = []
    seen: list[Part] = []
    for result in message.parts:
        if isinstance(result, ToolResult):
            found = [_shown(piece, profile) for piece in pieces(result)]
            told = ("Error: " if result.is_error else "") + texts([_told(piece) for piece in found])
            encoded_results.append({"role": "tool", "tool_call_id": result.call_id, "content": told})
            seen += [piece for piece in found if not isinstance(piece, Text)]
    if seen:
        about = Text("What the tools returned beside text, in the order of the calls:")
        encoded_results.append(_given((about, *seen), profile))
    return encoded_results


def _told(piece: Piece) -> Text:
    what = "image" if isinstance(piece, Image) else "file"
    return piece if isinstance(piece, Text) else Text(f"({what}: it follows the results)")


def _given(parts: Sequence[Part], profile: Profile) -> Json:
    """A message of the user: text alone as text."""
    given = [_shown(part, profile) for part in parts if isinstance(part, Text | Image | File)]
    if all(isinstance(part, Text) for part in given):
        text = "\n\n".join(part.text for part in given if isinstance(part, Text) and part.text)
        return {"role": "user", "content": clean(text) or "(nothing)"}
    return {"role": "user", "content": [_content(part) for part in given]}


def _shown(piece: Piece, profile: Profile) -> Piece:
    return shown(piece, IMAGES if profile.images else _NONE, _FILES if profile.files else _NONE)


def _content(piece: Piece) -> Json:
    if isinstance(piece, Image):
        url = f"data:{piece.media_type};base64,{piece.data}" if piece.data else piece.url
        return {"type": "image_url", "image_url": {"url": url}}
    if isinstance(piece, File):
        data = f"data:{piece.media_type};base64,{piece.data}"
        return {"type": "file", "file": {"filename": clean(piece.name), "file_data": data}}
    return {"type": "text", "text": clean(piece.text)}
