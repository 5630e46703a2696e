"""The questions as pages, for a person in a browser. Pure: values in, HTML out.

Every text from elsewhere is made visible and escaped; there are no scripts, no images, no links but our own, and
nobody may show a page of ours within his own. What decides is a form that is posted: no address does.
"""

from collections.abc import Sequence
from html import escape

from gateway.approval import Approval
from gateway.approving import Choices, alike
from gateway.identity import Identity
from gateway.notice import lines
from gateway.preview import Line, name_of, value_of
from gateway.serve.people.docket import Shown
from gateway.serve.people.forms import question_form
from gateway.serve.people.look import HEADERS, rows, shell, text_of
from gateway.visible import shortened, visible

__all__ = ["HEADERS", "answered_page", "list_page", "log_in_page", "message_page", "question_page"]

_WIDTH = 160  # characters of a call's arguments in the list; its own page has them all


def question_page(shown: Shown, who: Identity, token: str, *, changed: bool = False) -> str:
    """The question, with every value in full; and the form, for somebody who may answer it. With `changed` it is about
    the call as he would have it.
    """
    approval, title = shown.approval, "May it be made so?" if changed else "May this call be made?"
    head = f"<h1>{title}</h1>{rows([Line('approval', approval.id), *lines(approval, shown.known)])}"
    form = question_form(approval, shown.choices or Choices(), token, changed=changed) if shown.may else ""
    return shell(title, head + (form or _why_not(approval)), who)


def answered_page(approval: Approval, who: Identity) -> str:
    text = f"{_state(approval)} This page can be closed."
    return shell("Answered", f"<h1>{escape(approval.state.capitalize())}</h1><p>{escape(text)}</p>", who)


def list_page(shown: Sequence[Shown], who: Identity) -> str:
    """Identical calls stand together."""
    may = {one.approval.id: one.may for one in shown}
    groups = alike([one.approval for one in shown])
    lines = "".join(_entry(group[0], len(group), may=may[group[0].id]) for group in groups)
    body = f"<table>{lines}</table>" if lines else "<p>Nothing waits for you.</p>"
    return shell("Calls that wait", f"<h1>Calls that wait</h1>{body}", who)


def _entry(approval: Approval, many: int, *, may: bool) -> str:
    names = approval.call.arguments.value
    given = ", ".join(f"{name_of(name)} = {value_of(approval, name, whole=False)}" for name in names)
    times = f" · {many} times" if many > 1 else ""
    whose = "" if may else " · asked by you: somebody else decides"
    return (
        f'<tr><td><a href="/approvals/{escape(approval.id)}">{text_of(approval.path)}</a>{times}{whose}\n'
        f"{text_of(approval.user)}: {text_of(approval.why)}\n"
        f"{escape(shortened(given, _WIDTH))}</td></tr>"
    )


def log_in_page(approval_id: str, why: str = "") -> str:
    """`approval_id` is where he wants to go, or empty."""
    told = f"<p><strong>{escape(why)}</strong></p>" if why else ""
    return shell(
        "Who are you?",
        f'<h1>Who are you?</h1>{told}<form method="post" action="/approvals/login">'
        f'<input type="hidden" name="at" value="{escape(approval_id)}">'
        '<label>Your API key, or an access token<input type="password" name="credential" autocomplete="off"'
        ' required autofocus></label><div class="say"><button type="submit" class="go">Go on</button></div></form>',
    )


def message_page(title: str, text: str, who: Identity | None = None) -> str:
    return shell(title, f"<h1>{escape(title)}</h1><p>{text_of(text)}</p>", who)


def _why_not(approval: Approval) -> str:
    if approval.state == "pending":
        return "<p>You asked for this call; somebody else must decide about it.</p>"
    return f"<p>{escape(_state(approval))}</p>"


def _state(approval: Approval) -> str:
    if approval.state != "pending":
        return f"This question is {approval.state}{f' by {visible(approval.by)}' if approval.by else ''}."
    if approval.decisions and approval.decisions[-1].decision == "escalated":
        return f"It goes to {visible(approval.escalate_to or '')} now."
    return f"Your word counts; {approval.needs - len(approval.approvers)} more must agree."
