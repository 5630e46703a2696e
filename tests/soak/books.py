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
    """One admitted call as the gateway recorded it. `at` is milliseconds since 1970; `times` counts its rounds."""

    admitted: Admitted
    at: int
    times: int = 1
    outcome: Mapping[str, Any] | None = None


async def discrepancies(store: SqliteStore, ledgers: Mapping[str, Path], seen: Seen) -> Sequence[str]:
    """Whatever does not fit, in words."""
    entries = await _entries(store)
    arrived = {name: _lines(path) for name, path in ledgers.items()}
    keys = Counter(line["key"] for lines in arrived.values() for line in lines)
    found = [flaw for name, lines in arrived.items() for line in lines for flaw in _of_line(name, line, entries)]
    found += [flaw for key, entry in entries.items() for flaw in _of_entry(key, entry, keys[key])]
    whole = (line for lines in arrived.values() for line in lines if line["what"] != "ask")  # which has two rounds
    nonces = Counter(nonce for line in whole if (nonce := _nonce(line)))
    confirmed = {nonce for nonce in seen.confirmed if nonce not in seen.rounds}
    found += [f"{nonce} succeeded and arrived {nonces[nonce]} times" for nonce in confirmed if nonces[nonce] != 1]
    found += [f"{nonce} was refused and arrived" for nonce in seen.forbidden if nonces[nonce]]
    return found


async def _entries(store: SqliteStore) -> Mapping[str, Entry]:
    """By idempotency key."""
    entries: dict[str, Entry] = {}
    for row in await store.run_rows(MOST_RUNS):
        for recorded in await store.events(row.id):
            event = recorded.event
            if isinstance(event, Admitted):
                key = f"{row.id}/{event.key}"
                first = entries.setdefault(key, Entry(event, recorded.at, 0))
                first.times += 1
            elif isinstance(event, Returned):
                entries[f"{row.id}/{event.key}"].outcome = event.outcome
    return entries


def _of_line(server: str, line: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[str]:
    entry = entries.get(line["key"])
    if entry is None:
        yield f"{server} got what was not admitted: {line}"
    elif not _same(server, line, entry.admitted):
        yield f"{server} got {line}, but admitted was {entry.admitted}"
    elif entry.at > line["at"]:
        yield f"{server} got {line} before it was admitted, at {entry.at}"


def _same(server: str, line: Mapping[str, Any], admitted: Admitted) -> bool:
    if line["method"] == "resources/read":
        return admitted.path == f"{server}/{line['what']}"
    return admitted.path == f"{server}/{line['what']}" and json.loads(admitted.arguments) == line["arguments"]


def _of_entry(key: str, entry: Entry, arrivals: int) -> Iterator[str]:
    if entry.outcome is None:
        yield f"{key} has no outcome"
        return
    kind = entry.outcome["kind"]
    all_came, one_less = arrivals == entry.times, arrivals == entry.times - 1
    fits = {"answered": all_came, "refused": all_came, "input_required": all_came, "unsent": one_less}
    if not fits.get(kind, all_came or one_less):
        yield f"{key} is recorded as {kind} ({entry.outcome.get('why')}) and arrived {arrivals} times"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _nonce(line: Mapping[str, Any]) -> str:
    return str((line["arguments"] or {}).get("nonce", ""))
