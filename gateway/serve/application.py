"""The SDK's application over HTTP: everything but the plain requests, which `direct` answers. Made by `later`.

A session that a client has opened without the SDK (`greeting`) gets the name here that its client knows. This is the
only module that reaches into the SDK's table of sessions.
"""

from functools import lru_cache
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, AuthorizationContext, authorization_context
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import EventMessage, StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.serve.asgi import App, Receive, Scope, Send
from gateway.serve.asking import ASKER, Asker
from gateway.serve.door import MCP_PATH
from gateway.serve.greeting import NAMED
from gateway.serve.sessions import IDLE_SECONDS, MAX_RUNS
from gateway.serve.written import event, past_the_sdk

__all__ = ["application", "as_one"]


def application(server: Server[Any], max_body: int) -> Starlette:
    """For requests that came through the door."""
    # Not `json_response`: answered as plain JSON, a call would not notice that its client went away.
    sessions = _Sessions(
        server,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the door has looked
        max_request_body_size=max_body,
        max_sessions=2 * MAX_RUNS,  # `seats` keeps within the half; the rest is for what the SDK refuses at once
        session_idle_timeout=IDLE_SECONDS,
    )
    made = Starlette(routes=[Route(MCP_PATH, StreamableHTTPASGIApp(sessions))], lifespan=lambda _: sessions.run())
    made.add_middleware(_Known)
    return made


class _Sessions(StreamableHTTPSessionManager):
    """The SDK's table, in which a session can have the name that it had before; its answers are `written`."""

    async def _handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super()._handle_request(scope, receive, past_the_sdk(scope, send))

    def _admit_session(self, requestor: AuthorizationContext | None) -> StreamableHTTPServerTransport | None:
        usual = super()._admit_session(requestor)
        name = usual.mcp_session_id if usual is not None else None
        if name is None:
            return None
        settings, idle = self.security_settings, self.session_idle_timeout
        own = self._server_instances[name] = _Transport(name, security_settings=settings, idle_timeout=idle)
        return own

    async def _handle_stateful_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        named: str | None = scope["state"].get(NAMED)
        owner = authorization_context(scope["user"])
        transport = self._admit_session(owner) if named is not None else None
        if named is None or transport is None:  # too many are refused there
            await super()._handle_stateful_request(scope, receive, send)
            return
        for table in (self._server_instances, self._session_owners):
            table.pop(transport.mcp_session_id or "")
        self._server_instances[named], self._session_owners[named] = transport, owner
        transport.mcp_session_id = named
        await self._serve_opening_request(transport, scope, receive, send)


class _Transport(StreamableHTTPServerTransport):
    """The SDK's, of one session; what it says is `written`."""

    def _create_event_data(self, event_message: EventMessage) -> dict[str, Any]:
        return event(event_message.message, event_message.event_id)


class _Known:
    """ASGI middleware that tells the SDK who asks."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["user"] = as_one(scope["state"][ASKER])
        await self._app(scope, receive, send)


@lru_cache(1024)  # whoever asks, asks again
def as_one(asker: Asker) -> AuthenticatedUser:
    """As the SDK wants to know him: it gives a session of the handshake to nobody but whoever opened it (404)."""
    subject = asker.subject
    return AuthenticatedUser(
        AccessToken(
            token="",
            client_id=f"{asker.profile.name} {subject.agent or ''}",
            scopes=[],
            subject=subject.user,
            claims={"iss": subject.tenant},
        )
    )
