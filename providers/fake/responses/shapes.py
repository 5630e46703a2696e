"""What a body of Responses may hold (the SDK's `ResponseCreateParams`, version 3.57), as shapes. Pure."""

from collections.abc import Mapping

from providers.fake.checks import ANY, SCHEMA, Either, Form, Many, Maybe, Number, Shape, Tagged, Text, Word
from providers.fake.openai import NAME

__all__ = ["COUNT", "RESPONSES"]

_BREAKPOINT = {"prompt_cache_breakpoint": Form({"mode": Word(("explicit",))}, {"ttl": Word(("30m", "12h"))})}
_STATUS = Word(("in_progress", "completed", "incomplete"))
_INPUT_TEXT = Form({"type": ANY, "text": Text()}, _BREAKPOINT)
_URL = Text(r"(?:https?://|data:image/(?:png|jpeg|gif|webp);base64,).+")
_INPUT_IMAGE = Form(
    {"type": ANY},
    {
        "detail": Maybe(Word(("auto", "low", "high", "original"))), "image_url": Maybe(_URL),
        "file_id": Maybe(Text()), **_BREAKPOINT,
    },
)  # fmt: skip
_INPUT_FILE = Form(
    {"type": ANY},
    {
        "file_data": Text(),
        "file_id": Maybe(Text()),
        "file_url": Text(),
        "filename": Text(),
        "detail": Text(),
        **_BREAKPOINT,
    },
)
_INPUT = Many(Tagged("type", {"input_text": _INPUT_TEXT, "input_image": _INPUT_IMAGE, "input_file": _INPUT_FILE}))
_OUTPUT_TEXT = Form({"type": ANY, "text": Text()}, {"annotations": Many(dict), "logprobs": Maybe(Many(dict))})
_OUTPUT = Many(Tagged("type", {"output_text": _OUTPUT_TEXT, "refusal": Form({"type": ANY, "refusal": Text()})}))


def _identity(prefix: str) -> Shape:
    return Text(rf"{prefix}[A-Za-z0-9_-]*", most=64)


_TYPED = {"type": ANY}
_SAID = Form({"role": ANY, "content": Either(_INPUT)}, _TYPED)
_MESSAGE = Tagged(
    "role",
    {
        "user": _SAID,
        "system": _SAID,
        "developer": _SAID,
        "assistant": Form(
            {"role": ANY, "content": Either(_OUTPUT)},
            {"type": ANY, "id": _identity("msg"), "status": _STATUS, "phase": Maybe(Text("commentary|final_answer"))},
        ),
    },
)
_CALL_ID = Text(least=1, most=64)
_CALL = Form(
    {"type": ANY, "call_id": _CALL_ID, "name": NAME, "arguments": Text()},
    {"id": _identity("fc"), "status": _STATUS, "caller": Maybe(dict), "namespace": Text()},
)
_RETURNED = Form(
    {"type": ANY, "call_id": _CALL_ID, "output": Either(_INPUT)},
    {"id": Maybe(_identity("fc")), "status": Maybe(_STATUS)},
)
_REASONING = Form(
    {"type": ANY, "id": _identity("rs"), "summary": Many(Form({"type": Word(("summary_text",)), "text": Text()}))},
    {"encrypted_content": Maybe(Text()), "content": Maybe(Many(dict)), "status": Maybe(_STATUS)},
)
_ITEM: Shape = Tagged(
    "type",
    {"message": _MESSAGE, "function_call": _CALL, "function_call_output": _RETURNED, "reasoning": _REASONING},
    usual=_MESSAGE,
)

_TOOL = Tagged(
    "type",
    {
        "function": Form(
            {"type": ANY, "name": NAME, "parameters": Maybe(SCHEMA), "strict": Maybe(bool)},
            {"description": Maybe(Text()), "defer_loading": bool, "output_schema": Maybe(dict)},
        )
    },
)
_CHOICE = Either(Form({"type": Word(("function",)), "name": NAME}), Text("none|auto|required"))
_SCHEMA = Form({"type": ANY, "name": NAME, "schema": dict}, {"description": Text(), "strict": Maybe(bool)})
_ANSWER = Tagged("type", {"text": Form({"type": ANY}), "json_object": Form({"type": ANY}), "json_schema": _SCHEMA})
_EFFORT = Maybe(Word(("none", "minimal", "low", "medium", "high", "xhigh", "max")))
_SUMMARY = Maybe(Word(("auto", "concise", "detailed")))
_THOUGHT = Maybe(Form({}, {"effort": _EFFORT, "summary": _SUMMARY, "context": Maybe(Text()), "mode": Text()}))
_INCLUDED = Word(("reasoning.encrypted_content", "message.output_text.logprobs", "message.input_image.image_url"))

_ALIKE: Mapping[str, Shape] = {
    "input": Either(Many(_ITEM)), "instructions": Maybe(Text()), "tools": Many(_TOOL), "tool_choice": _CHOICE,
    "parallel_tool_calls": Maybe(bool), "reasoning": _THOUGHT, "truncation": Maybe(Word(("auto", "disabled"))),
    "text": Form({}, {"format": _ANSWER, "verbosity": Maybe(Text())}), "previous_response_id": Maybe(Text()),
}  # fmt: skip

RESPONSES = Form(
    {"model": Text(least=1)},
    {
        **_ALIKE, "stream": Maybe(bool), "stream_options": Maybe(Form({}, {"include_obfuscation": bool})),
        "max_output_tokens": Maybe(Number(16)), "max_tool_calls": Maybe(Number(1)), "store": Maybe(bool),
        "include": Maybe(Many(_INCLUDED)), "metadata": Maybe(dict), "prompt_cache_key": Maybe(Text()),
        "prompt_cache_options": dict, "prompt_cache_retention": Maybe(Text()), "safety_identifier": Maybe(Text()),
        "service_tier": Maybe(Text()), "temperature": Maybe(Number(fraction=True)), "user": Text(),
        "top_p": Maybe(Number(fraction=True)), "background": Maybe(bool), "top_logprobs": Maybe(Number(0)),
    },
)  # fmt: skip
COUNT = Form({}, {"model": Maybe(Text()), **_ALIKE})
