"""The methods that the gateway answers. Tool calls go to the pipeline; the SDK does handshake, discovery and framing.

Results are raw JSON all the way: a middleware answers in the SDK's stead, because its typed results would drop what
they do not know. Where it does not answer, the SDK refuses: what is not here can't be called.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from gateway.call import JsonObject
from gateway.errors import ToolgateError
from gateway.events import Denied
from gateway.serve.envelope import enveloped, passed_on
from gateway.serve.replies import ServerError, not_offered, reply
from gateway.serve.sessions import Sessions

__all__ = ["build_server"]

MAX_NAME = 512  # characters; MCP has 128, and `server/tool` is let in too

Context = Any  # mcp.server.context.ServerRequestContext of any lifespan
Answer = Callable[[Context], Awaitable[JsonObject]]
T = TypeVar("T")

log = logging.getLogger("toolgate.serve")


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
    stamp = server.server_info_stamp

    async def middleware(ctx: Context, call_next: CallNext) -> HandlerResult:
        answer = answers.get(ctx.method)
        try:
            if answer is None or ctx.request_id is None or not _introduced(ctx):
                return await call_next(ctx)
            methods.validate_client_request(ctx.method, ctx.protocol_version, ctx.params)
            return enveloped(await answer(ctx), ctx.method, ctx.protocol_version, stamp)
        except (MCPError, ValidationError):
            raise
        except ToolgateError as error:  # it could not be recorded, so it was not made; or it was, and is in doubt
            raise MCPError(types.INTERNAL_ERROR, f"Toolgate: {error}") from None
        except Exception:
            log.exception("`%s` failed", ctx.method)
            raise MCPError(types.INTERNAL_ERROR, "Toolgate failed; its log says why") from None

    server.middleware[:] = [middleware]  # without the SDK's own tracing: our spans tell more, and leak nothing
    return server


class _Front:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def list_tools(self, context: Context) -> JsonObject:
        """What this subject may call; and which servers are missing, because a short list looks like a whole one."""
        if (context.params or {}).get("cursor") is not None:
            raise MCPError(types.INVALID_PARAMS, "There is one page of tools, and no cursor")
        viewer = self._sessions.viewer
        tools = [{**tool.definition, "name": name} for name, tool in viewer.tools()]
        missing = dict(viewer.catalogue.missing)
        return {"tools": tools} | ({"_meta": {"toolgate/missing": missing}} if missing else {})

    async def call_tool(self, context: Context) -> JsonObject:
        answer = await _to_its_end(self._call(context))
        if isinstance(answer, ServerError):
            raise MCPError(answer.code, answer.message, answer.data)
        return answer

    async def _call(self, context: Context) -> JsonObject | ServerError:
        params = context.params
        name: str = params["name"]
        if len(name) > MAX_NAME:
            raise MCPError(types.INVALID_PARAMS, f"A tool's name has at most {MAX_NAME} characters")
        async with self._sessions.run(context) as run:
            result = await run.call(name, params.get("arguments") or {}, passed_on(params.get("_meta")))
            # A line that denies was written with its reason, to be told; all else about a hidden tool is not.
            if isinstance(result, Denied) and result.rule is None and not run.offers(result.path):
                return not_offered(name, [offered for offered, _ in run.tools()])
        return reply(result)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """A call that its client cancels is cancelled once, and has the time to record that nobody knows its outcome.

    anyio would cancel it again at every `await`, also at those that write the record.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            log.warning("a call that was cancelled could not be recorded: %s", error)
        raise


def _introduced(context: Context) -> bool:
    """The handshake was made, or is not needed: else the SDK gives the error that the protocol wants."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS or context.session.client_params is not None


def _schema(sessions: Sessions, name: str) -> Mapping[str, Any] | None:
    """What the SDK compares `Mcp-Param-*` headers with."""
    viewer = sessions.viewer
    tool = viewer.catalogue.tools.get(viewer.catalogue.resolve(name))
    return tool.input_schema if tool else None


async def _unreachable(*_: Any) -> Any:
    raise MCPError(types.INTERNAL_ERROR, "the middleware answers this method")
