"""What lasts beyond one answer: a yes that counts for more calls than one, and who decides for whom who is away. Pure.

A remembered yes is a rule and no flag: bound to who asked, through whom, to the tool as it was, and to the arguments as
they were, or to those of them that the approver picked. It ends by itself, may be taken back at any time, and counts
only as long as whoever gave it might give it again to the very call that rests on it (`gates.recalls`).
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.approval import CREDENTIAL, TAINTED, Approval, Remember, Scope
from gateway.call import Action, Arguments, Call
from gateway.dates import dated
from gateway.visible import visible

__all__ = ["DAY", "LONGEST", "LONGEST_SESSION", "Delegation", "Remembered", "client_place", "moment", "remembered"]

LONGEST_SESSION = 8 * 3_600_000  # milliseconds that a yes is remembered at most that has no date
DAY = 86_400_000  # milliseconds
LONGEST = 90 * DAY  # that anything lasts, unless the admin says something else
_SPAN = re.compile(r"([1-9][0-9]{0,4})\s*(min|h|d)")
_UNITS: Mapping[str, int] = {"min": 60_000, "h": 3_600_000, "d": DAY}


def moment(text: str, now: int) -> int:
    """`2026-12-01`, `2026-12-01T14:00` (UTC), or from now on `8h`, `3d`: milliseconds since 1970. Raises ValueError for
    what is no time, or is over.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is not None:
        return now + int(found[1]) * _UNITS[found[2]]
    try:
        at = datetime.fromisoformat(text.strip())
        millis = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"`{visible(text)}` is no date; write 2026-12-01 or 8h") from None
    if millis <= now:
        raise ValueError(f"`{text}` is over already")
    return millis


@dataclass(frozen=True, slots=True)
class Remembered:
    """A yes of `by` to the approval `approval_id`. `place` is the run, the session or the client in which it counts.

    `fields` are the names of the arguments that must be the same; none: all of them. `reasons` are the names of what
    asked when it was given, and what was a risk of that very call, `tainted` or `credential:NAME`: it counts where
    nothing else asks, and no other risk is. Times are milliseconds.
    """

    id: str
    approval_id: str
    by: str
    user: str
    agent: str | None
    tenant: str
    path: str
    action: Action
    pin: str
    server_pin: str
    arguments: str
    fields: tuple[str, ...]
    scope: Scope
    place: str
    created: int
    until: int
    uses: int = 0
    revoked: int | None = None
    revoked_by: str | None = None
    reasons: tuple[str, ...] = ()

    def covers(self, call: Call, pin: str, server_pin: str, places: Sequence[str], now: int) -> bool:
        """Whether it is about this call: of this subject, on this very tool, here, now, with such arguments."""
        who = call.subject
        asked = (who.user, who.agent, who.tenant, call.path, call.action, pin, server_pin)
        mine = (self.user, self.agent, self.tenant, self.path, self.action, self.pin, self.server_pin)
        here = self.scope == "until" or self.place in places
        return asked == mine and here and self.in_force(now) and self.alike(call.own)

    def in_force(self, now: int) -> bool:
        return self.revoked is None and now < self.until

    def alike(self, arguments: Arguments) -> bool:
        """No other arguments than there were, and the picked ones as they were, to the letter."""
        known = Arguments.parse(self.arguments)
        if not self.fields:
            return known.digest == arguments.digest
        same = all(_text(known.value, name) == _text(arguments.value, name) for name in self.fields)
        return same and known.value.keys() == arguments.value.keys()

    def tells_of(self, arguments: Arguments, holds: Sequence[str]) -> bool:
        """Whether whoever gave it was told of the secrets of ours that these arguments hold: of these very values."""
        known = Arguments.parse(self.arguments).value if holds else {}
        told = [name for name in holds if f"{CREDENTIAL}{name}" in self.reasons]
        return len(told) == len(holds) and all(_text(known, name) == _text(arguments.value, name) for name in told)

    @property
    def said(self) -> str:
        """`allowed by A-17 of user:bob, until 2026-12-01 00:00 UTC`."""
        end = dated(self.until).strftime("%Y-%m-%d %H:%M UTC")
        return f"allowed by {self.approval_id} of {self.by}, until {end}"

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "fields": list(self.fields),
            "reasons": list(self.reasons),
        }


def _text(value: Mapping[str, Any], name: str) -> str | None:
    return Arguments.parse({name: value[name]}).text if name in value else None


def remembered(approval: Approval, by: str, wanted: Remember, now: int) -> Remembered:
    """The rule that this yes becomes."""
    until = wanted.until if wanted.scope == "until" and wanted.until is not None else now + LONGEST_SESSION
    return Remembered(
        id=f"M-{secrets.token_hex(8)}",
        approval_id=approval.id,
        by=by,
        user=approval.user,
        agent=approval.agent,
        tenant=approval.tenant,
        path=approval.path,
        action=approval.action,
        pin=approval.pin,
        server_pin=approval.server_pin,
        arguments=approval.call.own.text,
        fields=tuple(sorted(wanted.by)),
        scope=wanted.scope,
        place=_place(approval, wanted.scope),
        created=now,
        until=until,
        reasons=(
            *approval.reasons,
            *(word for word in approval.risk if word == TAINTED or word.startswith(CREDENTIAL)),
        ),
    )


def _place(approval: Approval, scope: Scope) -> str:
    found = {"run": approval.run_id, "session": approval.session, "client": client_place(approval.client)}
    return found.get(scope, "")


def client_place(name: str) -> str:
    """Where a yes counts that is remembered for a client of this name, as it says itself, of the same user."""
    return f"client:{name}"


@dataclass(frozen=True, slots=True)
class Delegation:
    """`absent` lets `deputy` decide in his place, until `until` (milliseconds). What he could not, his deputy can't."""

    id: str
    absent: str
    deputy: str
    tenant: str
    created: int
    until: int
    revoked: int | None = None
    revoked_by: str | None = None

    def in_force(self, now: int) -> bool:
        return self.revoked is None and now < self.until

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
