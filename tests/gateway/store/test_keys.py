"""API keys in the store."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import Conflict, UnknownKey
from gateway.keys import ApiKey, Owner, minted
from gateway.store.database import DatabaseStore
from tests.builders import QUEUED, STARTED, Clock
from tests.fixtures.stores import Place, tables

ANN = Owner("user:ann", "acme", ("use", "more"), "a laptop", 9_000)


def kept(store: DatabaseStore, owner: Owner = ANN, created: int = 1) -> ApiKey:
    _, key = minted(owner, created)
    asyncio.run(store.add_key(key))
    return key


def test_a_key_comes_back_as_it_was(store: DatabaseStore) -> None:
    key, bare = kept(store), kept(store, Owner("user:bob", "acme"), 2)
    assert asyncio.run(store.key(key.id)) == key
    assert asyncio.run(store.keys()) == [key, bare]
    assert asyncio.run(store.key(key.id[:-1])) is None  # who presents a key presents all of it


def test_an_id_that_is_taken_is_no_place_for_another_key(store: DatabaseStore) -> None:
    key = kept(store)
    with pytest.raises(Conflict):
        asyncio.run(store.add_key(replace(key, user="user:eve")))
    assert asyncio.run(store.keys()) == [key]


def test_a_key_is_revoked_once_and_stays_so(store: DatabaseStore, clock: Clock) -> None:
    key = kept(store)
    first = asyncio.run(store.revoke_key(key.id[:8]))
    assert first.revoked
    assert not first.good(0)
    clock.now += 1000
    assert asyncio.run(store.revoke_key(key.id)) == first == asyncio.run(store.key(key.id))


@pytest.mark.parametrize("key_id", ["", "nothing", "%", "\udc80"])
def test_what_is_no_key_can_not_be_revoked(store: DatabaseStore, key_id: str) -> None:
    key = kept(store)
    with pytest.raises(UnknownKey):
        asyncio.run(store.revoke_key(key_id))
    assert asyncio.run(store.keys()) == [key]


def test_whether_it_can_be_written_is_found_out_without_a_trace(store: DatabaseStore, place: Place) -> None:
    asyncio.run(store.append("r-1", [QUEUED, STARTED], lease=None))
    before = tables(place)
    asyncio.run(store.check())
    assert tables(place) == before
