"""Which room answers a request at `/approvals`. Nothing here decides whether somebody may: `docket` does.

1  it does not come from a page that is not ours
2  who came: by his key or token, or by the cookie for which he gave it
3  a browser gets pages, everybody else JSON
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.auth import Authenticator, Refusal
from gateway.errors import ToolgateError
from gateway.identity import Identity
from gateway.serve.people import page
from gateway.serve.people.api import Api, no
from gateway.serve.people.badge import LONGEST, SESSION_SECONDS, Badges
from gateway.serve.people.docket import Docket
from gateway.serve.people.signed import Signed
from gateway.serve.people.visit import PREFIX, Visit
from gateway.serve.people.window import Window, html
from gateway.serve.response import Response

__all__ = ["Counter"]

_ID = re.compile(r"A-[0-9a-f]{32}")
_LOG_IN, _LOG_OUT = "login", "logout"
_WHO: Mapping[int, str] = {
    401: "This key or token is not good here.",
    403: "This key or token was not made for approving: it lacks the scope of `[approvals] scopes`.",
    503: "It can't be found out now whether this is good; try again.",
}


@dataclass(frozen=True, slots=True)
class Counter:
    """`url` is where browsers reach us, if it is said. Without an `authenticator` everybody is the one person there is.
    `signed` takes the answers of a chat tool; where only those are taken, the rest is not `open`.
    """

    docket: Docket
    badges: Badges
    authenticator: Authenticator | None = None
    url: str | None = None
    signed: Signed | None = None
    open: bool = True

    async def answer(self, visit: Visit) -> Response:
        """Never raises for what somebody sends."""
        if not visit.is_from_our_page(self.url):
            return no(403, "pages of other origins may not ask")
        approval_id, _, rest = visit.path.partition("/")
        try:
            if self.signed is not None and rest == "answer":
                return await self.signed.answer(visit, approval_id)
            if not self.open:
                return no(404, "there is nothing here")
            if visit.path in (_LOG_IN, _LOG_OUT):
                return await self._log_in(visit) if visit.path == _LOG_IN else self._log_out(visit)
            visit = replace(visit, who=await self._who(visit))
            return await (self._page(visit) if visit.wants_page else self._json(visit))
        except ToolgateError:
            return no(503, "it can't be looked up now; try again")

    async def _json(self, visit: Visit) -> Response:
        if isinstance(visit.who, Refusal):
            return _refused(visit.who)
        return await Api(self.docket).answer(visit, _himself(visit.who))

    # ---- who is it?

    async def _who(self, visit: Visit) -> Identity | Refusal:
        """A cookie counts for pages only: what a browser sends by itself is no program's credential."""
        if isinstance(visit.who, Identity) or self.authenticator is None or not visit.wants_page:
            return visit.who
        credential = self.badges.credential(visit.cookie(self._cookie))
        return visit.who if credential is None else await self._presented(self.authenticator, credential)

    async def _presented(self, authenticator: Authenticator, credential: str) -> Identity | Refusal:
        return await authenticator.authenticate([(b"authorization", f"Bearer {credential}".encode())], PREFIX)

    async def _log_in(self, visit: Visit) -> Response:
        """What is presented is sealed into a cookie, and kept nowhere."""
        if self.authenticator is None or visit.method != "POST" or not visit.wants_page:
            return html(200, page.log_in_page("")) if self.authenticator else _to("")
        form = visit.form
        credential, at = form.get("credential", "").strip(), _known(form.get("at", ""))
        if not credential.isascii() or not credential.isprintable() or len(credential) > LONGEST:
            return html(400, page.log_in_page(at, f"It has at most {LONGEST} characters, all of them plain."))
        who = await self._presented(self.authenticator, credential)
        if isinstance(who, Refusal):
            return html(who.status, page.log_in_page(at, _WHO[who.status]))
        return self._with_cookie(_to(at), self.badges.cookie(credential), round(SESSION_SECONDS))

    def _log_out(self, visit: Visit) -> Response:
        return self._with_cookie(_to(_LOG_IN), "", 0) if visit.method == "POST" else no(405, "post it", allow="POST")

    @property
    def _secure(self) -> bool:
        return self.url is not None and self.url.startswith("https:")

    @property
    def _cookie(self) -> str:
        return "__Secure-toolgate" if self._secure else "toolgate"

    def _with_cookie(self, response: Response, value: str, seconds: int) -> Response:
        secure = "; Secure" if self._secure else ""
        response.headers["set-cookie"] = (
            f"{self._cookie}={value}; Path={PREFIX}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        )
        return response

    # ---- pages

    async def _page(self, visit: Visit) -> Response:
        if isinstance(visit.who, Refusal):
            why = "" if visit.who.status == 401 else _WHO[visit.who.status]
            return html(visit.who.status, page.log_in_page(_known(visit.path), why))
        window = Window(self.docket, self.badges, _himself(visit.who), visit.cookie(self._cookie))
        return await window.answer(visit)


def _himself(who: Identity) -> Identity:
    """Whoever answers here does it in person."""
    return replace(who, subject=replace(who.subject, agent=None))


def _known(approval_id: str) -> str:
    return approval_id if _ID.fullmatch(approval_id) else ""


def _to(path: str) -> Response:
    """Within `/approvals`."""
    return Response(b"", 303, {"location": f"{PREFIX}/{path}" if path else PREFIX, "cache-control": "no-store"})


def _refused(refusal: Refusal) -> Response:
    response = no(refusal.status, _WHO[refusal.status])
    if refusal.challenge:
        response.headers["www-authenticate"] = refusal.challenge
    return response
