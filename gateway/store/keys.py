"""API keys, as functions of a ledger. The caller begins and commits."""

from collections.abc import Sequence
from typing import Any

from gateway.errors import Conflict, UnknownKey
from gateway.keys import ApiKey
from gateway.store.ledger import Ledger

__all__ = ["SELECT_KEYS", "add_key", "api_key", "revoke_key"]

_COLUMNS = tuple(ApiKey.__dataclass_fields__)
SELECT_KEYS = f"SELECT {', '.join(_COLUMNS)} FROM api_keys"  # noqa: S608 - columns of our own dataclass


def api_key(row: Sequence[Any]) -> ApiKey:
    values = dict(zip(_COLUMNS, row, strict=True))
    return ApiKey(**{**values, "scopes": tuple(values["scopes"].split())})


def add_key(db: Ledger, key: ApiKey) -> None:
    """Raises Conflict for an id that is taken."""
    marks = ", ".join("?" * len(_COLUMNS))
    values = [" ".join(key.scopes) if column == "scopes" else getattr(key, column) for column in _COLUMNS]
    sql = f"INSERT INTO api_keys ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
    if db.execute(sql, values).rowcount != 1:
        raise Conflict(f"there is an API key `{key.id}` already")


def revoke_key(db: Ledger, key_id: str, now: int) -> ApiKey:
    """Once revoked, the time stays. Raises UnknownKey."""
    db.execute("UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, key_id))
    row = db.execute(f"{SELECT_KEYS} WHERE id = ?", (key_id,)).fetchone()
    if row is None:
        raise UnknownKey(key_id)
    return api_key(row)
