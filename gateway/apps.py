"""MCP Apps: what a tool says of its user interface, in its definition's `_meta`: its URIs, and who may call. Pure.

A host reads such a URI from the server that the tool comes from, and takes only `ui://` for one (SEP-1865). The server
need not list it. So what a tool names counts as its server's own (`uris`), and is told as the client knows it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.call import JsonObject

__all__ = ["SCHEME", "for_models", "named", "renamed"]

SCHEME = "ui://"
_FLAT = ("ui/resourceUri", "openai/outputTemplate")  # older than SEP-1865's `ui.resourceUri`, and still in use


def named(definition: JsonObject) -> frozenset[str]:
    """The `ui://` URIs that a tool names, as its server has them."""
    meta = definition.get("_meta")
    if not isinstance(meta, Mapping):
        return frozenset()
    said = [_of(meta.get("ui")), *map(meta.get, _FLAT)]
    return frozenset(uri for uri in said if isinstance(uri, str) and uri.startswith(SCHEME))


def for_models(definition: JsonObject) -> bool:
    """Whether a model may be shown it: not what is for the user interface alone."""
    meta = definition.get("_meta")
    ui = meta.get("ui") if isinstance(meta, Mapping) else None
    visibility = ui.get("visibility") if isinstance(ui, Mapping) else None
    return not isinstance(visibility, list) or "model" in visibility


def renamed(definition: JsonObject, exposed: Callable[[str], str]) -> JsonObject:
    """The definition, or a result, with each of them as it is exposed; itself where all are exposed as they are."""
    others = {uri: other for uri in named(definition) if (other := exposed(uri)) != uri}
    if not others:
        return definition
    meta = definition["_meta"]
    flat = {key: _other(meta[key], others) for key in _FLAT if key in meta}
    ui = {"ui": {**meta["ui"], "resourceUri": _other(_of(meta["ui"]), others)}} if _of(meta.get("ui")) else {}
    return {**definition, "_meta": {**meta, **flat, **ui}}


def _of(ui: Any) -> Any:
    return ui.get("resourceUri") if isinstance(ui, Mapping) else None


def _other(uri: Any, others: Mapping[str, str]) -> Any:
    return others.get(uri, uri) if isinstance(uri, str) else uri
