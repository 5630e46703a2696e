"""The SDK's server, with the gateway's answers in it: it does handshake, discovery and framing.

A middleware answers in the SDK's stead, because its typed results would drop what they do not know. Where it does not
answer, the SDK refuses: what is not here can't be called.
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
from gateway.serve.asking import Asker, asker_of
from gateway.serve.envelope import enveloped
from gateway.serve.front import Front
from gateway.serve.replies import ServerError
from gateway.serve.sessions import Client

__all__ = ["Context", "build_server", "client_of"]

Context = Any  # mcp.server.context.ServerRequestContext of any lifespan
Answer = Callable[[Context], Awaitable[JsonObject]]
T = TypeVar("T")

log = logging.getLogger("toolgate.serve")


def build_server(front: Front, version: str, local: Asker | None) -> Server[Any]:
    """An SDK server whose tools are the gateway's. `local` is who asks over stdio; None over HTTP, where each request
    says who.
    """
    server: Server[Any] = Server(
        "toolgate",
        version=version,
        instructions="Tools behind the Toolgate gateway. A call may be denied, or wait for a person's approval: the "
        "answer says so, and what to do.",
        get_tool_input_schema=front.schema,  # what the SDK compares `Mcp-Param-*` headers with
        on_list_tools=_unreachable,
        on_call_tool=_unreachable,
    )
    answers = _answers(front, local)
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


def client_of(context: Context, local: Asker | None) -> Client:
    """Who sent it. A modern request belongs to no session, whatever its headers say. Raises LookupError for one that is
    nobody's.
    """
    asker = asker_of(context.request, local)
    session, stateless = None, context.protocol_version in MODERN_PROTOCOL_VERSIONS
    if context.request is not None and not stateless:
        session = context.request.headers.get("mcp-session-id")
    params = context.session.client_params
    if params is not None:
        return Client.named(asker, str(params.client_info.name), session, stateless=stateless)
    info = ((context.params or {}).get("_meta") or {}).get(types.CLIENT_INFO_META_KEY)
    return Client.said(asker, info, session, stateless=stateless)


def _answers(front: Front, local: Asker | None) -> Mapping[str, Answer]:
    async def list_tools(context: Context) -> JsonObject:
        return await front.list_tools(client_of(context, local), context.params or {})

    async def call_tool(context: Context) -> JsonObject:
        answer = await _to_its_end(front.call_tool(client_of(context, local), context.params))
        if isinstance(answer, ServerError):
            raise MCPError(answer.code, answer.message, answer.data)
        return answer

    return {"tools/list": list_tools, "tools/call": call_tool}


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


async def _unreachable(*_: Any) -> Any:
    raise MCPError(types.INTERNAL_ERROR, "the middleware answers this method")
