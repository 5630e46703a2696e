"""What an allowed call must keep to: its obligations, as one value. Pure.

The policy says them (`gateway.policy`), a verdict carries them, `gateway.fulfilment` sees to them. Duties only ever
take something away: more of them never allow more. The one exception, `remember=yes`, counts only where its line surely
holds (`gates.may_remember`).
"""

from collections.abc import Iterable
from typing import Any

from gateway.values import value

__all__ = ["Duties", "strictest"]


@value(frozen=True, slots=True)
class Duties:
    """`redact` are the fields of results that nobody sees, as paths (`customer.iban`); `secrets`: nor what has the form
    of a secret. `max_result_bytes` is of a result's JSON, `seconds` the longest that the call may take. With `dry_run`
    nothing leaves. `rules` are the lines that say so, `policies/policy.csv:12`.

    Of a call that people are asked about: `needs` is how many must agree; `escalate` is a role, and after how many
    seconds those who have it may decide, too; `remember` says whether their yes may be remembered.
    """

    redact: tuple[str, ...] = ()
    secrets: bool = False
    max_result_bytes: int | None = None
    seconds: float | None = None
    dry_run: bool = False
    rules: tuple[str, ...] = ()
    needs: int = 1
    escalate: tuple[str, float] | None = None
    remember: bool | None = None

    def __str__(self) -> str:
        """`redact=ssn @secrets; max_result_bytes=65536 B; timeout=10 s; dry_run`, as a policy would say it."""
        said = {
            "redact": " ".join(self.to_json().get("redact", ())),
            "max_result_bytes": f"{self.max_result_bytes} B" if self.max_result_bytes is not None else "",
            "timeout": f"{self.seconds:g} s" if self.seconds is not None else "",
            "needs": str(self.needs) if self.needs > 1 else "",
            "escalate": self.to_json().get("escalate", ""),
            "remember": "" if self.remember is None else "yes" if self.remember else "no",
        }
        return "; ".join([*(f"{name}={what}" for name, what in said.items() if what), *["dry_run"] * self.dry_run])

    @property
    def redacts(self) -> bool:
        return self.secrets or bool(self.redact)

    def to_json(self) -> dict[str, Any]:
        """What there is of it, without the lines: `{"redact": ["ssn", "@secrets"], "max_result_bytes": 65536}`."""
        fields = [*self.redact, *(["@secrets"] if self.secrets else [])]
        found = {
            "redact": fields or None,
            "max_result_bytes": self.max_result_bytes,
            "timeout": self.seconds,
            "dry_run": self.dry_run or None,
            "needs": self.needs if self.needs > 1 else None,
            "escalate": f"{self.escalate[0]}@{self.escalate[1]:g} s" if self.escalate else None,
            "remember": self.remember,
        }
        return {name: value for name, value in found.items() if value is not None}


def strictest(found: Iterable[Duties]) -> Duties | None:
    """All of them at once: whatever one redacts, the smallest size, the shortest time, the most people, a no to being
    remembered. None if there are none.
    """
    each = tuple(found)
    if not each:
        return None
    return Duties(
        tuple(dict.fromkeys(path for duties in each for path in duties.redact)),
        any(duties.secrets for duties in each),
        min((duties.max_result_bytes for duties in each if duties.max_result_bytes is not None), default=None),
        min((duties.seconds for duties in each if duties.seconds is not None), default=None),
        any(duties.dry_run for duties in each),
        tuple(dict.fromkeys(rule for duties in each for rule in duties.rules)),
        max(duties.needs for duties in each),
        min((duties.escalate for duties in each if duties.escalate), key=lambda to: (to[1], to[0]), default=None),
        min((duties.remember for duties in each if duties.remember is not None), default=None),
    )
