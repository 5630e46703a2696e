"""Which run a client's request belongs to.

With the handshake there is a session; without (2026-07-28) every request stands alone, and all that one client program
sends to this process is one run. The name that a client gives itself is a title, and decides nothing.
"""

import asyncio
from typing import Any

import mcp_types as types

from gateway.call import Subject
from gateway.clients import ClientRun, Clients

__all__ = ["Sessions"]

MAX_RUNS = 1000  # of names that clients invent: beyond, they share one run


class Sessions:
    """Opens a run at a client's first call, and closes them all at the end."""

    def __init__(self, clients: Clients, subject: Subject) -> None:
        self._clients, self._subject = clients, subject
        self._runs: dict[str, asyncio.Task[ClientRun]] = {}
        self._viewer = ClientRun(clients, "", subject, None)

    @property
    def viewer(self) -> ClientRun:
        """For listing: nothing of it is recorded."""
        return self._viewer

    async def run(self, context: Any) -> ClientRun:
        """The run of this request's client. Raises StoreError."""
        session, name = _session_id(context), _client_name(context)
        key = session or name
        if key not in self._runs and len(self._runs) >= MAX_RUNS:
            key = "…"
        opening = self._runs.get(key)
        if opening is None:
            opening = self._runs[key] = asyncio.ensure_future(self._clients.open(self._subject, name))
        try:
            return await asyncio.shield(opening)
        except Exception:
            self._runs.pop(key, None)
            raise

    async def close(self) -> None:
        for opening in self._runs.values():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await opening.result().close()
        self._runs.clear()


def _session_id(context: Any) -> str | None:
    request = context.request
    return request.headers.get("mcp-session-id") if request is not None else None


def _client_name(context: Any) -> str:
    params = context.session.client_params
    if params is not None:
        return str(params.client_info.name)
    info = ((context.params or {}).get("_meta") or {}).get(types.CLIENT_INFO_META_KEY)
    name = info.get("name") if isinstance(info, dict) else None
    return str(name)[:80] if name else "an MCP client"
