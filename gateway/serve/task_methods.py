"""`tasks/get`, `tasks/update` and `tasks/cancel`, and who listens to a task: MCP's extension
`io.modelcontextprotocol/tasks`, beside the SDK, which knows nothing of it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import ArgumentsError, JsonObject
from gateway.caller import Caller
from gateway.errors import ToolgateError, UnknownTask
from gateway.following import Following, Inquiry, Unfollowed
from gateway.serve.callers import Talking, declared
from gateway.serve.envelope import passed_on
from gateway.serve.questions import lacking_among, no_answers, unasked
from gateway.serve.replies import undeclared, unfollowed
from gateway.serve.sessions import Client, Sessions
from gateway.task import EXTENSION, TERMINAL, declares

__all__ = ["METHODS", "TaskMethods", "advertised", "pause"]

METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
MOST_NAME = 512  # characters
MOST_LISTENED = 50  # tasks of one listener
SHORTEST, USUAL, LONGEST = 0.5, 2.0, 30.0  # seconds between two looks at a task to which somebody listens

Tell = Callable[[str, JsonObject], None]
Work = Callable[[Inquiry], Awaitable[JsonObject | Unfollowed]]

log = logging.getLogger("toolgate.serve")


def advertised(method: str, capabilities: JsonObject) -> JsonObject:
    """What the gateway says that it can, with the extension, where there can be one."""
    if method != "server/discover":
        return capabilities
    return {**capabilities, "extensions": {**capabilities.get("extensions", {}), EXTENSION: {}}}


@dataclass(frozen=True, slots=True)
class _Said:
    """A request about a task: whose, and what it says."""

    client: Client
    caller: Caller
    task_id: str
    meta: JsonObject = field(default_factory=dict)
    answers: JsonObject | None = None


class TaskMethods:
    """By an SDK request's context and its client. Raises MCPError for whatever is not an answer."""

    def __init__(self, sessions: Sessions, following: Following) -> None:
        self._sessions, self._following = sessions, following

    async def answer(self, context: Any, client: Client) -> JsonObject:
        """One of METHODS, of the modern era."""
        _check_declared(context)
        task_id, params = _task_id(context), context.params
        works: Mapping[str, Work] = {
            "tasks/get": self._following.get,
            "tasks/update": self._following.update,
            "tasks/cancel": self._following.cancel,
        }
        answers = _answers(params) if context.method == "tasks/update" else None
        meta = passed_on(params.get("_meta"))
        said = _Said(client, Talking(context, client.key), task_id, meta, answers)
        answer = await self._made(works[context.method], said)
        if missing := lacking_among(answer, said.caller.capabilities):
            raise undeclared(missing)
        return answer

    async def _made(self, work: Work, said: "_Said") -> JsonObject:
        try:
            with self._sessions.run(said.client) as turn:
                run = turn.run or await turn.begun()
                told = said.client.asker.told
                answer = await work(Inquiry(said.task_id, run, said.caller, said.meta, said.answers, told))
        except UnknownTask:
            raise MCPError(types.INVALID_PARAMS, "Task not found") from None
        except ArgumentsError as error:
            raise MCPError(types.INVALID_PARAMS, f"These answers can't be passed on: {error}") from None
        if isinstance(answer, Mapping):
            return answer
        raise unfollowed(said.client.asker.told(answer)).raised()

    # ---- who listens

    async def listened(self, context: Any, asked: Mapping[str, Any], client: Client) -> list[str]:
        """The tasks of `taskIds` to which this client may listen. Raises MCPError where it did not declare tasks."""
        wanted = asked.get("taskIds")
        if wanted is None:
            return []
        _check_declared(context)
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise MCPError(types.INVALID_PARAMS, "`taskIds` is a list of texts")
        looked = [_Said(client, Talking(context, client.key), one) for one in dict.fromkeys(wanted)][:MOST_LISTENED]
        states = await asyncio.gather(*(self._look(said) for said in looked), return_exceptions=True)
        return [said.task_id for said, state in zip(looked, states, strict=True) if isinstance(state, Mapping)]

    @asynccontextmanager
    async def watched(self, context: Any, task_ids: Sequence[str], client: Client, tell: Tell) -> AsyncIterator[None]:
        """While this lasts, tells where each task stands, now and whenever it has changed, until it has ended."""
        caller = Talking(context, client.key)
        watching = [asyncio.ensure_future(self._watch(_Said(client, caller, one), tell)) for one in task_ids]
        for task in watching:
            task.add_done_callback(_say_what_broke)
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def _watch(self, said: _Said, tell: Tell) -> None:
        before: JsonObject = {}
        while before.get("status") not in TERMINAL:
            try:
                now = await self._look(said)
            except (MCPError, ToolgateError) as error:  # its server may come back
                log.debug("a task could not be looked at: %s", error)
                now = before
            if now != before:
                tell("notifications/tasks", now)
            before = now
            await asyncio.sleep(pause(now))

    async def _look(self, said: _Said) -> JsonObject:
        state = unasked(await self._made(self._following.get, said), said.caller.capabilities)
        return {key: value for key, value in state.items() if key not in ("resultType", "_meta")}


def pause(state: JsonObject) -> float:
    """The seconds until it is looked at again: as its server wishes, which may say what no float can be."""
    said = state.get("pollIntervalMs")
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        return USUAL
    return min(LONGEST * 1000, max(SHORTEST * 1000, said)) / 1000  # in this order NaN is dropped


def _say_what_broke(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task is not looked at any more for whoever listens to it", exc_info=error)


def _check_declared(context: Any) -> None:
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS and declares(declared(context)):
        return
    text = f"This request did not declare the extension `{EXTENSION}`"
    raise MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY, text, {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    )


def _task_id(context: Any) -> str:
    """The task's id, which HTTP says twice (SEP-2663, Routing headers; SEP-2243)."""
    task_id = (context.params or {}).get("taskId")
    if not isinstance(task_id, str) or not 0 < len(task_id) <= MOST_NAME:
        raise MCPError(types.INVALID_PARAMS, "`taskId` must be a text")
    if context.request is not None:
        header = context.request.headers.get(MCP_NAME_HEADER)
        if decode_header_value(header.strip() if header else None) != task_id:
            raise MCPError(types.HEADER_MISMATCH, "The header `Mcp-Name` must be the `taskId` of the body")
    return task_id


def _answers(params: JsonObject) -> JsonObject:
    answers: JsonObject | None = params.get("inputResponses")
    if answers is None:
        raise MCPError(types.INVALID_PARAMS, "`inputResponses` is missing")
    if why := no_answers(params):
        raise MCPError(types.INVALID_PARAMS, why)
    return answers
