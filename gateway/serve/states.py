"""What a client carries between two rounds of a request: sealed, so that he can neither read nor change it.

A server's `requestState` is its own affair, and goes back to it as it was; but only with the same request, of the same
person at the same profile, to the same server, and in time (MCP 2026-07-28, Multi round-trip requests: Security).
"""

import base64
import hashlib
import json
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import Subject
from gateway.clients import Round
from gateway.keyring import Broken, KeyRing
from gateway.store import Once
from gateway.values import value

__all__ = ["STATE_SECONDS", "Bond", "Carried", "States"]

STATE_SECONDS = 3600.0
_PURPOSE = "toolgate request state"
_OWN = frozenset({"_meta", "inputResponses", "requestState"})  # what differs between two rounds


@value(frozen=True, slots=True)
class Bond:
    """What a state belongs to: who asks, at which profile, in which method, of what (`server/...`), with which
    parameters.
    """

    subject: Subject
    profile: str
    method: str
    path: str
    params: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        who = self.subject
        same = {key: value for key, value in self.params.items() if key not in _OWN}
        digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
        bound = [_PURPOSE, who.tenant, who.user, who.agent, self.profile, self.method, self.path, digest]
        return json.dumps(bound).encode()


@value(frozen=True, slots=True)
class Carried:
    """`state` is the server's own, `round` the one that it began; or `parked` names a call that waits here; or
    `approval` a question of our own, which is in the store.

    `again`: the server wanted pages to be visited before the request is made anew.

    `once` is what is used up by whoever comes back with it.
    """

    state: str | None = None
    round: Round | None = None
    parked: str | None = None
    approval: str | None = None
    again: bool = False
    once: Once | None = field(default=None, compare=False)


class States:
    """`clock` is seconds since 1970."""

    def __init__(self, keys: KeyRing, *, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock

    def sealed(self, carried: Carried, bond: Bond) -> str:
        further = carried.round
        text = json.dumps(
            {
                "until": self._clock() + STATE_SECONDS,
                "once": secrets.token_hex(16),
                "state": carried.state,
                "round": [further.run_id, further.key, further.number] if further else None,
                "parked": carried.parked,
                "approval": carried.approval,
                "again": carried.again,
            }
        )
        return base64.urlsafe_b64encode(self._keys.seal(text.encode(), bond.to_bytes())).decode()

    def opened(self, text: str, bond: Bond) -> Carried:
        """Raises MCPError for a state that we did not give for this request, or that is too old."""
        try:
            sealed = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
            carried = json.loads(self._keys.unseal(sealed, bond.to_bytes()))
        except (Broken, ValueError):
            raise MCPError(types.INVALID_PARAMS, "This `requestState` does not belong to this request") from None
        if carried["until"] < self._clock():
            raise MCPError(types.INVALID_PARAMS, "This `requestState` is too old; make the request again without it")
        once = Once(carried["once"], math.ceil(carried["until"] * 1000)) if "once" in carried else None
        further = Round(*carried["round"]) if carried["round"] else None
        return Carried(
            carried["state"], further, carried["parked"], carried.get("approval"), carried.get("again", False), once
        )
