"""The question that is put to people about a call which may not be made without them: a value.

It holds all that an answer is bound to, and all that whoever answers has to know, as it is now.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace

from gateway.admission import Work
from gateway.approval import CREDENTIAL, Approval, claim, risks_of, schema_text
from gateway.call import Call, Tool, Verdict
from gateway.credentials import holding
from gateway.gates import Facts, asking, pin, recalls, terms_of
from gateway.lasting import Remembered
from gateway.parties import CallSettings
from gateway.preview import digest_of, preview

__all__ = ["open_about", "question", "recalled"]


def open_about(call: Call, facts: Facts) -> Approval | None:
    """The open question about this call, if it is about this very tool of this very server, for all that asks now."""
    thing, asked = facts.thing(call), facts.approval
    if asked is None or asked.state != "pending":
        return None
    seen = pin(thing) if thing else ""
    same = (asked.pin, asked.server_pin) == (seen, facts.server_pin)
    return asked if same and {each.name for each in asking(call, facts)} <= set(asked.reasons) else None


def question(call: Call, facts: Facts, verdict: Verdict, work: Work, settings: CallSettings) -> Approval:
    """A new one."""
    now, thing, terms = round(facts.now.timestamp() * 1000), facts.thing(call), terms_of(call, facts)
    tool, reasons = thing if isinstance(thing, Tool) else None, asking(call, facts)
    asked = Approval(
        id=f"A-{secrets.token_hex(16)}",
        claim=claim(call, driven=work.driven),
        run_id=call.run_id,
        key=call.key,
        user=call.subject.user,
        agent=call.subject.agent,
        tenant=call.subject.tenant,
        path=call.path,
        pin=pin(thing) if thing else "",
        arguments=call.arguments.text,
        digest=call.digest,
        policy=facts.policy.digest,
        rule=verdict.rule,
        why="; ".join(dict.fromkeys([verdict.why, *(each.why for each in reasons)])),
        created=now,
        expires=now + round(settings.approval_seconds * 1000),
        action=call.action,
        session=work.session,
        client=work.client,
        server_pin=facts.server_pin,
        needs=terms.needs,
        escalate_to=terms.escalate[0] if terms.escalate else None,
        escalates=now + round(terms.escalate[1] * 1000) if terms.escalate else None,
        risk=(
            *risks_of(tool, tainted=facts.run.tainted),
            *(f"{CREDENTIAL}{name}" for name in holding(call.arguments, settings.secrets())),
        ),
        schema=schema_text(tool),
        reasons=tuple(dict.fromkeys(each.name for each in reasons)),
    )
    return replace(asked, preview_digest=digest_of(preview(asked)))


def recalled(call: Call, facts: Facts, known: Iterable[Remembered], settings: CallSettings) -> Facts:
    """With an answer to an earlier call that counts for this one, too, so that nobody is asked; if there is one."""
    found = tuple(known)
    holds = holding(call.arguments, settings.secrets()) if found else ()
    each = (replace(facts, approval=None, remembered=one, holds=holds) for one in found)
    return next((trial for trial in each if recalls(call, trial)), facts)
