"""A run as it may leave this installation: no file has a credential that the configuration names."""

import json
import os
from collections.abc import Mapping
from typing import Any

from gateway.budget import Limits
from gateway.call import Subject
from gateway.config import own_secrets
from gateway.errors import StoreError
from gateway.offline import Offline
from gateway.run import ENDED
from gateway.store.approvals import approval
from gateway.visible import visible
from providers.blotting import Blotter, without

__all__ = ["packed", "taken_in"]


async def packed(offline: Offline, run_id: str, *, force: bool = False, moves: bool = False) -> dict[str, Any]:
    """What `unpack` of another store takes in. With `force`, also of a run that somebody drives; of one that `moves`,
    with its place in the queue.

    Raises UnknownRun; StoreError where a run that goes on would go on with other words than its own, or is driven.
    """
    run = await offline.run(run_id)
    pack = await offline.store.pack(run.id, force=force, moves=moves)
    shown: dict[str, Any] = without(pack, Blotter(own_secrets(offline.config, os.environ)))
    if shown == pack:
        return pack
    if run.status not in ENDED:
        why = f"{_where(pack, shown)} holds a credential of ours, which no file may have; nothing was exported"
        raise StoreError(f"{why}. Without it the run would go on with other words; one that has ended has `***` there")
    return shown | {"approvals": [*map(_about, pack["approvals"], shown["approvals"])]}


async def taken_in(offline: Offline, pack: Any, whose: Subject, by: str) -> bool:
    """Puts in what was exported elsewhere, which may spend no more than such a run here; whether it was not here
    before. It acts as the user that its file names, so whoever takes it in (`by`) says `whose` it is, too. Raises
    StoreError, Conflict.
    """
    _must_be_of(pack, whose)
    agent = str(_first(pack).get("agent") or "").removeprefix("agent:")
    own = offline.config.agents.get(agent)
    most = offline.budgets.limits_for(agent).strictest(own.budgets.limits if own else Limits())
    return await offline.store.unpack(pack, by, most)


def _must_be_of(pack: Any, whose: Subject) -> None:
    """Raises StoreError for another user's or tenant's run: a file says so of itself."""
    first = _first(pack)
    tenant, user = (str(first.get(name, own)) for name, own in (("tenant", whose.tenant), ("user", whose.user)))
    if tenant != whose.tenant:
        raise StoreError(f"this run is of the tenant `{visible(tenant)}`: to take it in, say --tenant with its name")
    if user != whose.user:
        raise StoreError(
            f"this run acts as `{visible(user)}`, its file says: to take it in as his, say --as {visible(user)}"
        )


def _first(pack: Any) -> Mapping[str, Any]:
    """Its first event, whatever a file may hold."""
    events = pack.get("events") if isinstance(pack, Mapping) else None
    return events[0] if isinstance(events, list) and events and isinstance(events[0], Mapping) else {}


def _where(pack: dict[str, Any], shown: dict[str, Any]) -> str:
    """What is not as it was: the call, or else the event."""
    for table in ("approvals", "tasks", "events"):
        for was, now in zip(pack[table], shown[table], strict=True):
            if was != now:
                return _named(was, now)
    return "it"


def _named(was: dict[str, Any], now: dict[str, Any]) -> str:
    if "key" in was:
        return f"call {was['key']}" + (f" of {was['path']}" if "path" in was else "")
    parts = zip(*((told.get("message") or {}).get("parts", ()) for told in (was, now)), strict=True)
    ids = {before.get("id") for before, after in parts if before != after}
    call = next((call for call in was.get("calls") or () if call["id"] in ids), None)
    return f"call {call['key']} of {call['path']}" if call else f"event {was['seq']} ({was['event']})"


def _about(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A row of an approval as it is shown: about the call that is shown, which nobody makes any more."""
    if was == now:
        return now
    before, after = (approval([*row.values()]) for row in (was, now))
    told = json.dumps(now)
    for old, new in ((before.call, after.call), (before.asked, after.asked)):
        told = told.replace(old.digest, new.digest)
    state = "cancelled" if before.state in ("pending", "approved") else before.state
    row: dict[str, Any] = json.loads(told)
    return row | {"state": state}
