"""After the traffic: what the servers wrote down, against what the gateway recorded. Both must tell one story."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.events import Admitted, Returned
from gateway.store.sqlite import SqliteStore
from tests.soak.traffic import Seen

__all__ = ["discrepancies"]

MOST_RUNS = 1_000_000


@dataclass
class Entry:
    """One admitted call as the gateway recorded it. `at` is milliseconds since 1970."""

    admitted: Admitted
    at: int
    outcome: Mapping[str, Any] | None = None


async def discrepancies(store: SqliteStore, ledgers: Mapping[str, Path], seen: Seen) -> Sequence[str]:
    """Whatever does not fit, in words."""
    entries = await _entries(store)
    arrived = {name: _lines(path) for name, path in ledgers.items()}
    keys = Counter(line["key"] for lines in arrived.values() for line in lines)
    found = [f"{key} arrived {times} times" for key, times in keys.items() if times > 1]
    found += [flaw for name, lines in arrived.items() for line in lines for flaw in _of_line(name, line, entries)]
    found += [flaw for key, entry in entries.items() for flaw in _of_entry(key, entry, keys[key])]
    nonces = Counter(nonce for lines in arrived.values() for line in lines if (nonce := _nonce(line)))
    found += [f"{nonce} succeeded and arrived {nonces[nonce]} times" for nonce in seen.confirmed if nonces[nonce] != 1]
    found += [f"{nonce} was refused and arrived" for nonce in seen.forbidden if nonces[nonce]]
    return found


async def _entries(store: SqliteStore) -> Mapping[str, Entry]:
    """By idempotency key."""
    entries: dict[str, Entry] = {}
    for row in await store.run_rows(MOST_RUNS):
        for recorded in await store.events(row.id):
            event = recorded.event
            if isinstance(event, Admitted):
                entries[f"{row.id}/{event.key}"] = Entry(event, recorded.at)
            elif isinstance(event, Returned):
                entries[f"{row.id}/{event.key}"].outcome = event.outcome
    return entries


def _of_line(server: str, line: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[str]:
    entry = entries.get(line["key"])
    if entry is None:
        yield f"{server} got what was not admitted: {line}"
    elif entry.admitted.path != f"{server}/{line['what']}" or json.loads(entry.admitted.arguments) != line["arguments"]:
        yield f"{server} got {line}, but admitted was {entry.admitted}"
    elif entry.at > line["at"]:
        yield f"{server} got {line} before it was admitted, at {entry.at}"


def _of_entry(key: str, entry: Entry, arrivals: int) -> Iterator[str]:
    if entry.outcome is None:
        yield f"{key} has no outcome"
        return
    kind = entry.outcome["kind"]
    fits = {"answered": arrivals == 1, "refused": arrivals == 1, "unsent": arrivals == 0}
    if not fits.get(kind, True):
        yield f"{key} is recorded as {kind} ({entry.outcome.get('why')}) and arrived {arrivals} times"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _nonce(line: Mapping[str, Any]) -> str:
    return str((line["arguments"] or {}).get("nonce", ""))
