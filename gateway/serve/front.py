"""The methods that the gateway answers. Tool calls go to the pipeline; the SDK does handshake, discovery and framing.

Results are raw JSON all the way: a middleware answers in the SDK's stead, because its typed results would drop what
they do not know. Where it does not answer, the SDK refuses: what is not here can't be called.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject, Outcome, Refused, outcome_from_json
from gateway.errors import ToolgateError
from gateway.events import Returned
from gateway.pipeline import CallResult, OutOfBudget
from gateway.results import client_result
from gateway.serve.envelope import enveloped, passed_on
from gateway.serve.sessions import Sessions

__all__ = ["build_server"]

INTERNAL_ERROR = -32603
Context = Any  # mcp.server.context.ServerRequestContext of any lifespan
Answer = Callable[[Context], Awaitable[JsonObject]]


def build_server(sessions: Sessions, version: str) -> Server[Any]:
    """An SDK server whose tools are the gateway's."""
    server: Server[Any] = Server(
        "toolgate",
        version=version,
        instructions="Tools behind the Toolgate gateway. A call may be denied, or wait for a person's approval: the "
        "answer says so, and what to do.",
        get_tool_input_schema=lambda name: _schema(sessions, name),
        on_list_tools=_unreachable,
        on_call_tool=_unreachable,
    )
    front = _Front(sessions)
    answers: Mapping[str, Answer] = {"tools/list": front.list_tools, "tools/call": front.call_tool}

    async def middleware(ctx: Context, call_next: CallNext) -> HandlerResult:
        answer = answers.get(ctx.method)
        if answer is None or ctx.request_id is None or not _introduced(ctx):
            return await call_next(ctx)
        methods.validate_client_request(ctx.method, ctx.protocol_version, ctx.params)
        result = await answer(ctx)
        return enveloped(result, ctx.method, ctx.protocol_version, server.server_info_stamp)

    server.middleware[:] = [middleware]  # without the SDK's own tracing: our spans tell more, and leak nothing
    return server


class _Front:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def list_tools(self, _context: Context) -> JsonObject:
        """What this subject may call; and which servers are missing, because a short list looks like a whole one."""
        viewer = self._sessions.viewer
        tools = [{**tool.definition, "name": name} for name, tool in viewer.tools()]
        missing = dict(viewer.catalogue.missing)
        return {"tools": tools} | ({"_meta": {"toolgate/missing": missing}} if missing else {})

    async def call_tool(self, context: Context) -> JsonObject:
        params = context.params
        try:
            run = await self._sessions.run(context)
            meta = passed_on(params.get("_meta"))
            result = await run.call(params["name"], params.get("arguments") or {}, meta)
        except ToolgateError as error:  # it could not be recorded, so it was not made
            raise MCPError(INTERNAL_ERROR, f"Toolgate: {error}") from None
        return _said(result)


def _said(result: CallResult) -> JsonObject:
    if isinstance(result, OutOfBudget):
        raise TypeError("a client's run is never paused")
    outcome: Outcome | None = outcome_from_json(result.outcome) if isinstance(result, Returned) else None
    if isinstance(outcome, Refused):
        raise MCPError(outcome.code, outcome.message, outcome.data)
    return client_result(result, outcome)


def _introduced(context: Context) -> bool:
    """The handshake was made, or is not needed: else the SDK gives the error that the protocol wants."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS or context.session.client_params is not None


def _schema(sessions: Sessions, name: str) -> Mapping[str, Any] | None:
    catalogue = sessions.viewer.catalogue
    tool = catalogue.tools.get(catalogue.resolve(name))
    return tool.input_schema if tool else None


async def _unreachable(*_: Any) -> Any:
    raise MCPError(INTERNAL_ERROR, "the middleware answers this method")
