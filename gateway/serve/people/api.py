"""The questions in JSON: `GET /approvals`, `GET /approvals/ID`, `POST /approvals/ID`.

An answer is read as `gateway.answer` says. Its `digest` is that of the call that was shown: if it is another one by
now, nobody has agreed to it (409).
"""

from collections.abc import Mapping
from typing import Any

from gateway.answer import Answer, Unclear, answer_of
from gateway.arguments import ArgumentsError, parse_json
from gateway.identity import Identity
from gateway.notice import notice
from gateway.serve.asgi import dumped
from gateway.serve.people.docket import Docket, Refused, Shown
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response

__all__ = ["Api", "in_json", "no"]

_HINT = (
    'send `{"decision": "approved" or "denied", "digest": "...", "reason": "..."}`; docs/approvals-channels.md has more'
)


class Api:
    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    async def answer(self, visit: Visit, who: Identity) -> Response:
        """For somebody who is known."""
        if not visit.path:
            if not visit.reads:
                return no(405, "read it with GET; an answer goes to `/approvals/ID`", allow="GET, HEAD")
            shown = await self._docket.open(who.subject)
            return in_json(200, {"approvals": [_told(one) for one in shown]})
        if visit.reads:
            one = await self._docket.one(who.subject, visit.path)
            return in_json(200, _told(one)) if one else no(404, "there is no such approval, or it is not yours to see")
        if visit.method != "POST":
            return no(405, "an approval is read with GET and answered with POST", allow="GET, HEAD, POST")
        return await self._decide(visit, who)

    async def _decide(self, visit: Visit, who: Identity) -> Response:
        given = _given(visit, who.by, self._docket.now())
        if isinstance(given, Refused):
            return no(given.status, given.why)
        taken = await self._docket.take(who.subject, visit.path, given)
        if isinstance(taken, Refused):
            return no(taken.status, taken.why, rule=taken.rule)
        return in_json(200, _told(Shown(taken, may=False)))


def _given(visit: Visit, method: str, now: int) -> Answer | Refused:
    """What is said in the body, read in one way only."""
    if visit.header(b"content-type").partition(";")[0].strip() != "application/json":
        return Refused(415, "an answer is `application/json`")
    try:
        return answer_of(parse_json(visit.body), method, now)
    except (ArgumentsError, RecursionError):
        return Refused(400, f"the body is no JSON that can be read in one way; {_HINT}")
    except Unclear as flaw:
        return Refused(400, f"{flaw}; {_HINT}")


def _told(shown: Shown) -> Mapping[str, Any]:
    """For somebody who looks at one: what else he may say to it."""
    more = shown.choices
    choices = {"may_remember": more.remember, "escalate_to": more.escalate_to} if more else {}
    return {**notice(shown.approval, shown.known), "may_decide": shown.may, **choices}


def in_json(status: int, told: Mapping[str, Any], **headers: str) -> Response:
    """Nothing of it is kept by anybody on the way."""
    said = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(dumped(told), status, {**said, **headers})


def no(status: int, why: str, *, allow: str = "", rule: str | None = None) -> Response:
    headers = {"allow": allow} if allow else {}
    return in_json(status, {"error": why} | ({"rule": rule} if rule else {}), **headers)
