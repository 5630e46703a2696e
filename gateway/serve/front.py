"""The methods that the gateway answers, whichever way a request came in: through the SDK's server, or directly.

Results are raw JSON all the way; what goes on to a server takes the pipeline (`exchanges`), and what comes back is told
by `replies`.
"""

import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Tool
from gateway.clients import ClientRun
from gateway.following import Following, Servers
from gateway.keyring import KeyRing
from gateway.offer import Offer
from gateway.serve.changes import Changes, Sources
from gateway.serve.consent import Consent
from gateway.serve.exchanges import Exchanges, Request
from gateway.serve.hints import hint_of, told
from gateway.serve.instructions import instructions
from gateway.serve.kinds import KINDS, Answer
from gateway.serve.lists import Lists
from gateway.serve.parking import Parking
from gateway.serve.sessions import Client, Sessions
from gateway.serve.task_methods import TaskMethods
from gateway.uris import MAX_URI
from gateway.verbatim import parts

__all__ = ["LISTS", "Front", "check_uri"]

MAX_NAME = 512  # characters; MCP has 128, and `server/tool` is let in too
LISTS = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list"})


class Behind(Sources, Servers, Protocol):
    """The servers behind us, as far as the front needs them beside the pipeline."""

    async def freshen(self, method: str, among: Callable[[str], bool]) -> None: ...


class Front:
    """Params are a request's, validated by whoever took it in. Raises MCPError for what the protocol has an error for,
    and ToolgateError for what could not be recorded.

    Close it before the sessions.
    """

    def __init__(
        self,
        sessions: Sessions,
        sources: Behind,
        keys: KeyRing,
        parking: Parking | None = None,
        consent: Consent | None = None,
    ) -> None:
        self._sessions = sessions
        self._following = Following(sessions.clients, sources)
        self._exchanges = Exchanges(sessions, keys, self._following, parking, consent)
        self.tasks = TaskMethods(sessions, self._following)
        self._plain: dict[str, bool] = {}  # by the name that clients use, of the tools that are there
        self._unsubscribe = sources.subscribe(self._plain.clear)
        self.changes = Changes(sources, sessions.clients.policy)
        self._freshen = sources.freshen
        self.lists = Lists(sessions, self._ready)

    async def close(self) -> None:
        self._unsubscribe()
        self.changes.close()
        await self._exchanges.close()
        await self._following.close()

    def viewer(self, client: Client) -> ClientRun:
        """What this client may see."""
        return self._sessions.viewer(client)

    def instructions(self, client: Client) -> str:
        return instructions(self.viewer(client).servers())

    async def listed(self, method: str, client: Client, params: JsonObject) -> JsonObject:
        """One of LISTS: what this subject may use; and which servers are missing, because a short list looks whole."""
        if params.get("cursor") is not None:
            raise MCPError(types.INVALID_PARAMS, "There is one page, and no cursor")
        await self._ready(method, client)
        viewer = self.viewer(client)
        found, things = _list(method, viewer)
        return told(found, hint_of(method, things, viewer.catalogue), viewer, client.name)

    async def _ready(self, method: str, client: Client) -> None:
        """Before a list is told: the policy is the one in force, and the list no older than its servers let it be."""
        await self._sessions.clients.policy.settled()
        await self._freshen(method, client.asker.profile.may_serve)

    def ask(self, method: str, request: Request) -> Coroutine[Any, Any, Answer]:
        """One of `kinds.KINDS`: it goes to a server, if the policy lets it. May raise before it is awaited."""
        name = request.params.get("name", "")
        if isinstance(name, str) and len(name) > MAX_NAME:
            raise MCPError(types.INVALID_PARAMS, f"A name has at most {MAX_NAME} characters")
        if method != "tools/call":
            reference = request.params.get("ref")
            check_uri(request.params.get("uri"))
            check_uri(reference.get("uri") if isinstance(reference, Mapping) else None)
        return self._exchanges.answer(KINDS[method], request)

    def plain(self, name: str) -> bool:
        """Whether nothing has to be compared with the headers of a call of this tool (`x-mcp-header`)."""
        known = self._plain.get(name)
        if known is not None:
            return known
        tool = self._tool(name)
        if tool is None:  # there are any number of such names: none is remembered
            return True
        plain = self._plain[name] = '"x-mcp-header"' not in json.dumps(tool.input_schema)
        return plain

    def schema(self, name: str) -> JsonObject | None:
        """The input schema of a tool, by the name that a client uses."""
        tool = self._tool(name)
        return tool.input_schema if tool else None

    def _tool(self, name: str) -> Tool | None:
        catalogue = self._sessions.catalogue
        return catalogue.tools.get(catalogue.resolve(name))


def check_uri(uri: object) -> None:
    """Raises MCPError for one that is too long."""
    if isinstance(uri, str) and len(uri) > MAX_URI:
        raise MCPError(types.INVALID_PARAMS, f"A URI has at most {MAX_URI} characters")


def _list(method: str, viewer: ClientRun) -> tuple[dict[str, object], Iterable[Tool | Offer]]:
    """A result, and what is in it."""
    if method == "tools/list":
        tools, definition = viewer.tools(), viewer.catalogue.definition
        told = [parts({**definition(tool), "name": name}, tool.definition, deep=True) for name, tool in tools]
        return {"tools": told}, [tool for _, tool in tools]
    look, key, name = _OFFERS[method]
    found = look(viewer)
    return {key: _named(found, name)}, [offer for _, offer in found]


_OFFERS: Mapping[str, tuple[Callable[[ClientRun], Sequence[tuple[str, Offer]]], str, str]] = {
    "prompts/list": (ClientRun.prompts, "prompts", "name"),
    "resources/list": (ClientRun.resources, "resources", "uri"),
    "resources/templates/list": (ClientRun.templates, "resourceTemplates", "uriTemplate"),
}


def _named(found: Iterable[tuple[str, Offer]], key: str) -> list[Mapping[str, object]]:
    """Their own definitions, under the names by which a client knows them; to be written by `encode`."""
    return [parts({**thing.definition, key: name}, thing.definition) for name, thing in found]
