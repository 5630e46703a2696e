"""One request to a server that is kept alive, sent at most once: what goes wrong is an outcome."""

import asyncio
import logging
import time
from collections.abc import Awaitable

from gateway.call import Call, InDoubt, Outcome, Refused, TaskCreated, Tool, Unsent
from gateway.names import split_path
from gateway.task import follows
from gateway.upstream.connection import Connection
from gateway.upstream.given import Errand
from gateway.upstream.meeting import heed
from gateway.upstream.reasons import away
from gateway.upstream.statuses import explained
from gateway.upstream.supervise import PATIENCE, Supervisor
from gateway.upstream.wanted import Wanted, wanted

__all__ = ["follow", "forward"]

# A defect of ours after the point of no return: what happened is unknown, and the run must learn that.
FAILED = InDoubt("the gateway failed while it forwarded the call")
_DEFECT = "forwarding to server %s failed"

log = logging.getLogger("toolgate.upstream")


async def forward(server: Supervisor, call: Call, errand: Errand) -> Outcome:
    """A call. It waits a little for a restart."""
    timeout, name = min(errand.timeout, server.spec.call_timeout), server.spec.name
    connection = server.connection
    if connection is None:
        began = time.monotonic()
        connection = await server.reached(min(PATIENCE, timeout))
        if connection is None:
            return Unsent(f"server `{name}` is down: {away(server.missing, call.subject.user)}")
        timeout = max(0.1, timeout - (time.monotonic() - began))
    tool = server.listing.tools.get(split_path(call.path)[1]) if call.action == "call" else None
    if tool is None and call.action == "call":
        return Unsent(f"server `{name}` has no tool `{split_path(call.path)[1]}`")
    if (objection := errand.objection()) is not None:
        return objection
    try:
        outcome = await _sent(connection, tool, call, errand, timeout)
    except Exception:
        log.exception(_DEFECT, name)
        return FAILED
    if isinstance(outcome, TaskCreated) and not (call.action == "call" and follows(errand.caller)):
        return InDoubt("it made a task of the call, which nobody here can follow")
    if isinstance(outcome, Refused):
        heed(connection.link, outcome)
    return explained(name, outcome)


def _sent(by: Connection, tool: Tool | None, call: Call, errand: Errand, timeout: float) -> Awaitable[Outcome]:
    mirrored = by.mirrored(tool, call.arguments) if tool else {}
    asked = by.as_taken(wanted(call, errand.answers), tool, timeout)
    return by.forward(asked, mirrored, errand.meta, timeout, errand.caller)


async def follow(server: Supervisor, asked: Wanted, errand: Errand) -> Outcome:
    """A request about a task."""
    timeout, name = min(errand.timeout, server.spec.call_timeout), server.spec.name
    deadline = asyncio.get_running_loop().time() + timeout
    connection = await server.reached(min(PATIENCE, timeout))
    if connection is None:
        return Unsent(f"server `{name}` is down: {away(server.missing)}")
    left = max(0.1, deadline - asyncio.get_running_loop().time())
    try:
        outcome = await connection.forward(asked, {}, errand.meta, left, errand.caller)
    except Exception:
        log.exception(_DEFECT, name)
        return FAILED
    if isinstance(outcome, Refused):
        heed(connection.link, outcome)
    return explained(name, outcome)
