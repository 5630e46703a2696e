"""What Chat Completions refuses beyond shapes: who answers what, what goes with what. Pure. In OpenAI's own words."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from providers.fake.chat.makers import NINE, SKIPPED, maker, thought_signature
from providers.fake.checks import Refused
from providers.fake.openai import owned, strictly, thinks

__all__ = ["keep"]

_THINKS_OR_CALLS = re.compile(r"gpt-(?:5\.[4-9]|[6-9])")  # models that do not both think and call tools here


def keep(body: Mapping[str, Any]) -> None:
    """Raises Refused for the first rule that is broken."""
    _together(body)
    _tools(body.get("tools", ()))
    if owned(body["model"]):
        _own(body)
    _answers(body["messages"])
    peculiar = _PECULIAR.get(maker(body["model"]))
    if peculiar is not None:
        peculiar(body["messages"])


def _together(body: Mapping[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        sentence = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(("stream_options",), "rule", sentence)
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and "tools" not in body:
            sentence = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            raise Refused((name,), "rule", sentence)
    chosen = body.get("tool_choice")
    if isinstance(chosen, dict):
        name = chosen["function"]["name"]
        if name not in [tool["function"]["name"] for tool in body["tools"]]:
            sentence = f"Tool choice 'function' not found in 'tools' parameter: '{name}'."
            raise Refused(("tool_choice",), "rule", sentence)


def _tools(tools: Sequence[Mapping[str, Any]]) -> None:
    for place, tool in enumerate(tools):
        function = tool["function"]
        path = ("tools", place, "function", "parameters")
        if function.get("parameters", {"type": "object"}).get("type") != "object":
            sentence = (
                f"Invalid schema for function '{function['name']}': schema must be a JSON Schema of "
                f"'type: \"object\"', got 'type: \"{function['parameters'].get('type')}\"'."
            )
            raise Refused(path, "rule", sentence, "invalid_function_parameters")
        if function.get("strict"):
            strictly(function["name"], function.get("parameters", {}), path)


def _own(body: Mapping[str, Any]) -> None:
    """What only OpenAI's own models refuse."""
    if thinks(body["model"]):
        _thinking(body)
    if "reasoning" in body:
        raise Refused(("reasoning",), "unknown")
    if body.get("tool_choice") == "any":
        raise Refused(("tool_choice",), "value", "should match pattern '^none|auto|required$'")
    for place, message in enumerate(body["messages"]):
        for name in sorted({"reasoning_content", "reasoning", "reasoning_details"} & set(message)):
            raise Refused(("messages", place, name), "unknown")
        for at, call in enumerate(message.get("tool_calls", ())):
            if "extra_content" in call:
                raise Refused(("messages", place, "tool_calls", at, "extra_content"), "unknown")


def _thinking(body: Mapping[str, Any]) -> None:
    """What those refuse that think."""
    if body.get("max_tokens") is not None:
        sentence = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Refused(("max_tokens",), "rule", sentence, "unsupported_parameter")
    effort = body.get("reasoning_effort")
    if effort not in (None, "none") and body.get("tools") and _THINKS_OR_CALLS.match(body["model"]):
        sentence = (
            f"Function tools with reasoning_effort are not supported for {body['model']} in /v1/chat/completions. "
            "Please use /v1/responses or set reasoning_effort to 'none'."
        )
        raise Refused(("reasoning_effort",), "rule", sentence)
    if body.get("temperature") not in (None, 1) and effort != "none":
        sentence = "Unsupported parameter: 'temperature' is not supported with this model."
        raise Refused(("temperature",), "rule", sentence, "unsupported_parameter")


def _answers(messages: Sequence[Mapping[str, Any]]) -> None:
    """Messages of tools follow the message whose calls they answer, and all are answered."""
    open_calls: list[str] = []
    after_calls = False
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            if not after_calls or message["tool_call_id"] not in open_calls:
                sentence = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'."
                )
                raise Refused(("messages", f"[{place}]", "role"), "rule", sentence)
            open_calls.remove(message["tool_call_id"])
            continue
        _all_answered(place, open_calls)
        _said(place, message)
        open_calls = [call["id"] for call in message.get("tool_calls", ())]
        after_calls = bool(open_calls)
    _all_answered(len(messages), open_calls)


def _all_answered(place: int, open_calls: Sequence[str]) -> None:
    if open_calls:
        sentence = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        )
        raise Refused(("messages", f"[{place}]", "role"), "rule", sentence)


def _said(place: int, message: Mapping[str, Any]) -> None:
    empty = message.get("content") is None and not message.get("tool_calls") and message.get("refusal") is None
    if message["role"] == "assistant" and empty:
        sentence = "Invalid value for 'content': expected a string, got null."
        raise Refused(("messages", f"[{place}]", "content"), "rule", sentence)


def _of_gemini(messages: Sequence[Mapping[str, Any]]) -> None:
    """What Gemini signs goes back: on the first call of each reply since the user spoke last."""
    since = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=0)
    for place, message in enumerate(messages):
        calls = message.get("tool_calls", ())
        if place < since or not calls:
            continue
        google = calls[0].get("extra_content", {}).get("google", {})
        if google.get("thought_signature") not in (thought_signature(calls[0]["id"]), SKIPPED):
            sentence = (
                f"Function call `{calls[0]['function']['name']}` in the {place + 1}. content block is missing a "
                "`thought_signature`."
            )
            raise Refused(("messages", f"[{place}]"), "rule", sentence)


def _of_mistral(messages: Sequence[Mapping[str, Any]]) -> None:
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    ids += [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    for given in ids:
        if not NINE.fullmatch(given):
            sentence = f"Tool call id was {given} but must be a-z, A-Z, 0-9, with a length of 9."
            raise Refused(("messages",), "rule", sentence)
    roles = [message["role"] for message in messages]
    if ("tool", "user") in pairwise(roles):
        raise Refused(("messages",), "rule", "Unexpected role 'user' after role 'tool'")


_PECULIAR = {"gemini": _of_gemini, "mistral": _of_mistral}
