"""The SDK's server, with the gateway's answers in it: it does handshake, discovery and framing.

A middleware answers in the SDK's stead, because its typed results would drop what they do not know. Where it does not
answer, the SDK refuses: what is not here can't be called.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from gateway.call import JsonObject
from gateway.errors import ToolgateError
from gateway.serve.asking import Asker, asker_of
from gateway.serve.callers import Talking
from gateway.serve.connected import connected
from gateway.serve.envelope import traced
from gateway.serve.exchanges import Request
from gateway.serve.front import LISTS, Front
from gateway.serve.kinds import KINDS
from gateway.serve.listening import Listening
from gateway.serve.questions import no_answers, without_answers
from gateway.serve.replies import ServerError
from gateway.serve.sessions import Client
from gateway.serve.task_methods import METHODS as TASK_METHODS
from gateway.serve.task_methods import advertised
from gateway.serve.written import answered, failed

__all__ = ["Context", "build_server", "client_of"]

Context = Any  # mcp.server.context.ServerRequestContext of any lifespan
Answer = Callable[[Context], Awaitable[JsonObject]]
Who = Callable[[Context], Client]
T = TypeVar("T")

_GREETINGS = frozenset({"initialize", "server/discover"})

log = logging.getLogger("toolgate.serve")


def build_server(front: Front, version: str, local: Asker | None) -> Server[Any]:
    """An SDK server that offers what the gateway does. `local` is who asks over stdio; None over HTTP, where each
    request says who.
    """
    server = _advertised(front, version)
    who = partial(client_of, local=local)
    listening = Listening(front, who)
    answers = _answers(front, listening, who)
    stamp = server.server_info_stamp

    async def middleware(ctx: Context, call_next: CallNext) -> HandlerResult:
        answer = answers.get(ctx.method) if _known(ctx) or _of_task(ctx) else None
        try:
            if answer is None:
                return _greeted(ctx, await call_next(ctx), listening)
            if ctx.method not in TASK_METHODS:
                methods.validate_client_request(ctx.method, ctx.protocol_version, _unanswered(ctx))
            return answered(ctx, await answer(ctx), stamp)
        except MCPError as error:
            failed(ctx, error)
            raise
        except ValidationError:
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


def _advertised(front: Front, version: str) -> Server[Any]:
    """What stands here, the SDK says that there is; whether it is answered is the middleware's affair."""
    server: Server[Any] = Server(
        "toolgate",
        version=version,
        get_tool_input_schema=front.schema,  # what the SDK compares `Mcp-Param-*` headers with
        on_list_tools=_unreachable,
        on_call_tool=_unreachable,
        on_list_prompts=_unreachable,
        on_get_prompt=_unreachable,
        on_list_resources=_unreachable,
        on_list_resource_templates=_unreachable,
        on_read_resource=_unreachable,
        on_completion=_unreachable,
        on_subscriptions_listen=_unreachable,
    )
    server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, _unreachable)
    server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, _unreachable)
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _unreachable)
    return server


def _answers(front: Front, listening: Listening, who: Who) -> Mapping[str, Answer]:
    async def listed(context: Context) -> JsonObject:
        return await front.listed(context.method, who(context), context.params or {})

    async def asked(context: Context) -> JsonObject:
        client = who(context)
        caller = Talking(context, client.key)
        header = context.request.headers.get("traceparent") if context.request is not None else None
        request = Request(client, traced(context.params, header), caller)
        try:
            answer = await _to_its_end(front.ask(context.method, request))
        except asyncio.CancelledError:
            caller.leave()
            raise
        await caller.heard()
        if isinstance(answer, ServerError):
            raise answer.raised()
        return answer

    async def set_level(context: Context) -> JsonObject:
        connected(context).log_level = context.params["level"]
        return {}

    async def followed(context: Context) -> JsonObject:
        return await _to_its_end(front.tasks.answer(context, who(context)))

    return {
        **dict.fromkeys(LISTS, listed),
        **dict.fromkeys(KINDS, asked),
        **dict.fromkeys(TASK_METHODS, followed),
        "logging/setLevel": set_level,
        "resources/subscribe": listening.subscribe,
        "resources/unsubscribe": listening.unsubscribe,
        "subscriptions/listen": lambda context: _to_its_end(listening.listen(context)),
    }


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


def _unanswered(context: Context) -> Mapping[str, Any] | None:
    """Raises MCPError for answers that are none, in the era that has them there."""
    params: Mapping[str, Any] | None = context.params
    if params is None or "inputResponses" not in params:  # nearly always
        return params
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS and (why := no_answers(params)):
        raise MCPError(types.INVALID_PARAMS, why)
    return without_answers(params)


def _known(context: Context) -> bool:
    """A request of this version, after the handshake, if there is one: else the SDK says what is wrong."""
    version = context.protocol_version
    introduced = version in MODERN_PROTOCOL_VERSIONS or context.session.client_params is not None
    return context.request_id is not None and introduced and (context.method, version) in methods.CLIENT_REQUESTS


def _of_task(context: Context) -> bool:
    """The SDK does not know these methods."""
    modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern and context.method in TASK_METHODS and context.request_id is not None


def _greeted(context: Context, result: HandlerResult, listening: Listening) -> HandlerResult:
    """What the SDK answered, with what only we know: what a client may be told, and that he is told of changes."""
    if context.method == "notifications/initialized":
        listening.join(context)
    if context.method == "notifications/roots/list_changed" and context.session.client_params is not None:
        listening.roots_changed(context)
    if context.method not in _GREETINGS or not isinstance(result, dict):
        return result
    capabilities = {name: _with_changes(name, said) for name, said in result["capabilities"].items()}
    shown = advertised(context.method, capabilities)
    return {**result, "capabilities": shown, "instructions": listening.instructions(context)}


def _with_changes(name: str, said: Any) -> Any:
    return {**said, "listChanged": True} if name in ("tools", "prompts", "resources") else said


async def _unreachable(*_: Any) -> Any:
    """The middleware answers what comes after a handshake."""
    raise MCPError(types.INVALID_REQUEST, "`initialize` comes first")
