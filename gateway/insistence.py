"""A client that makes a call again which people have refused, though it was told not to; or whose run a person has
ended. Pure.

A model of ours that insists ends its run (`steps`). The run of an MCP client is the record of its session, and to end
that alone would give whoever insists a new one, with a fresh budget. So it is the session that ends: whatever it asks
for from then on is refused, its run goes on to hold that, and is a failed one when it is closed. Connections stay open,
as they are the program's and not the model's: what it lists and hears is not touched. A person who begins a new session
(another handshake; without one, after the half hour of silence that ends a run) begins anew; the refused call itself is
refused in every session, for as long as the answer stands.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from gateway.call import Action, Deny, JsonObject
from gateway.events import Denied
from gateway.refusals import denial
from gateway.steps import MAX_REFUSALS

__all__ = ["MOST", "Insistence"]

MOST = 1_000  # refused calls of one session that are told apart


class Insistence:
    """Of one session. `why` is why it has ended, if it has, and `kind` a word for that."""

    __slots__ = ("_times", "kind", "why")

    def __init__(self) -> None:
        self.why, self.kind = "", "insistence"
        self._times: dict[bytes, int] = {}

    def heard(self, fact: object) -> None:
        """What became of a call. The first refusal tells the client of it; those that follow are its own doing."""
        if not isinstance(fact, Denied) or fact.gate != "approved":
            return
        call = _digest(fact.action, fact.path, fact.arguments, fact.whole)
        times = self._times.get(call, 0) + 1
        if call in self._times or len(self._times) < MOST:
            self._times[call] = times
        if times > MAX_REFUSALS:
            again = f"a call was made {MAX_REFUSALS} times again that people had refused: `{fact.path}`"
            self.why = f"this session has ended: {again}; a person may begin another one"

    def stop(self, by: str, why: str) -> None:
        """A person has ended its run: `deny --stop`, `cancel`."""
        told = f"{by} has stopped it" + (f": {why}" if why else "")
        self.why, self.kind = f"this session has ended: {told}; a person may begin another one", "stopped"

    def refusal(self, key: str, path: str, arguments: str | bytes | JsonObject, action: Action) -> Denied:
        """What a session that has ended gets for whatever it asks."""
        return denial(key, path, arguments, Deny("approved", self.why), action)


def _digest(action: Action, path: str, arguments: str, whole: Mapping[str, Any] | None) -> bytes:
    said = f"{action} {path} {arguments} {whole or ''}"
    return hashlib.sha256(said.encode(errors="surrogatepass")).digest()
