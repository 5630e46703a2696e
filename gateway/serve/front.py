"""The methods that the gateway answers, whichever way a request came in: through the SDK's server, or directly.

Results are raw JSON all the way; a call goes to the pipeline, and what comes back is told by `replies`.
"""

import json

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Tool
from gateway.events import Denied
from gateway.serve.envelope import passed_on
from gateway.serve.replies import ServerError, not_offered, reply
from gateway.serve.sessions import Client, Sessions

__all__ = ["Front"]

MAX_PINS = 10_000
MAX_NAME = 512  # characters; MCP has 128, and `server/tool` is let in too


class Front:
    """Params are a request's, validated by whoever took it in. Raises MCPError for what the protocol has an error for,
    and ToolgateError for what could not be recorded.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._plain: dict[str, bool] = {}  # by pin, of the tools that are or were there lately

    async def list_tools(self, client: Client, params: JsonObject) -> JsonObject:
        """What this subject may call; and which servers are missing, because a short list looks like a whole one."""
        if params.get("cursor") is not None:
            raise MCPError(types.INVALID_PARAMS, "There is one page of tools, and no cursor")
        viewer = self._sessions.viewer(client)
        tools = [{**tool.definition, "name": name} for name, tool in viewer.tools()]
        missing = dict(viewer.catalogue.missing)
        return {"tools": tools} | ({"_meta": {"toolgate/missing": missing}} if missing else {})

    async def call_tool(self, client: Client, params: JsonObject) -> JsonObject | ServerError:
        name: str = params["name"]
        if len(name) > MAX_NAME:
            raise MCPError(types.INVALID_PARAMS, f"A tool's name has at most {MAX_NAME} characters")
        async with self._sessions.run(client) as run:
            result = await run.call(name, params.get("arguments") or {}, passed_on(params.get("_meta")))
            # A line that denies was written with its reason, to be told; all else about a hidden tool is not.
            if isinstance(result, Denied) and result.rule is None and not run.offers(result.path):
                return not_offered(name, [offered for offered, _ in run.tools()])
        return reply(result)

    def plain(self, name: str) -> bool:
        """Whether nothing has to be compared with the headers of a call of this tool (`x-mcp-header`)."""
        tool = self._tool(name)
        if tool is None:
            return True
        if tool.pin not in self._plain:
            if len(self._plain) >= MAX_PINS:  # a server may define its tools anew for ever
                self._plain.clear()
            self._plain[tool.pin] = '"x-mcp-header"' not in json.dumps(tool.input_schema)
        return self._plain[tool.pin]

    def schema(self, name: str) -> JsonObject | None:
        """The input schema of a tool, by the name that a client uses."""
        tool = self._tool(name)
        return tool.input_schema if tool else None

    def _tool(self, name: str) -> Tool | None:
        catalogue = self._sessions.catalogue
        return catalogue.tools.get(catalogue.resolve(name))
