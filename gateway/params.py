"""What a read, a prompt or a completion says, against what was offered: a tool's arguments have a schema, these do not.

Pure. What is judged is named by a call's path; so its arguments must name the same thing, or be refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.call import Action, JsonObject
from gateway.offer import Offer

__all__ = ["misfit"]


def misfit(action: Action, offer: Offer, arguments: JsonObject) -> str | None:
    """What is wrong with these, in a sentence; None if nothing is. `arguments` are the request's own for `complete`."""
    return _MISFITS[action](offer, arguments)


def _of_read(offer: Offer, arguments: JsonObject) -> str | None:
    return None if arguments == {"uri": offer.name} else "a resource is read by its URI alone"


def _of_prompt(offer: Offer, arguments: JsonObject) -> str | None:
    """Prompts take texts (MCP, GetPromptRequest). Unknown ones are the server's affair."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            return f"the prompt's argument `{name[:80]}` must be a text"
    return next((f"the prompt needs the argument `{name}`" for name in _required(offer) if name not in arguments), None)


def _required(offer: Offer) -> list[str]:
    said = offer.definition.get("arguments")
    listed = said if isinstance(said, list) else []
    return [str(one.get("name")) for one in listed if isinstance(one, Mapping) and one.get("required") is True]


def _of_completion(offer: Offer, arguments: JsonObject) -> str | None:
    named = {"type": "ref/prompt", "name": offer.name}
    if offer.kind != "prompt":
        named = {"type": "ref/resource", "uri": offer.name}
    reference: Any = arguments.get("ref")
    if not isinstance(reference, Mapping) or any(reference.get(key) != value for key, value in named.items()):
        return "a completion names a prompt or a resource in `ref`"
    argument: Any = arguments.get("argument")
    if not isinstance(argument, Mapping) or not all(isinstance(argument.get(key), str) for key in ("name", "value")):
        return "a completion needs an argument with a name and the value so far, both texts"
    return None


def _of_call(_offer: Offer, _arguments: JsonObject) -> str | None:
    return "this is not a tool"


_MISFITS: Mapping[Action, Callable[[Offer, JsonObject], str | None]] = {
    "call": _of_call,
    "read": _of_read,
    "get": _of_prompt,
    "complete": _of_completion,
}
