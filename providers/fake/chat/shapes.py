"""What a body of Chat Completions may hold (the SDK's `CompletionCreateParams`, version 3.57), as shapes. Pure."""

from providers.fake.checks import ANY, SCHEMA, Either, Form, Many, Maybe, Number, Open, Shape, Tagged, Text, Word
from providers.fake.openai import NAME

__all__ = ["COMPLETIONS"]

_BREAKPOINT = {"prompt_cache_breakpoint": Form({"mode": Word(("explicit",))}, {"ttl": Word(("30m", "12h"))})}
_TEXT = Form({"type": ANY, "text": Text()}, _BREAKPOINT)
_URL = Text(r"(?:https?://|data:image/(?:png|jpeg|gif|webp);base64,).+")
_IMAGE_URL = Form({"url": _URL}, {"detail": Word(("auto", "low", "high", "original"))})
_FILE = Form({}, {"file_data": Text(), "file_id": Text(), "filename": Text()})
_FROM_USER = Tagged(
    "type",
    {
        "text": _TEXT,
        "image_url": Form({"type": ANY, "image_url": _IMAGE_URL}, _BREAKPOINT),
        "file": Form({"type": ANY, "file": _FILE}, _BREAKPOINT),
        "input_audio": Form({"type": ANY, "input_audio": dict}, _BREAKPOINT),
    },
)
_FROM_ASSISTANT = Tagged("type", {"text": _TEXT, "refusal": Form({"type": ANY, "refusal": Text()})})
_ONLY_TEXT = Either(Many(Tagged("type", {"text": _TEXT}), least=1))
_CALL = Form(
    {"id": Text(least=1), "type": Word(("function",)), "function": Form({"name": NAME, "arguments": Text()})},
    {"extra_content": Open({"google": Open({})})},
)

_NAMED: dict[str, Shape] = {"name": Text(most=64)}
_ASSISTANT = Form(
    {"role": ANY},
    {
        **_NAMED, "content": Maybe(Either(Many(_FROM_ASSISTANT, least=1))), "refusal": Maybe(Text()),
        "tool_calls": Many(_CALL, least=1), "reasoning_content": Maybe(Text()), "reasoning": Maybe(Text()),
        "reasoning_details": Many(dict),
    },
)  # fmt: skip
_MESSAGE = Tagged(
    "role",
    {
        "system": Form({"role": ANY, "content": _ONLY_TEXT}, _NAMED),
        "developer": Form({"role": ANY, "content": _ONLY_TEXT}, _NAMED),
        "user": Form({"role": ANY, "content": Either(Many(_FROM_USER, least=1))}, _NAMED),
        "assistant": _ASSISTANT,
        "tool": Form({"role": ANY, "content": _ONLY_TEXT, "tool_call_id": Text(least=1)}),
    },
)

_FUNCTION = Form({"name": NAME}, {"description": Text(), "parameters": SCHEMA, "strict": Maybe(bool)})
_TOOL = Tagged("type", {"function": Form({"type": ANY, "function": _FUNCTION})})
_CHOSEN = Form({"type": Word(("function",)), "function": Form({"name": NAME})})
_SCHEMA = Form({"name": NAME}, {"description": Text(), "schema": dict, "strict": Maybe(bool)})
_ANSWER = Tagged(
    "type",
    {
        "text": Form({"type": ANY}),
        "json_object": Form({"type": ANY}),
        "json_schema": Form({"type": ANY, "json_schema": _SCHEMA}),
    },
)
_FRACTION = Maybe(Number(fraction=True))

COMPLETIONS = Form(
    {"model": Text(least=1), "messages": Many(_MESSAGE, least=1)},
    {
        "stream": Maybe(bool),
        "stream_options": Maybe(Form({}, {"include_usage": bool, "include_obfuscation": bool})),
        "tools": Many(_TOOL, least=1, most=128),
        "tool_choice": Either(_CHOSEN, Text("none|auto|required|any")),
        "parallel_tool_calls": bool,
        "max_tokens": Maybe(Number(1)),
        "max_completion_tokens": Maybe(Number(1)),
        "reasoning_effort": Maybe(Word(("none", "minimal", "low", "medium", "high", "xhigh", "max"))),
        "reasoning": dict,
        "response_format": _ANSWER,
        "stop": Maybe(Either(Many(Text(), least=1, most=4))),
        "prompt_cache_key": Maybe(Text()), "prompt_cache_options": dict, "prompt_cache_retention": Maybe(Text()),
        "temperature": _FRACTION, "top_p": _FRACTION, "frequency_penalty": _FRACTION, "presence_penalty": _FRACTION,
        "n": Maybe(Number(1)), "seed": Maybe(Number()), "logprobs": Maybe(bool), "top_logprobs": Maybe(Number(0)),
        "logit_bias": Maybe(dict), "metadata": Maybe(dict), "store": Maybe(bool), "user": Text(),
        "safety_identifier": Maybe(Text()), "service_tier": Maybe(Text()), "verbosity": Maybe(Text()),
        "modalities": Maybe(Many(Text())),
    },
)  # fmt: skip
