"""An approval as a form that a client's user fills in (MCP, Elicitation), and what an answer to it says. Pure.

Whoever reads a form can't see who wants it, and a server behind us may ask for whatever it likes, in whatever words.
So each of its questions begins with its name (`gateway.signature`), and ours begins with a bracket, which no name does;
and only ours has `toolgate/approval` in its `_meta`, for programs. An answer to a server's question goes to that
server: it is never looked at as one to ours.

A no that ends the run is not offered here. The run of a client is the record of its session, and no more: one that is
cancelled takes no refusal down, so that the session's next call fails without a word that its user could read, and the
call after it begins a run of its own, with a fresh budget. As long as a session does not end with its run, `stop` would
promise what does not hold; a client that insists on a refused call loses its session (`gateway.insistence`), and a no
is all that this form has for it.
"""

from collections.abc import Mapping
from typing import Any

from gateway.approval import Approval, Said
from gateway.call import Arguments, ArgumentsError, JsonObject
from gateway.notice import lines
from gateway.preview import Background
from gateway.visible import visible

__all__ = ["APPROVAL", "LONGEST", "form", "opened", "page", "reply"]

APPROVAL = "toolgate/approval"
LONGEST = 8_000  # characters of a question; a call that takes more is looked at elsewhere, where there is room for it
_REASON = 500  # characters

_EDIT = 4_000  # characters of other arguments
_SAID: Mapping[Any, Said] = {"approve": "approved", "deny": "denied", "escalate": "escalated"}
_ONCE = "once"


def form(approval: Approval, known: Background, *, remember: bool = False, up: str | None = None) -> JsonObject | None:
    """The parameters of `elicitation/create`: exactly what will run, every value in full. None: it is too long.

    `remember`: a yes may count for other calls, too; `up` is to whom the question may be handed.
    """
    message = "\n".join(
        (
            f"[Toolgate approval {approval.id}] May this call be made?",
            *(f"{line.label}: {line.text}" for line in lines(approval, known)),
            "Approved, it runs once, exactly as shown.",
        )
    )
    if len(message) > LONGEST:
        return None
    about = {"id": approval.id, "digest": approval.digest}
    fields = {"type": "object", "properties": _fields(approval, remember, up), "required": ["decision"]}
    return {"mode": "form", "message": message, "requestedSchema": fields, "_meta": {APPROVAL: about}}


def _fields(approval: Approval, remember: bool, up: str | None) -> JsonObject:
    """Of text alone, as forms of MCP have no others. Without the optional ones it is a yes or a no to what is shown."""
    decisions = ["approve", "deny", *(["escalate"] if up else [])]
    title = f"Your decision{f' (escalate: {visible(up)} decides)' if up else ''}"
    fields: dict[str, Any] = {
        "decision": {"type": "string", "title": title, "enum": decisions},
        "reason": {"type": "string", "title": "Why (whoever called is told)", "maxLength": _REASON},
        "edit": {
            "type": "string",
            "title": 'To approve other arguments: those that are other ones, as JSON: {"amount": 10}',
            "maxLength": _EDIT,
        },
    }
    if remember:
        scopes = [_ONCE, "session", *(["client"] if approval.client else [])]
        by = "Remembered by these arguments, whatever the others are: amount,customer"
        fields["remember"] = {"type": "string", "title": "For how long a yes counts", "enum": scopes}
        fields["by"] = {"type": "string", "title": by, "maxLength": _REASON}
    return fields


def page(approval: Approval, url: str) -> JsonObject:
    """The same for a client that only opens pages: where a person sees it, and says himself who he is."""
    about = f"{visible(approval.path)}, for {visible(approval.user)}"
    message = f"[Toolgate approval {approval.id}] A person must decide whether this call may be made: {about}."
    known = {"id": approval.id, "digest": approval.digest}
    return {"mode": "url", "message": message, "url": f"{url}/approvals/{approval.id}", "_meta": {APPROVAL: known}}


def opened(result: Any) -> bool:
    """Whether an `ElicitResult` says that the page is open: whatever happens there, happens there."""
    return isinstance(result, Mapping) and result.get("action") == "accept" and "content" not in result


def reply(result: Any) -> JsonObject | None:
    """What an `ElicitResult` says, as `gateway.answer` reads it, but for the digest; None for one that decides nothing:
    the question stands.

    A yes is a filled-in form, never a mere `accept`; with other arguments that can't be read it is none.
    """
    if not isinstance(result, Mapping):
        return None
    content = result.get("content")
    given = content if isinstance(content, Mapping) else {}
    reason = given.get("reason")
    why = visible(reason)[:_REASON] if isinstance(reason, str) else ""
    match result.get("action"):
        case "accept" if isinstance(given.get("decision"), str) and given["decision"] in _SAID:
            said = {"decision": _SAID[given["decision"]], "reason": why}
            more = _more(given) if said["decision"] == "approved" else {}
            return None if more is None else {**said, **more}
        case "decline":
            return {"decision": "denied", "reason": why}
    return None


def _more(given: Mapping[str, Any]) -> JsonObject | None:
    """What goes with a yes. None: nobody can read it."""
    edit, scope, by = (given.get(name, "") for name in ("edit", "remember", "by"))
    if not all(isinstance(text, str) for text in (edit, scope, by)) or len(edit) > _EDIT:
        return None
    more: dict[str, Any] = {}
    try:
        if edit.strip():
            more["edit"] = Arguments.parse(edit).value
    except ArgumentsError:
        return None
    names = [name.strip() for name in by.split(",") if name.strip()]
    if scope not in ("", _ONCE):
        more["remember"] = {"scope": scope, "by": names}
    return None if names and "remember" not in more else more
