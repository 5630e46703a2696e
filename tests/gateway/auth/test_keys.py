"""API keys against a real store: known for a second, and for no longer than they are good."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.auth import Unavailable
from gateway.auth import keys as module
from gateway.auth.keys import FRESH, Keys
from gateway.call import Subject
from gateway.keys import ApiKey, Owner, minted
from gateway.store.sqlite import SqliteStore

NOW = 1_800_000_000.0
ANN = Owner("user:ann", "acme", ("use",))


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Stage:
    def __init__(self, store: SqliteStore) -> None:
        self.store, self.clock, self.wall, self.reads = store, Clock(0.0), Clock(NOW), 0
        self.keys = Keys(self._read, clock=self.clock, now=self.wall)

    async def _read(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        return await self.store.key(key_id)

    async def made(self, owner: Owner = ANN) -> tuple[str, ApiKey]:
        text, key = minted(owner, round(NOW * 1000))
        await self.store.add_key(key)
        return text, key


def within(tmp_path: Path, scenario: Callable[[Stage], Awaitable[None]]) -> None:
    store = SqliteStore(tmp_path / "store.db")
    try:
        asyncio.run(scenario(Stage(store)))  # type: ignore[arg-type] # a coroutine
    finally:
        store.close()


def test_a_key_is_its_owner_and_is_looked_up_once_in_a_second(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        text, key = await stage.made()
        for _ in range(10):
            who = await stage.keys.who(text)
            assert who
            assert (who.subject, who.scopes, who.by) == (Subject("user:ann", "acme"), {"use"}, f"API key {key.id}")
        assert stage.reads == 1
        stage.clock.now += FRESH
        assert await stage.keys.who(text)
        assert stage.reads == 2

    within(tmp_path, scenario)


def test_a_revoked_key_is_nobodys_a_second_later(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        text, key = await stage.made()
        assert await stage.keys.who(text)
        await stage.store.revoke_key(key.id)
        stage.clock.now += FRESH
        assert await stage.keys.who(text) is None
        assert await stage.keys.who(text) is None

    within(tmp_path, scenario)


def test_an_expired_key_is_nobodys_at_once_also_from_memory(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        text, _ = await stage.made(Owner("user:ann", "acme", expires=round(NOW * 1000) + 500))
        assert await stage.keys.who(text)
        stage.wall.now += 0.5
        assert await stage.keys.who(text) is None
        stage.clock.now += FRESH
        assert await stage.keys.who(text) is None

    within(tmp_path, scenario)


def test_what_is_no_key_is_not_even_looked_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        text, _ = await stage.made()
        for wrong in ("", "tg_", text[:-1], text + "0", text.upper(), text.replace("tg_", "tg__"), "tg_%_" + "0" * 64):
            assert await stage.keys.who(wrong) is None
        assert stage.reads == 0
        assert await stage.keys.who(f"{text[:-1]}{'0' if text[-1] != '0' else '1'}") is None
        assert await stage.keys.who(f"tg_{'0' * 12}_{'0' * 64}") is None
        assert stage.reads == 2

    within(tmp_path, scenario)


def test_keys_without_end_do_not_take_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)

    async def scenario(stage: Stage) -> None:
        texts = [(await stage.made())[0] for _ in range(10)]
        assert all([await stage.keys.who(text) for text in texts])
        assert len(stage.keys._seen) <= 3  # noqa: SLF001 - what is not remembered can't be seen otherwise

    within(tmp_path, scenario)


def test_a_store_that_can_not_be_read_is_no_reason_to_let_anybody_in(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    text, _ = minted(ANN, 0)
    store._reader.execute("DROP TABLE api_keys")  # noqa: SLF001 - as a broken file would
    with pytest.raises(Unavailable):
        asyncio.run(Keys(store.key).who(text))
    store.close()


def test_a_key_that_is_known_costs_next_to_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        text, _ = await stage.made()
        await stage.keys.who(text)
        spent = []
        for _ in range(10):
            begin = time.process_time()
            for _ in range(100):
                await stage.keys.who(text)
            spent.append(time.process_time() - begin)
        assert min(spent) < 0.005  # it takes about 0.2 ms; the best of ten, so that a busy machine does not matter

    within(tmp_path, scenario)
