"""What somebody can say to a question on its page: one button for each thing, so that no two can disagree. Pure.

    approved     it happens, once, as shown
    remembered   ... and calls like it happen, too, as the fields beside the button say
    changed      it would happen with other arguments: the page shows first what that changes
    denied       it does not happen
    stopped      ... and its run ends
    escalated    others decide

Whatever a form says is read as JSON is (`gateway.answer`).
"""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from gateway.answer import Unclear
from gateway.approval import Approval
from gateway.approving import Choices
from gateway.call import JsonObject
from gateway.preview import name_of, value_of
from gateway.serve.people.look import text_of
from gateway.visible import hides, visible

__all__ = ["LONGEST_EDIT", "MOST_PICKS", "WORDS", "question_form", "said_in"]

LONGEST_EDIT = 12_000  # characters of arguments that are changed on a page; longer ones by JSON or the command line
MOST_PICKS = 40  # arguments by which a yes can be remembered on a page
_REASON = 500  # characters
# Enter in a field presses the first button of its form, and a form whose first button can't be pressed is not sent.
_NO_DEFAULT = '<button type="submit" disabled hidden></button>'
_WHY = (
    f'<p><label>Why (whoever called is told)<input type="text" name="reason" maxlength="{_REASON}" '
    'autocomplete="off"></label></p>'
)
_PICK = "by:"  # before the number of an argument, in the name of its box

WORDS: Mapping[str, JsonObject] = {
    "approved": {"decision": "approved"},
    "remembered": {"decision": "approved"},
    "changed": {"decision": "approved"},
    "denied": {"decision": "denied"},
    "stopped": {"decision": "denied", "stop": True},
    "escalated": {"decision": "escalated"},
}


def question_form(approval: Approval, choices: Choices, token: str, *, changed: bool = False) -> str:
    """With `changed` it is about the call as he has changed it on the page before."""
    arguments = approval.call.arguments
    go = "Approve as changed: it runs once" if changed else "Approve: it runs once, exactly as shown"
    parts = (
        f'<form method="post" action="/approvals/{escape(approval.id)}">',
        f'<input type="hidden" name="token" value="{escape(token)}">',
        _NO_DEFAULT,
        _WHY,
        '<div class="say">',
        _button("approved", go, "go"),
        "" if changed else _refusals(choices),
        f'<a href="/approvals/{escape(approval.id)}">Back, unchanged</a>' if changed else "",
        "</div>",
        f'<input type="hidden" name="arguments" value="{escape(arguments.text)}">' if changed else _change(approval),
        _remember(approval) if choices.remember else "",
        "</form>",
    )
    return "".join(parts)


def _button(word: str, text: str, kind: str = "") -> str:
    return f'<button type="submit" name="decision" value="{word}" class="{kind}">{escape(text)}</button>'


def _refusals(choices: Choices) -> str:
    up = f"Hand it up to {visible(choices.escalate_to)}" if choices.escalate_to else ""
    return (
        _button("denied", "Deny")
        + _button("stopped", "Deny, and end its run")
        + (_button("escalated", up) if choices.escalate_to else "")
    )


def _change(approval: Approval) -> str:
    text = _spelled(approval.call.arguments.value)
    if len(text) > LONGEST_EDIT or approval.withheld:
        return ""
    return (
        "<details><summary>Change it before it is made</summary>"
        "<p><label>All its arguments, as JSON. You see what that changes before anything happens; whoever called is "
        f'told.<textarea name="arguments" rows="{min(20, text.count(chr(10)) + 2)}" spellcheck="false" '
        f'autocomplete="off">\n{escape(text)}</textarea></label></p><div class="say">'
        f"{_button('changed', 'Show what that changes')}</div></details>"
    )


def _spelled(value: Any) -> str:
    """JSON to be changed by hand: whatever is invisible in it stands there as JSON has it, so that it can be read."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(json.dumps(each)[1:-1] if each != "\n" and hides(each) else each for each in text)


def _remember(approval: Approval) -> str:
    names = list(approval.call.arguments.value)
    picks = "".join(
        f'<label class="pick"><input type="checkbox" name="{_PICK}{number}" checked> '
        f"{text_of(name_of(key))} = {text_of(value_of(approval, key, whole=False))}</label>"
        for number, key in enumerate(names)
    )
    few = 0 < len(names) <= MOST_PICKS
    which = "Such calls have the same (at least one of these):" if few else "Such calls have the very same arguments."
    return (
        "<details><summary>Let such calls be made without asking again</summary>"
        '<p><label>For how long<select name="scope"><option value="run">in this run</option>'
        '<option value="session">in this session</option><option value="client">for this client</option>'
        '<option value="until">until the date below</option></select>'
        "</label></p>"
        '<p><label>Date (UTC) or span, for the last of them<input type="text" name="until" placeholder="2026-12-01, or '
        '8h" autocomplete="off"></label></p>'
        f"<fieldset><legend>{which}</legend>{picks if few else ''}</fieldset>"
        f'<div class="say">{_button("remembered", "Approve, and remember it so")}</div></details>'
    )


def said_in(form: Mapping[str, str], approval: Approval, digest: str) -> JsonObject:
    """What a form says, but for changed arguments, as `gateway.answer` reads it.

    Raises KeyError for what is no word, and Unclear.
    """
    said = {**WORDS[form.get("decision", "")], "digest": digest, "reason": visible(form.get("reason", ""))[:_REASON]}
    if form.get("decision") != "remembered":
        return said
    names = list(approval.call.arguments.value)
    picked = [name for number, name in enumerate(names) if f"{_PICK}{number}" in form]
    few = 0 < len(names) <= MOST_PICKS
    if few and not picked:
        raise Unclear("pick at least one argument that stays the same")
    by = picked if few and len(picked) < len(names) else []
    until = {"until": form.get("until", "")} if form.get("scope") == "until" else {}
    return {**said, "remember": {"scope": form.get("scope"), "by": by, **until}}
