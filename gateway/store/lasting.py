"""Remembered answers and delegations. The caller begins and commits.

`LastingBook` is what the rest of the program sees of them.
"""

import json
from collections.abc import Sequence
from typing import Any

from gateway.call import Subject
from gateway.errors import Conflict, UnknownLasting, Unreadable
from gateway.lasting import Delegation, Remembered
from gateway.store import Recall
from gateway.store.ledger import Ledger
from gateway.store.legible import left_out
from gateway.store.policies import Access
from gateway.store.told import BROKEN

__all__ = ["LastingBook", "keep", "recall"]

_COLUMNS = tuple(Remembered.__dataclass_fields__)
_LISTS = ("fields", "reasons")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM remembered"  # noqa: S608 - columns of our own dataclass
_INSERT = f"INSERT INTO remembered ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_DEPUTIES = tuple(Delegation.__dataclass_fields__)
_SELECT_DEPUTIES = f"SELECT {', '.join(_DEPUTIES)} FROM delegations"  # noqa: S608
_INSERT_DEPUTY = f"INSERT INTO delegations ({', '.join(_DEPUTIES)}) VALUES ({', '.join('?' * len(_DEPUTIES))})"  # noqa: S608
_TABLES = {"remembered": "remembered answer", "delegations": "delegation"}


class LastingBook:
    """Every method may raise StoreError."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def about(self, subject: Subject, path: str) -> Sequence[Remembered]:
        """What may count for a call of this subject of this tool, the newest first."""
        where = "WHERE tenant = ? AND user = ? AND path = ? AND revoked IS NULL AND until > ? ORDER BY created DESC"
        rows = self._access.read(f"{_SELECT} {where}", subject.tenant, subject.user, path, self._access.now())
        return _all_remembered(rows)

    def remembered(self, *, all_of_them: bool = False) -> Sequence[Remembered]:
        """Those in force, or all that there ever were; the newest first."""
        found = _all_remembered(self._access.read(f"{_SELECT} ORDER BY created DESC"))
        return [one for one in found if all_of_them or one.in_force(self._access.now())]

    def standing_for(self, deputy: str, tenant: str) -> Sequence[Delegation]:
        """For whom this person may decide now."""
        where = "WHERE tenant = ? AND deputy = ? AND revoked IS NULL AND until > ? ORDER BY created"
        return [Delegation(*row) for row in self._access.read(f"{_SELECT_DEPUTIES} {where}", tenant, deputy, self._now)]

    def delegations(self, *, all_of_them: bool = False) -> Sequence[Delegation]:
        """Those in force, or all that there ever were; the newest first."""
        found = [Delegation(*row) for row in self._access.read(f"{_SELECT_DEPUTIES} ORDER BY created DESC")]
        return [one for one in found if all_of_them or one.in_force(self._now)]

    async def delegate(self, delegation: Delegation) -> None:
        values = tuple(getattr(delegation, name) for name in _DEPUTIES)
        await self._access.write(lambda db: db.execute(_INSERT_DEPUTY, values).rowcount)

    async def forget(self, remembered_id: str, by: str) -> None:
        """From now on it counts for no call any more. Raises UnknownLasting."""
        await self._revoke("remembered", remembered_id, by)

    async def end(self, delegation_id: str, by: str) -> None:
        """From now on its deputy decides for nobody. Raises UnknownLasting."""
        await self._revoke("delegations", delegation_id, by)

    @property
    def _now(self) -> int:
        return self._access.now()

    async def _revoke(self, table: str, name: str, by: str) -> None:
        sql = f"UPDATE {table} SET revoked = ?, revoked_by = ? WHERE id = ? AND revoked IS NULL"  # noqa: S608 - ours
        if not await self._access.write(lambda db: db.execute(sql, (self._now, by, name)).rowcount):
            raise UnknownLasting(_TABLES[table], name)


def _all_remembered(rows: Sequence[Sequence[Any]]) -> Sequence[Remembered]:
    """Those that can be read; another one counts for no call, and is named."""
    found = []
    for row in rows:
        try:
            found.append(_remembered(row))
        except BROKEN:
            how = f"it counts for no call: `toolgate approvals forget {row[0]}` takes it back"
            left_out(Unreadable(f"the remembered answer `{row[0]}` is damaged in the store; {how}"))
    return found


def _remembered(row: Sequence[Any]) -> Remembered:
    told = dict(zip(_COLUMNS, row, strict=True))
    return Remembered(**told | {name: tuple(json.loads(told[name])) for name in _LISTS})


def keep(db: Ledger, answer: Remembered) -> None:
    told = answer.to_json() | {name: json.dumps(getattr(answer, name)) for name in _LISTS}
    db.execute(_INSERT, tuple(told[name] for name in _COLUMNS))


def recall(db: Ledger, change: Recall, now: int) -> None:
    """One more call rests on it. Raises Conflict for what is not in force any more."""
    sql = "UPDATE remembered SET uses = uses + 1 WHERE id = ? AND revoked IS NULL AND until > ?"
    if db.execute(sql, (change.remembered_id, now)).rowcount != 1:
        raise Conflict(f"`{change.remembered_id}` is not remembered any more")
