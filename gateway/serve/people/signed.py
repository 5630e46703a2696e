"""Signed answers of a chat tool: `POST /approvals/ID/answer`.

    {"approval": "A-…", "user": "U024BE7LH", "decision": "approved", "digest": "...", ...}

What is said is read as `gateway.answer` says, beside whose word about which approval it is.
The signature (`gateway.webhook`) says that the tool sent it; who pressed the button, the tool says, and who that is to
the policy, the admin: `[approvals.webhook.users]`. Each message counts once, in all gateways on this store.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.answer import KEYS, Answer, answer_of
from gateway.arguments import ArgumentsError, parse_json
from gateway.call import Subject
from gateway.errors import AlreadyUsed, UnknownApproval
from gateway.serve.people.api import in_json, no
from gateway.serve.people.docket import Docket, Refused
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response
from gateway.store import Once
from gateway.visible import shortened
from gateway.webhook import Flaw, Message, verified

__all__ = ["Signed"]

KEPT = 3600  # seconds from when a message was sent that it is known to have been taken

_OURS = {"approval", "user"}


@dataclass(frozen=True, slots=True)
class Signed:
    """`users` says who of the chat tool is which user, all of them in one tenant. `clock` is seconds since 1970."""

    docket: Docket
    key: bytes = field(repr=False)
    users: Mapping[str, str]
    tenant: str
    clock: Callable[[], float] = time.time

    async def answer(self, visit: Visit, approval_id: str) -> Response:
        if visit.method != "POST":
            return no(405, "a signed answer is posted", allow="POST")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in visit.headers}
        try:
            message = verified(self.key, headers, visit.body, self.clock())
            presser, said = _read(visit.body, approval_id)
            answer = answer_of(said, f"the chat tool, as {shortened(presser, 80)}", self.docket.now())
        except Flaw as flaw:
            return no(401, f"not taken: {flaw}")
        except ValueError as flaw:
            return no(400, f"not taken: {flaw}")
        user = self.users.get(presser)
        if user is None:
            return no(403, f"`[approvals.webhook.users]` does not say who `{shortened(presser, 80)}` is")
        return await self._counted(approval_id, message, Subject(user, self.tenant), answer)

    async def _counted(self, approval_id: str, message: Message, who: Subject, answer: Answer) -> Response:
        store, until = self.docket.approving.store, (message.sent + KEPT) * 1000
        try:
            run_id = (await store.approval(approval_id)).run_id
            await store.append(run_id, [], lease=None, changes=(Once(f"webhook {message.id}", until),))
        except UnknownApproval:
            return no(404, "there is no such approval")
        except AlreadyUsed:
            return no(409, "this message was taken before")
        taken = await self.docket.take(who, approval_id, answer)
        if isinstance(taken, Refused):
            return no(taken.status, taken.why, rule=taken.rule)
        agreed = {"needs": taken.needs, "agreed": list(taken.approvers)}
        return in_json(200, {"id": taken.id, "state": taken.state, "digest": taken.digest, **agreed})


def _read(body: bytes, approval_id: str) -> tuple[str, Mapping[str, Any]]:
    """Who pressed the button, and what that says. Raises ValueError."""
    try:
        said = parse_json(body)
    except (ArgumentsError, RecursionError):
        raise ValueError("the body is no JSON that can be read in one way") from None
    if not isinstance(said, dict) or said.keys() - _OURS - KEYS or not all(isinstance(said.get(k), str) for k in _OURS):
        raise ValueError("it says `approval`, `user`, `decision`, `digest`, and what else goes with an answer")
    if said["approval"] != approval_id:
        raise ValueError("it is about another approval than its address")
    return said["user"], {key: value for key, value in said.items() if key in KEYS}
