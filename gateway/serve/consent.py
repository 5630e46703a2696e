"""The gateway's own questions to its clients: may this call, which a policy line asks about, be made?

The admin turns it on (`[approvals] ask_clients`). A client that can show a form is asked for his own call instead of
only being told that it waits; whoever answers is, to the policy, the subject of that client, so his word counts where a
line lets him approve his own requests, and nowhere else: nobody else is asked, because nobody else is there. Where
several people must agree, this channel has no voice: the program that made the call is not a second person.

    clients of the handshake era are asked while their call waits (`Caller.ask`)
    modern ones by an answer: what they carry (`states`) is the approval's id, and no more

Where people answer at pages of ours (`people`), a client that opens pages is led to the one about its call. There he
says himself who he is, so it may be anybody; his client has only opened it, and whatever else it says of a page is no
answer. One of the handshake era is told when the page has been answered, if its call still waits for that.

Whatever comes back goes through `gateway.approving`. A yes is not carried on to the call: it is made anew, and finds
its answer in the store, as it would have found one given anywhere else.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.answer import Unclear, answer_of
from gateway.approval import Approval
from gateway.approving import OWN_CLIENT, Approving
from gateway.call import Allow, JsonObject
from gateway.caller import Caller, CantAsk
from gateway.errors import AlreadyUsed, Conflict
from gateway.events import Held
from gateway.form import form, opened, page, reply
from gateway.pipeline import CallResult
from gateway.serve.asking import Asker
from gateway.serve.questions import for_the_handshake_era, lacking
from gateway.store import Once

__all__ = ["PATIENCE", "Consent", "Question", "said_in"]

PATIENCE = 600.0  # seconds that a call of the handshake era waits for its client's user
OPEN = 120.0  # seconds that a call waits for what happens on a page
LOOK = 0.5  # seconds; how often it is looked whether something has
_ASK, _COMPLETE = "elicitation/create", "notifications/elicitation/complete"

log = logging.getLogger("toolgate.serve")


@dataclass(frozen=True, slots=True)
class Question:
    """`params` are those of `elicitation/create`; `held` is what the client is told if it leads to nothing."""

    approval: str
    params: JsonObject
    held: Held


class Consent:
    """`approving` is the one path of an answer. With `forms`, clients are asked by forms; `url` is where pages are, if
    they are to be led to one.
    """

    def __init__(
        self, approving: Approving, *, forms: bool = True, url: str | None = None, seconds: float = OPEN
    ) -> None:
        self._approving, self._forms, self._url, self._seconds = approving, forms, url, seconds

    async def question(self, result: CallResult, asker: Asker, caller: Caller) -> Question | None:
        """What this client is asked about its call, if it is one that waits, and his answer could decide it."""
        by_form = self._forms and not lacking(_ASK, {}, caller.capabilities)
        by_page = self._url is not None and not lacking(_ASK, {"mode": "url"}, caller.capabilities)
        if not isinstance(result, Held) or not (by_form or by_page):
            return None
        approval = await self._approving.store.approval(result.approval_id)
        params = None
        if by_form and await self._may_answer(asker, approval):
            params = await self._form(asker, approval)
        if params is None and by_page:
            params = page(approval, self._url or "")
        return Question(approval.id, params, result) if params is not None else None

    async def asked(self, question: Question, asker: Asker, caller: Caller) -> bool:
        """Asks a client of the handshake era while it waits; whether its call is made anew now."""
        params = for_the_handshake_era(_ASK, question.params)
        try:
            async with asyncio.timeout(PATIENCE):
                said = await caller.ask(_ASK, params)
        except (CantAsk, TimeoutError) as error:
            log.debug("a client did not answer about approval %s: %s", question.approval, error)
            return False
        taken = await self._take(question.approval, asker, said)
        if taken and "elicitationId" in params:
            caller.hear(_COMPLETE, {"elicitationId": params["elicitationId"]})
        return taken

    async def answered(self, approval_id: str, once: Once | None, asker: Asker, said: Any) -> bool:
        """Takes the answer that a modern client came back with; whether its call is made anew now.

        What he carries is good for one answer. Raises AlreadyUsed.
        """
        if reply(said) is not None:
            if once is None:
                raise AlreadyUsed(approval_id)
            run_id = (await self._approving.store.approval(approval_id)).run_id
            await self._approving.store.append(run_id, [], lease=None, changes=(once,))
        return await self._take(approval_id, asker, said)

    async def held(self, approval_id: str) -> Held:
        """What a client is told whose question still stands."""
        asked = await self._approving.store.approval(approval_id)
        return Held(asked.key, asked.path, asked.id, asked.why, asked.rule, asked.action, asked.policy)

    async def _take(self, approval_id: str, asker: Asker, said: Any) -> bool:
        """False where nothing was decided: the question stands, or he may not answer it."""
        if self._url is not None and opened(said):
            return await self._settled(approval_id)
        answer, approval = reply(said), await self._approving.store.approval(approval_id)
        if answer is None or not await self._may_answer(asker, approval) or await self._form(asker, approval) is None:
            return False
        try:
            given = answer_of({**answer, "digest": approval.asked.digest}, OWN_CLIENT, self._approving.store.now())
            counted = await self._approving.answer(asker.subject, approval.id, given)
        except Unclear:
            return False
        except Conflict:  # somebody else was first, or it is too late: who said no does not have it made
            return given.decision == "approved"
        return isinstance(counted, Approval) and counted.state != "pending"  # what was handed up waits for others

    async def _settled(self, approval_id: str) -> bool:
        """Whether somebody decides while the page is open; the store is the only place where that is seen."""
        store, until = self._approving.store, asyncio.get_running_loop().time() + self._seconds
        while (await store.approval(approval_id)).state == "pending":
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(LOOK)
        return True

    async def _form(self, asker: Asker, approval: Approval) -> JsonObject | None:
        """The form by which a client is asked about this call, if it is; only one who was shown the call may answer."""
        if not self._forms:
            return None
        may = await self._approving.choices(asker.subject, approval)
        known = await self._approving.background(approval)
        return form(approval, known, remember=may.remember, up=may.escalate_to)

    async def _may_answer(self, asker: Asker, approval: Approval) -> bool:
        alone = approval.needs == 1 and approval.asked_for is None and approval.call.subject == asker.subject
        return alone and isinstance(await self._approving.may_decide(asker.subject, approval), Allow)


def said_in(params: Mapping[str, Any], key: str) -> Any:
    """The client's answer to one question, raw; None without one."""
    responses = params.get("inputResponses")
    return responses.get(key) if isinstance(responses, Mapping) else None
