"""What Responses refuses beyond shapes: who answers what, what was sealed. Pure. In OpenAI's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.fake.checks import Refused
from providers.fake.openai import strictly, thinks
from providers.fake.seals import opened

__all__ = ["keep"]


def keep(body: Mapping[str, Any]) -> None:
    """Raises Refused for the first rule that is broken."""
    if body.get("previous_response_id"):
        sentence = f"Previous response with id '{body['previous_response_id']}' not found."
        raise Refused(("previous_response_id",), "rule", sentence, "previous_response_not_found")
    if body.get("background"):
        raise Refused(("background",), "rule", "This server does not answer in the background.")
    if body.get("temperature") not in (None, 1) and thinks(body.get("model") or ""):
        sentence = "Unsupported parameter: 'temperature' is not supported with this model."
        raise Refused(("temperature",), "rule", sentence, "unsupported_parameter")
    _tools(body)
    items = body.get("input", "")
    if isinstance(items, list):
        _answers(items)
        _reasons(items, stored=body.get("store") is not False)


def _tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools", ())
    for place, tool in enumerate(tools):
        path, schema = ("tools", place, "parameters"), tool["parameters"]
        if schema is not None and schema.get("type") != "object":
            sentence = (
                f"Invalid schema for function '{tool['name']}': schema must be a JSON Schema of 'type: \"object\"', "
                f"got 'type: \"{schema.get('type')}\"'."
            )
            raise Refused(path, "rule", sentence, "invalid_function_parameters")
        if tool["strict"]:
            strictly(tool["name"], schema or {}, path)
    chosen = body.get("tool_choice")
    if isinstance(chosen, dict) and chosen["name"] not in [tool["name"] for tool in tools]:
        sentence = f"Tool choice 'function' not found in 'tools' parameter: '{chosen['name']}'."
        raise Refused(("tool_choice",), "rule", sentence)


def _answers(items: Sequence[Mapping[str, Any]]) -> None:
    open_calls: list[str] = []
    for place, item in enumerate(items):
        if item.get("type") == "function_call":
            if item["call_id"] in open_calls:
                sentence = f"Duplicate function call with call_id {item['call_id']}."
                raise Refused(("input", place, "call_id"), "rule", sentence)
            open_calls.append(item["call_id"])
        elif item.get("type") == "function_call_output":
            if item["call_id"] not in open_calls:
                sentence = f"No tool call found for function call output with call_id {item['call_id']}."
                raise Refused(("input",), "rule", sentence)
            open_calls.remove(item["call_id"])
    if open_calls:
        raise Refused(("input",), "rule", f"No tool output found for function call {open_calls[0]}.")


def _reasons(items: Sequence[Mapping[str, Any]], *, stored: bool) -> None:
    """Reasoning goes back as it came, before what it led to."""
    for place, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        sealed = item.get("encrypted_content")
        if sealed is None and not stored:
            sentence = (
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false. Try "
                "again with `store` set to true, or remove this item from your input."
            )
            raise Refused(("input",), "rule", sentence)
        if sealed is not None and opened(sealed) is None:
            sentence = (
                f"The encrypted content {sealed[:8]}... could not be verified. Reason: Encrypted content could not be "
                "decrypted or parsed."
            )
            raise Refused((), "rule", sentence, "invalid_encrypted_content")
        following = items[place + 1] if place + 1 < len(items) else {}
        led_to = following.get("type") in ("function_call", "reasoning") or following.get("role") == "assistant"
        if not led_to:
            sentence = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
            raise Refused(("input",), "rule", sentence)
