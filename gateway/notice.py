"""An approval as people elsewhere are told of it: line by line, and as JSON. Pure.

Elsewhere is a client, a browser, a chat tool. They see the same call as the command line, with every value; but not in
which folder of this machine the line stands that asks.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.approval import Approval
from gateway.call import JsonObject
from gateway.dates import dated
from gateway.preview import Background, Line, background, preview, value_of

__all__ = ["lines", "notice", "short"]

_FIELDS: Sequence[str] = (
    *("id", "state", "action", "path", "digest", "user", "agent", "tenant", "why", "needs", "created", "expires"),
    *("decided_by", "decided_at", "reason"),
)


def short(rule: str | None) -> str | None:
    """`policy.csv:3` of `/srv/toolgate/policies/policy.csv:3`."""
    return rule.rpartition("/")[2] if rule else rule


def lines(approval: Approval, known: Background | None, *, whole: bool = True) -> tuple[Line, ...]:
    """The call and what is known beside it, if that was looked at; with `whole`, every value in full."""
    until = dated(approval.expires).strftime("%Y-%m-%d %H:%M UTC")
    afar = replace(approval, rule=short(approval.rule))
    beside = background(approval, known) if known is not None else ()
    return (*preview(afar, whole=whole), *beside, Line("until", until))


def notice(approval: Approval, known: Background | None) -> JsonObject:
    """Times are milliseconds since 1970 (UTC). `digest` is what an answer must name."""
    return {
        **{name: getattr(approval, name) for name in _FIELDS},
        "arguments": _arguments(approval),
        "agreed": list(approval.approvers),
        "rule": short(approval.rule),
        "shown": [[line.label, line.text] for line in lines(approval, known, whole=False)],
    }


def _arguments(approval: Approval) -> JsonObject:
    """As they are, but for a value that holds a secret of the gateway's own: its place says so."""
    given, kept_back = approval.call.arguments.value, approval.withheld
    return {name: value_of(approval, name) if name in kept_back else value for name, value in given.items()}
