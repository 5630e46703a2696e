"""An approval as a form that a client's user fills in (MCP, Elicitation), and what an answer to it says. Pure.

Whoever reads a form can't see who wants it, and a server behind us may ask for whatever it likes, in whatever words.
So each of its questions begins with its name (`gateway.signature`), and ours begins with a bracket, which no name does;
and only ours has `toolgate/approval` in its `_meta`, for programs. An answer to a server's question goes to that
server: it is never looked at as one to ours.
"""

from collections.abc import Mapping
from typing import Any

from gateway.approval import Approval, Said
from gateway.call import JsonObject
from gateway.notice import lines
from gateway.preview import Background
from gateway.visible import visible

__all__ = ["APPROVAL", "LONGEST", "form", "opened", "page", "reply"]

APPROVAL = "toolgate/approval"
LONGEST = 8_000  # characters of a question; a call that takes more is looked at elsewhere, where there is room for it
_REASON = 500  # characters

_FIELDS: JsonObject = {
    "type": "object",
    "properties": {
        "decision": {"type": "string", "title": "Your decision", "enum": ["approve", "deny"]},
        "reason": {"type": "string", "title": "Why (whoever called is told)", "maxLength": _REASON},
    },
    "required": ["decision"],
}
_SAID: Mapping[Any, Said] = {"approve": "approved", "deny": "denied"}


def form(approval: Approval, known: Background) -> JsonObject | None:
    """The parameters of `elicitation/create`: exactly what will run, every value in full. None: it is too long."""
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
    return {"mode": "form", "message": message, "requestedSchema": _FIELDS, "_meta": {APPROVAL: about}}


def page(approval: Approval, url: str) -> JsonObject:
    """The same for a client that only opens pages: where a person sees it, and says himself who he is."""
    about = f"{visible(approval.path)}, for {visible(approval.user)}"
    message = f"[Toolgate approval {approval.id}] A person must decide whether this call may be made: {about}."
    known = {"id": approval.id, "digest": approval.digest}
    return {"mode": "url", "message": message, "url": f"{url}/approvals/{approval.id}", "_meta": {APPROVAL: known}}


def opened(result: Any) -> bool:
    """Whether an `ElicitResult` says that the page is open: whatever happens there, happens there."""
    return isinstance(result, Mapping) and result.get("action") == "accept" and "content" not in result


def reply(result: Any) -> tuple[Said, str] | None:
    """What an `ElicitResult` says, and why; None for one that decides nothing: the question stands.

    A yes is a filled-in form, never a mere `accept`.
    """
    if not isinstance(result, Mapping):
        return None
    content = result.get("content")
    given = content if isinstance(content, Mapping) else {}
    reason = given.get("reason")
    why = visible(reason)[:_REASON] if isinstance(reason, str) else ""
    match result.get("action"):
        case "accept" if isinstance(given.get("decision"), str) and given["decision"] in _SAID:
            return _SAID[given["decision"]], why
        case "decline":
            return "denied", why
    return None
