"""How a client follows its tasks (MCP's extension `io.modelcontextprotocol/tasks`), whoever made them.

A task that a server made of a call is asked for where it was made; one that the gateway made of a call that waits for a
person is `redeeming`'s. Either way a task belongs to whoever made the call, to everybody else it does not exist, and
before anything is asked or told the call is judged again: what the policy does not allow any more is not followed.
"""

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from gateway.admission import Attempt
from gateway.approval import Approval
from gateway.aside import fulfilled_aside
from gateway.budget import Limits
from gateway.call import (
    Allow,
    Answered,
    Arguments,
    Call,
    Deny,
    InDoubt,
    JsonObject,
    Outcome,
    Refused,
    TaskAction,
    TaskCreated,
    Unsent,
    outcome_from_json,
    outcome_to_json,
    says,
)
from gateway.caller import Caller
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun, Clients
from gateway.duties import Duties
from gateway.errors import Conflict, UnknownApproval, UnknownTask
from gateway.events import Admitted, Event, Held, Returned
from gateway.extracts import extract
from gateway.fulfilment import fulfilled
from gateway.hearing import discreet, overheard
from gateway.links import linked_state
from gateway.pipeline import CallResult
from gateway.redeeming import Redeeming
from gateway.results import afar, unforged
from gateway.signature import Misleading, signed_result
from gateway.standing import last_word, made_by, told
from gateway.store import Finish
from gateway.task import STATES, Task, ended, follows, named, run_of
from gateway.tracing import meta_about
from gateway.verbatim import altered

__all__ = ["Following", "Inquiry", "Servers", "Unfollowed"]

_NOTHING = Duties(("*",), secrets=True)  # what is told within it says nothing
_INTERNAL_ERROR = -32603  # JSON-RPC 2.0, section 5.1
_UNKNOWN = -32602  # how a server says that it does not know a task (any more)
SHORTEST_NAME = 3  # characters of a server's id that is looked for in its words: a shorter one is in many

Unfollowed = Deny | Refused | Unsent | InDoubt  # why there is no answer about a task


class Servers(Protocol):
    """The servers, as far as they are asked for tasks."""

    @property
    def catalogue(self) -> Catalogue: ...

    async def follow(
        self, task: Task, method: str, *, meta: JsonObject, caller: Caller, answers: JsonObject | None = None
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a client says about one of its tasks, in which run. `answers` are those to what the task's server asks.

    `told` makes of an event what this client may know of it.
    """

    task_id: str
    run: ClientRun
    caller: Caller
    meta: JsonObject = field(default_factory=dict)
    answers: JsonObject | None = None
    told: Callable[[Any], Any] = afar


class Following:
    """Every method but `created` raises UnknownTask for a task that is not this client's. Close it before the runs."""

    def __init__(self, clients: Clients, servers: Servers) -> None:
        self._clients, self._store, self._servers = clients, clients.store, servers
        self._redeeming = Redeeming(clients)

    async def close(self) -> None:
        await self._redeeming.close()

    async def created(self, result: CallResult, caller: Caller, run: ClientRun) -> JsonObject | Refused | None:
        """MCP's `CreateTaskResult`, where a call has become a task, and its caller knows what to do with one."""
        if not follows(caller):
            return None
        if isinstance(result, Held):
            approval = await self._store.approval(result.approval_id)
            return {"resultType": "task", **told(approval, (), approval.created)}
        outcome = outcome_from_json(result.outcome) if isinstance(result, Returned) else None
        return await self._begun(outcome, run) if isinstance(outcome, TaskCreated) else None

    async def get(self, inquiry: Inquiry) -> JsonObject | Unfollowed:
        """MCP's `DetailedTask`. What is asked for sets off what people have agreed to meanwhile."""
        approval = await self._asked(inquiry)
        if approval is None:
            return await self._get(await self._made(inquiry.task_id, inquiry), inquiry)
        ear = inquiry.run.ear if inquiry.run.run_id == approval.run_id else None
        approval, events = await self._redeeming.standing(approval, inquiry.run.profile, ear)
        if inner := made_by(events):
            state = await self._get(await self._made(inner, inquiry), inquiry)
            return {**state, "taskId": approval.id} if isinstance(state, Mapping) else state
        word = last_word(events)
        if isinstance(word, Returned):
            verdict = await self._still(approval.call, Attempt(2, approval.pin, approval.id), inquiry.run)
            if isinstance(verdict, Deny) and verdict.gate == "permitted":
                return (
                    verdict  # a result that is on record is kept from whoever may not have it any more: only from him
                )
            if word.tainting:
                inquiry.run.taint()
            events = [replace(recorded, event=self._kept(recorded.event, verdict, approval)) for recorded in events]
        known = [replace(recorded, event=inquiry.told(recorded.event)) for recorded in events]
        return _linked(told(approval, known, self._store.now()), approval, inquiry.run)

    async def update(self, inquiry: Inquiry) -> JsonObject | Unfollowed:
        """Brings the client's answers to the server of a task. The acknowledgement, within the duties of its call."""
        task = await self._served(inquiry)
        if task is None:
            return {}  # nothing of it was asked of this client
        verdict = await self._judged(task, inquiry.run)
        if isinstance(verdict, Allow) and verdict.duties is not None and verdict.duties.dry_run:
            return Deny("permitted", "the policy allows this call only as a dry run", verdict.rule)
        return verdict if isinstance(verdict, Deny) else await self._tell(task, "update", inquiry, verdict.duties)

    async def cancel(self, inquiry: Inquiry) -> JsonObject | Unfollowed:
        """Takes a question to people back, or tells the server of a task. Nobody is kept from that; but what the server
        says to it is for those only who may make the call.
        """
        task = await self._served(inquiry)
        if task is not None:
            verdict = await self._judged(task, inquiry.run)
            duties = verdict.duties if isinstance(verdict, Allow) else _NOTHING
            return await self._tell(task, "cancel", inquiry, duties)
        await self._store.withdraw(inquiry.task_id, inquiry.run.subject.user, "its task was cancelled")
        return {}

    # ---- whose it is

    async def _asked(self, inquiry: Inquiry) -> Approval | None:
        """The approval, if that is what the task is: of a client's call, of this very subject."""
        if not inquiry.task_id.startswith("A-"):
            return None
        try:
            approval = await self._store.approval(inquiry.task_id)
        except UnknownApproval:
            raise UnknownTask from None
        of_a_client = approval.claim == approval.asked.digest and approval.action == "call"
        its_own = of_a_client and _is_of(approval, inquiry.run)
        if approval.id != inquiry.task_id or not its_own:
            raise UnknownTask
        return approval

    async def _made(self, task_id: str, inquiry: Inquiry) -> Task:
        task = await self._store.task(task_id)
        if not _is_of(task, inquiry.run):
            raise UnknownTask
        return task

    async def _served(self, inquiry: Inquiry) -> Task | None:
        """The task that a server made; None for one that still is only ours."""
        approval = await self._asked(inquiry)
        if approval is None:
            return await self._made(inquiry.task_id, inquiry)
        inner = made_by(await self._store.events(run_of(approval)))
        return await self._made(inner, inquiry) if inner else None

    # ---- what a server says

    async def _begun(self, created: TaskCreated, run: ClientRun) -> JsonObject | Refused:
        """What a server says at first may be all that it has to say: then the task has ended, and nobody need ask."""
        task, outcome = await self._store.task(created.id), ended(created.result)
        await self._ended(task, outcome)
        if outcome is not None:
            self._clients.pipeline.followed(task, created, time.time_ns(), ended=True)
        return _shown(created.result, task, run)

    async def _get(self, task: Task, inquiry: Inquiry) -> JsonObject | Unfollowed:
        verdict = await self._judged(task, inquiry.run)
        if isinstance(verdict, Deny):
            return verdict
        outcome = await self._said(task, "get", inquiry, verdict.duties)
        if isinstance(outcome, Refused) and outcome.code == _UNKNOWN:
            await self._ended(task, InDoubt("its server does not know the task any more"))
            return Refused(_UNKNOWN, "Task not found")
        if not isinstance(outcome, (Answered, TaskCreated)):
            return _as_said(outcome, task, inquiry)
        if outcome.result.get("status") not in STATES:
            return InDoubt("the server did not say where its task stands")
        await self._ended(task, ended(outcome.result))
        state = _shown(outcome.result, task, inquiry.run)
        if isinstance(state, Refused):
            return state
        return altered({**state, "resultType": "complete"}, state)  # some servers call it a `task` here, too

    async def _ended(self, task: Task, outcome: Outcome | None) -> None:
        """Records the outcome in the run of the call, once, whoever sees it first."""
        if outcome is None or task.done:
            return
        returned = Returned(task.key, outcome_to_json(extract(outcome)), {}, self._tainting(task))
        with contextlib.suppress(Conflict):
            await self._store.append(task.run_id, [returned], lease=None, changes=(Finish(task.id),))

    async def _tell(
        self, task: Task, action: TaskAction, inquiry: Inquiry, duties: Duties | None
    ) -> JsonObject | Unfollowed:
        """Written down before it leaves, like a call."""
        run, answers = inquiry.run, inquiry.answers if action == "update" else None
        said = {"taskId": task.id} | ({} if answers is None else {"inputResponses": answers})
        key, policy = run.new_key(action), self._clients.policy.glance.digest
        text = Arguments.parse(said).text
        await run.record([Admitted(key, task.path, text, task.pin, policy, {}, action=action)])
        outcome = await self._said(task, action, inquiry, duties)
        await run.record([Returned(key, outcome_to_json(extract(outcome)), {}, self._tainting(task))])
        if isinstance(outcome, Answered):
            return _acknowledged(outcome.result, task)
        return _as_said(outcome, task, inquiry)

    async def _said(
        self, task: Task, action: Literal["get", TaskAction], inquiry: Inquiry, duties: Duties | None
    ) -> Outcome:
        """What the server of a task says to one request about it, looked at as every answer is; it taints, whatever it
        is.
        """
        begin, meta = time.time_ns(), meta_about(task, inquiry.meta)
        answers = inquiry.answers if action == "update" else None
        caller, tainting = discreet(inquiry.caller, duties), self._tainting(task)
        if tainting:
            caller = overheard(caller, inquiry.run.ear, task.call)
        outcome = await self._servers.follow(task, f"tasks/{action}", meta=meta, caller=caller, answers=answers)
        if tainting and says(outcome):
            inquiry.run.taint()
        if duties is not None:
            tool = self._servers.catalogue.tools.get(task.path)
            outcome = await fulfilled_aside(outcome, duties, "call", tool)
        over = isinstance(outcome, (Answered, TaskCreated)) and ended(outcome.result) is not None
        self._clients.pipeline.followed(task, outcome, begin, ended=over and not task.done)
        return outcome

    # ---- the gates

    async def _judged(self, task: Task, run: ClientRun) -> Allow | Deny:
        return await self._still(task.call, Attempt(2, task.pin, task.approval_id), run)

    async def _still(self, call: Call, attempt: Attempt, run: ClientRun) -> Allow | Deny:
        """A task's call counts already, so its budget is not asked again."""
        work = await run.work()
        free = replace(work, place=replace(work.place, limits=Limits()))
        verdict = await self._clients.pipeline.follow(call, free, attempt)
        return verdict if isinstance(verdict, Allow) else Deny(verdict.gate, verdict.why, verdict.rule)

    def _kept(self, event: Event, verdict: Allow | Deny, approval: Approval) -> Event:
        """A fact of a call that is on record, within the duties of today."""
        duties = verdict.duties if isinstance(verdict, Allow) else None
        if duties is None or not isinstance(event, Returned):
            return event
        tool = self._servers.catalogue.tools.get(approval.path)
        outcome = fulfilled(outcome_from_json(event.outcome), duties, "call", tool)
        return replace(event, outcome=outcome_to_json(outcome))

    def _tainting(self, task: Task) -> bool:
        tool = self._servers.catalogue.tools.get(task.path)
        return not (tool and tool.trusted)


def _is_of(task: Approval | Task, run: ClientRun) -> bool:
    """Whether it is this subject's, and within the part of the catalogue that is there for this run."""
    return task.call.subject == run.subject and run.profile.holds(task.path)


def _linked(state: JsonObject, task: Approval | Task, run: ClientRun) -> JsonObject:
    return linked_state(state, task.path.partition("/")[0], run.catalogue.uris)


def _shown(state: JsonObject, task: Task, run: ClientRun) -> JsonObject | Refused:
    """Where a server says that its task stands, as its client is told it: whenever he is."""
    try:
        return _linked(signed_result(task.call.server, named(state, task.id)), task, run)
    except Misleading as error:
        return Refused(_INTERNAL_ERROR, str(error))


def _acknowledged(said: JsonObject, task: Task) -> JsonObject | Refused:
    """Most say nothing in it; some where the task stands."""
    try:
        return signed_result(task.call.server, named(said, task.id) if "taskId" in said else unforged(said))
    except Misleading as error:
        return Refused(_INTERNAL_ERROR, str(error))


def _as_said(outcome: Outcome, task: Task, inquiry: Inquiry) -> Unfollowed:
    match outcome:
        case Refused():
            return _renamed(outcome, task.theirs, inquiry.task_id)
        case Unsent() | InDoubt():
            return outcome
    return InDoubt("the server's answer is not one about a task")


def _renamed(refused: Refused, theirs: str, ours: str) -> Refused:
    """With our name of the task in the place of its server's own, which no client can do anything with."""
    if len(theirs) < SHORTEST_NAME:
        return refused
    message = re.sub(rf"(?<![\w-]){re.escape(theirs)}(?![\w-])", lambda _: ours, refused.message)
    data = refused.data
    if isinstance(data, Mapping) and theirs in data.values():
        data = {key: ours if value == theirs else value for key, value in data.items()}
    return replace(refused, message=message, data=data)
