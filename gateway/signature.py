"""Which server asks: its name on each of its questions. Pure.

A client knows only us, so whoever reads a form can't see which of the servers behind us wants it. MCP 2026-07-28,
Elicitation: clients must say clearly which server is asking. The name is the admin's, it is read before all else, and
nothing in the server's own words can wipe it out. A page to visit is an https one, or on loopback: no client is handed
`javascript:`, or a file. What only the gateway says in `_meta` (`gateway.form` puts its own
questions so) no server can say.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.call import JsonObject
from gateway.results import OUR_KEYS
from gateway.verbatim import altered
from gateway.visible import visible

__all__ = ["SERVER", "Misleading", "signed", "signed_result"]

SERVER = "toolgate/server"  # in `_meta` of a question: for programs

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # backspaces, escapes and the like; not tabs and new lines


_UNREAD = re.compile(r"[\s\\]")  # of an address: readers disagree about those
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Misleading(ValueError):
    """A question that is put to nobody. The text is for its server, and for the client."""


def signed(server: str, method: str, params: JsonObject) -> JsonObject:
    """The parameters of a server's question with its name: in `_meta`, and before what people are told. Raises
    Misleading.
    """
    if method == "elicitation/create" and params.get("mode") == "url" and not _may_be_visited(params.get("url")):
        raise Misleading(f"`{server}` asks to visit a page that has no https address")
    meta = params.get("_meta")
    kept = (
        {key: each for key, each in meta.items() if not key.startswith(OUR_KEYS)} if isinstance(meta, Mapping) else {}
    )
    named = {**params, "_meta": {**kept, SERVER: server}}
    message = params.get("message")
    if method == "elicitation/create" and isinstance(message, str):
        named["message"] = f"{server} asks: {_STEERING.sub(lambda found: visible(found[0]), message)}"
    return named


def _may_be_visited(url: object) -> bool:
    if not isinstance(url, str) or not url.isprintable() or _UNREAD.search(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def signed_result(server: str, result: JsonObject) -> JsonObject:
    """A result, or a task's state, with each question in its `inputRequests` signed. What is no question stays. Raises
    Misleading.
    """
    asked = result.get("inputRequests")
    if not isinstance(asked, Mapping):
        return result
    return altered({**result, "inputRequests": {key: _signed(server, one) for key, one in asked.items()}}, result)


def _signed(server: str, one: Any) -> Any:
    method, params = (one.get("method"), one.get("params", {})) if isinstance(one, Mapping) else (None, None)
    if not isinstance(method, str) or not isinstance(params, Mapping):
        return one
    return {**one, "params": signed(server, method, params)}
