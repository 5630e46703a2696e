"""What a result links to, as the client knows it: resources, embedded or not, and user interfaces. Pure.

A server names its resources by its own URIs. Where another one has a resource of that name, the client's is another one
(`uris`), and with the server's own he would read somebody else's, or nothing. So he would with a link to what no server
lists, where several have resources.
"""

import operator
from collections.abc import Callable
from typing import Any

from gateway import apps
from gateway.call import JsonObject
from gateway.uris import Uris
from gateway.verbatim import altered

__all__ = ["linked", "linked_state", "uri_of"]

MOST_LOOKED_AT = 1000  # templates for one result: each link is held against all there are
_LINK = "resource_link"

_Change = Callable[[Any], Any]


def linked(result: JsonObject, server: str, uris: Uris) -> JsonObject:
    """What this server's tool or prompt has come to, with links by which the client can read them; the same object
    where they are the server's own.
    """
    if len(uris.servers) < 2:
        return result
    names = _Names(server, uris)

    def block(one: Any) -> Any:
        return _block(one, names.of_link if isinstance(one, dict) and one.get("type") == _LINK else names.exposed)

    told = apps.renamed(result, names.exposed)
    for key, change in (("content", block), ("messages", lambda message: _with(message, "content", block))):
        told = _with(told, key, change) if isinstance(told.get(key), list) else told
    return result if told is result else altered(told, result)


class _Names:
    """How the client knows what one result of this server names."""

    def __init__(self, server: str, uris: Uris) -> None:
        self._server, self._uris, self._left = server, uris, MOST_LOOKED_AT

    def exposed(self, uri: str) -> str:
        return self._uris.exposed(self._server, uri)

    def of_link(self, uri: str) -> str:
        self._left -= 1 + len(self._uris.templates)
        return self._uris.readable(self._server, uri, look=self._left >= 0)


def linked_state(state: JsonObject, server: str, uris: Uris) -> JsonObject:
    """The same for where the task of a call stands, which holds its result when it has come."""
    result = state.get("result")
    told = linked(result, server, uris) if isinstance(result, dict) else result
    return state if told is result else altered({**state, "result": told}, state)


def uri_of(content: Any) -> str | None:
    """The URI of a resource, or of a link to one."""
    uri = content.get("uri") if isinstance(content, dict) else None
    return uri if isinstance(uri, str) else None


def _block(one: Any, exposed: Callable[[str], str]) -> Any:
    """A block of content: itself, unless it is a resource, or a link to one, of another name."""
    if (uri := uri_of(one)) is not None:
        return one if (known := exposed(uri)) == uri else {**one, "uri": known}
    return _with(one, "resource", lambda within: _block(within, exposed) if uri_of(within) is not None else within)


def _with(one: Any, key: str, change: _Change) -> Any:
    """An object with what stands under this key changed, each by each in a list; itself where nothing is other."""
    if not isinstance(one, dict) or key not in one:
        return one
    own = one[key]
    if not isinstance(own, list):
        return one if (told := change(own)) is own else {**one, key: told}
    items = [change(item) for item in own]
    return one if all(map(operator.is_, items, own)) else {**one, key: items}
