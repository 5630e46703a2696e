"""What a body of Anthropic Messages may hold (the SDK's `MessageCreateParams`, version 2.14), as shapes. Pure."""

from providers.fake.checks import ANY, SCHEMA, Either, Form, Many, Maybe, Number, Shape, Tagged, Text, Word

__all__ = ["COUNT", "MESSAGES"]

_CACHE = Maybe(Form({"type": Word(("ephemeral",))}, {"ttl": Word(("5m", "1h"))}))
_TEXT = Form({"type": ANY, "text": Text(least=1)}, {"cache_control": _CACHE, "citations": Maybe(Many(dict))})

_MEDIA = Word(("image/jpeg", "image/png", "image/gif", "image/webp"))
_IMAGE_SOURCE = Tagged(
    "type",
    {
        "base64": Form({"type": ANY, "media_type": _MEDIA, "data": Text(least=1)}),
        "url": Form({"type": ANY, "url": Text(r"https?://.+")}),
        "file": Form({"type": ANY, "file_id": Text(least=1)}),
    },
)
_IMAGE = Form({"type": ANY, "source": _IMAGE_SOURCE}, {"cache_control": _CACHE, "transformations": dict})
_DOCUMENT_SOURCE = Tagged(
    "type",
    {
        "base64": Form({"type": ANY, "media_type": Word(("application/pdf",)), "data": Text(least=1)}),
        "text": Form({"type": ANY, "media_type": Word(("text/plain",)), "data": Text(least=1)}),
        "content": Form({"type": ANY, "content": Either(Many(dict))}),
        "url": Form({"type": ANY, "url": Text(r"https?://.+")}),
        "file": Form({"type": ANY, "file_id": Text(least=1)}),
    },
)
_DOCUMENT = Form(
    {"type": ANY, "source": _DOCUMENT_SOURCE},
    {"cache_control": _CACHE, "citations": Maybe(dict), "context": Maybe(Text()), "title": Maybe(Text())},
)
_RESULT_CONTENT = Either(Many(Tagged("type", {"text": _TEXT, "image": _IMAGE, "document": _DOCUMENT})))
_TOOL_RESULT = Form(
    {"type": ANY, "tool_use_id": Text(r"[a-zA-Z0-9_-]+")},
    {"content": _RESULT_CONTENT, "is_error": bool, "cache_control": _CACHE},
)
_TOOL_USE = Form(
    {"type": ANY, "id": Text(r"[a-zA-Z0-9_-]+"), "name": Text(r"[a-zA-Z0-9_-]{1,128}"), "input": dict},
    {"cache_control": _CACHE, "caller": dict},
)
_THINKING = Form({"type": ANY, "thinking": Text(), "signature": Text(least=1)})
_REDACTED = Form({"type": ANY, "data": Text(least=1)})

_FROM_USER: Shape = Tagged("type", {"text": _TEXT, "image": _IMAGE, "document": _DOCUMENT, "tool_result": _TOOL_RESULT})
_FROM_ASSISTANT: Shape = Tagged(
    "type", {"text": _TEXT, "thinking": _THINKING, "redacted_thinking": _REDACTED, "tool_use": _TOOL_USE}
)
_MESSAGE = Tagged(
    "role",
    {
        "user": Form({"role": ANY, "content": Either(Many(_FROM_USER, least=1), Text(least=1))}),
        "assistant": Form({"role": ANY, "content": Either(Many(_FROM_ASSISTANT, least=1), Text(least=1))}),
        "system": Form({"role": ANY, "content": Either(Many(Tagged("type", {"text": _TEXT})))}),
    },
)

_TOOL = Form(
    {"name": Text(r"[a-zA-Z0-9_-]{1,128}"), "input_schema": SCHEMA},
    {
        "type": Maybe(Word(("custom",))), "description": Text(), "cache_control": _CACHE, "strict": bool,
        "defer_loading": bool, "eager_input_streaming": Maybe(bool), "input_examples": Many(dict),
        "allowed_callers": Many(Word(("direct",))),
    },
)  # fmt: skip
_PARALLEL = {"disable_parallel_tool_use": bool}
_CHOICE = Tagged(
    "type",
    {
        "auto": Form({"type": ANY}, _PARALLEL),
        "any": Form({"type": ANY}, _PARALLEL),
        "tool": Form({"type": ANY, "name": Text()}, _PARALLEL),
        "none": Form({"type": ANY}),
    },
)
_DISPLAY = {"display": Maybe(Word(("summarized", "omitted")))}
_THOUGHT = Tagged(
    "type",
    {
        "adaptive": Form({"type": ANY}, _DISPLAY),
        "enabled": Form({"type": ANY, "budget_tokens": Number(1024)}, _DISPLAY),
        "disabled": Form({"type": ANY}),
        "between_tools": Form({"type": ANY}),
    },
)
_OUTPUT = Form(
    {},
    {
        "effort": Maybe(Word(("low", "medium", "high", "xhigh", "max"))),
        "format": Maybe(Form({"type": Word(("json_schema",)), "schema": dict})),
    },
)

_ASKED: dict[str, Shape] = {"model": Text(least=1), "messages": Many(_MESSAGE, least=1)}
_ALIKE: dict[str, Shape] = {
    "system": Either(Many(Tagged("type", {"text": _TEXT}))), "tools": Many(_TOOL), "tool_choice": _CHOICE,
    "thinking": _THOUGHT, "output_config": _OUTPUT, "cache_control": _CACHE, "speed": Maybe(Text()),
}  # fmt: skip

MESSAGES = Form(
    {**_ASKED, "max_tokens": Number(0)},
    {
        **_ALIKE, "stream": bool, "stop_sequences": Many(Text(least=1)),
        "service_tier": Word(("auto", "standard_only")), "metadata": Form({}, {"user_id": Maybe(Text(most=512))}),
        "container": Maybe(ANY), "inference_geo": Maybe(Text()),
    },
)  # fmt: skip
COUNT = Form(_ASKED, _ALIKE)
