"""The pages of a browser: a page shows, its own form answers. What somebody changes is shown to him before it counts.

Nothing is decided here: `docket` takes the answer, as it takes those of programs.
"""

from dataclasses import dataclass, replace

from gateway.answer import Answer, Unclear, answer_of
from gateway.approval import Approval
from gateway.call import Arguments, ArgumentsError
from gateway.identity import Identity
from gateway.serve.people import page
from gateway.serve.people.badge import Badges, Page
from gateway.serve.people.docket import Docket, Refused, Shown
from gateway.serve.people.forms import said_in
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response

__all__ = ["Window", "html"]

_OLD = Refused(403, "This form is too old, or not from your page: open it again.")


@dataclass(frozen=True, slots=True)
class Window:
    """What somebody sees who is known, and has this cookie."""

    docket: Docket
    badges: Badges
    who: Identity
    cookie: str

    async def answer(self, visit: Visit) -> Response:
        who = self.who
        if not visit.path:
            return html(200, page.list_page(await self.docket.open(who.subject), who))
        if not visit.reads:
            done = await self._posted(visit)
            return (
                html(done.status, page.message_page("Not taken", done.why, who)) if isinstance(done, Refused) else done
            )
        shown = await self.docket.one(who.subject, visit.path)
        if shown is None:
            why = "There is no such approval, or it is not yours to see."
            return html(404, page.message_page("Not there", why, who))
        token = self._token(shown.approval, Page(shown.approval.digest))
        return html(200, page.question_page(shown, who, token))

    def _token(self, approval: Approval, showed: Page) -> str:
        return self.badges.token(self.who, self.cookie, approval.id, showed)

    async def _posted(self, visit: Visit) -> Response | Refused:
        showed = self.badges.page(visit.form.get("token", ""), self.who, self.cookie, visit.path)
        shown = await self.docket.one(self.who.subject, visit.path) if showed else None
        if showed is None or shown is None:
            return _OLD
        try:
            given = answer_of(
                said_in(visit.form, shown.approval, showed.digest),
                f"{self.who.by}, in a browser",
                self.docket.now(),
            )
            edited = _arguments(visit, shown.approval) if given.decision == "approved" else None
        except KeyError:
            return _OLD
        except (Unclear, ArgumentsError) as flaw:
            return Refused(400, f"{flaw}; go back, and mend it")
        return await self._said(visit, showed, shown, replace(given, edited=edited))

    async def _said(self, visit: Visit, showed: Page, shown: Shown, given: Answer) -> Response | Refused:
        """A yes to other arguments than a page has shown to him is none yet: he is shown what that changes."""
        wanted = shown.approval.edited(given.edited).digest if given.edited else None
        if visit.form.get("decision") == "changed" and wanted is None:
            return Refused(400, "Nothing is changed: the arguments are what they were.")
        if wanted is not None and wanted != showed.changed:
            return await self._draft(shown.approval, given)
        taken = await self.docket.take(self.who.subject, visit.path, given)
        return taken if isinstance(taken, Refused) else html(200, page.answered_page(taken, self.who))

    async def _draft(self, approval: Approval, given: Answer) -> Response | Refused:
        drafted = await self.docket.draft(self.who.subject, approval.id, replace(given, remember=None))
        if isinstance(drafted, Refused):
            return drafted
        token = self._token(approval, Page(approval.digest, drafted.approval.digest))
        return html(200, page.question_page(drafted, self.who, token, changed=True))


def _arguments(visit: Visit, approval: Approval) -> Arguments | None:
    """Those of the form, if they are other ones. Raises ArgumentsError."""
    text = visit.form.get("arguments")
    given = Arguments.parse(text) if text else None
    return given if given and given.digest != approval.call.arguments.digest else None


def html(status: int, text: str) -> Response:
    return Response(text.encode(), status, dict(page.HEADERS))
