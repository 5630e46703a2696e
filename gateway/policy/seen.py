"""What policies look at of a catalogue, as JSON that the record keeps, and a call's tool as it was then. Pure.

`{"tools": {path: [pin, trusted, annotations]}, "prompts": {path: [pin, trusted]}, "resources": {server: trusted}}`:
not the definitions, which a policy never sees.
"""

from collections.abc import Mapping
from typing import Any

from gateway.call import JsonObject, Tool
from gateway.catalogue import Catalogue
from gateway.offer import Offer

__all__ = ["seen_of", "thing_of"]

_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def seen_of(catalogue: Catalogue) -> JsonObject:
    return {
        "tools": {path: [tool.pin, tool.trusted, _hints(tool)] for path, tool in catalogue.tools.items()},
        "prompts": {path: [offer.pin, offer.trusted] for path, offer in catalogue.prompts.items()},
        "resources": dict(catalogue.uris.servers),
    }


def _hints(tool: Tool) -> JsonObject:
    said = tool.definition.get("annotations")
    return {name: said[name] for name in _HINTS if name in said} if isinstance(said, Mapping) else {}


def thing_of(seen: Mapping[str, Any], action: str, path: str) -> Tool | Offer | None:
    """What a call was about: as `Catalogue.find`, with nothing of its definition but what policies look at."""
    server, _, name = path.partition("/")
    if action == "call":
        return _tool(server, name, seen["tools"].get(path))
    prompt = seen["prompts"].get(path) if action in ("get", "complete") else None
    if prompt is not None:
        return Offer("prompt", server, name, {}, prompt[1], prompt[0])
    trusted = seen["resources"].get(server) if action != "get" else None
    return None if trusted is None else Offer("resource", server, name, {}, trusted)


def _tool(server: str, name: str, kept: Any) -> Tool | None:
    if kept is None:
        return None
    pin, trusted, hints = kept
    return Tool(server, name, {"name": name, "annotations": hints}, pin, trusted)
