"""A question put to people about one exact call, and their answer. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

from gateway.call import Action, Arguments, Call, Subject

__all__ = ["Approval", "ApprovalState", "claim", "claim_again"]

ApprovalState = Literal["pending", "approved", "denied", "expired", "consumed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Approval:
    """Bound to who asks, in which run, for which tool (by pin) with which arguments, under which policy.

    `claim` is what may pick the answer up: the call's own key in an agent's run; for an MCP client, which comes back
    with a new request, the digest of who, what and how. `arguments` is the canonical text that will run, whatever
    comes back with the retry. Times are milliseconds since 1970 (UTC).
    """

    id: str
    claim: str
    run_id: str
    key: str
    user: str
    agent: str | None
    tenant: str
    path: str
    pin: str
    arguments: str
    digest: str
    policy: str
    rule: str | None
    why: str
    created: int
    expires: int
    state: ApprovalState = "pending"
    decided_by: str | None = None
    decided_at: int | None = None
    reason: str = ""
    action: Action = "call"

    @property
    def call(self) -> Call:
        """The exact call that will run."""
        subject = Subject(self.user, self.tenant, self.agent)
        return Call(self.run_id, self.key, subject, self.path, Arguments.parse(self.arguments), self.action)

    def allows(self, call: Call, pin: str, now: int) -> bool:
        """Whether this is the answer yes, still good, to exactly this call on exactly this tool."""
        return self.state == "approved" and now < self.expires and self.digest == call.digest and self.pin == pin

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def claim(call: Call, *, driven: bool) -> str:
    """What may pick an answer up: this call of this run where we drive it, else the same call in whatever session."""
    return call.idempotency_key if driven else call.digest


def claim_again(call: Call, *, driven: bool) -> str:
    """The same for an answer on which nothing was sent: a model that makes the same call again gives it a new key."""
    return f"{call.run_id}/{call.digest}" if driven else call.digest
