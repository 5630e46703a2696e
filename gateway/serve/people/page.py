"""The questions as pages, for a person in a browser. Pure: values in, HTML out.

Every text from elsewhere is made visible and escaped; there are no scripts, no images, no links but our own, and
nobody may show a page of ours within his own. What decides is a form that is posted: no address does.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from gateway.approval import Approval
from gateway.identity import Identity
from gateway.notice import lines
from gateway.preview import Line
from gateway.serve.people.docket import Shown
from gateway.visible import visible

__all__ = ["HEADERS", "answered_page", "list_page", "log_in_page", "message_page", "question_page"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0;font-weight:600;width:7rem}
td{padding:.3rem 0;font-family:ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
form{margin-top:1.5rem}input[type=text],input[type=password]{width:100%;padding:.4rem;font:inherit}
button{font:inherit;padding:.5rem 1.2rem;margin:1rem 1rem 0 0}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_RULES = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": _RULES,
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # `no-referrer` would have browsers hide where our own forms come from
    "cross-origin-opener-policy": "same-origin",
}


def question_page(shown: Shown, who: Identity, token: str) -> str:
    """The question, with every value in full; and the form, for somebody who may answer it."""
    approval = shown.approval
    head = f"<h1>May this call be made?</h1>{_rows([Line('approval', approval.id), *lines(approval, shown.known)])}"
    return _page("May this call be made?", head + (_form(approval, token) if shown.may else _why_not(approval)), who)


def answered_page(approval: Approval, who: Identity) -> str:
    text = f"{_state(approval)} This page can be closed."
    return _page("Answered", f"<h1>{escape(approval.state.capitalize())}</h1><p>{escape(text)}</p>", who)


def list_page(shown: Sequence[Shown], who: Identity) -> str:
    rows = "".join(
        f'<tr><td><a href="/approvals/{escape(one.approval.id)}">{_text(one.approval.path)}</a></td>'
        f"<td>{_text(one.approval.user)}</td><td>{_text(one.approval.why)}</td></tr>"
        for one in shown
    )
    body = f"<table>{rows}</table>" if rows else "<p>Nothing waits for you.</p>"
    return _page("Calls that wait", f"<h1>Calls that wait</h1>{body}", who)


def log_in_page(approval_id: str, why: str = "") -> str:
    """`approval_id` is where he wants to go, or empty."""
    told = f"<p><strong>{escape(why)}</strong></p>" if why else ""
    return _page(
        "Who are you?",
        f'<h1>Who are you?</h1>{told}<form method="post" action="/approvals/login">'
        f'<input type="hidden" name="at" value="{escape(approval_id)}">'
        '<label>Your API key, or an access token<br><input type="password" name="credential" autocomplete="off"'
        ' required></label><button type="submit">Go on</button></form>',
    )


def message_page(title: str, text: str) -> str:
    return _page(title, f"<h1>{escape(title)}</h1><p>{_text(text)}</p>")


def _form(approval: Approval, token: str) -> str:
    return (
        f'<form method="post" action="/approvals/{escape(approval.id)}">'
        f'<input type="hidden" name="token" value="{escape(token)}">'
        '<label>Why (whoever called is told)<br><input type="text" name="reason" maxlength="500" autocomplete="off">'
        "</label>"
        '<button type="submit" name="decision" value="denied">Deny</button>'
        '<button type="submit" name="decision" value="approved">Approve: it runs once, exactly as shown</button></form>'
    )


def _why_not(approval: Approval) -> str:
    if approval.state == "pending":
        return "<p>You asked for this call; somebody else must decide about it.</p>"
    return f"<p>{escape(_state(approval))}</p>"


def _state(approval: Approval) -> str:
    by = f" by {visible(approval.by)}" if approval.by else ""
    if approval.state == "pending":
        left = approval.needs - len(approval.approvers)
        return f"Your word counts; {left} more must agree."
    return f"This question is {approval.state}{by}."


def _rows(lines: Sequence[Line]) -> str:
    cells = (f"<tr><th>{escape(line.label)}</th><td>{_text(line.text)}</td></tr>" for line in lines)
    return f"<table>{''.join(cells)}</table>"


def _text(text: str) -> str:
    return escape(visible(text))


def _page(title: str, body: str, who: Identity | None = None) -> str:
    name = f"<p>{_text(who.subject.user)} · {_text(who.subject.tenant)}</p>" if who else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} - Toolgate</title><style>{_STYLE}</style></head><body>{name}{body}</body></html>"
    )
