"""Mixed traffic at concurrency 64 through a real gateway, while its servers are killed at random.

Half a minute of it by default, 30 with `./dev test --all`, or as many as TOOLGATE_SOAK_MINUTES says. Lanes and kills
follow TOOLGATE_SEED, as far as a machine's own pace lets them.
"""

import asyncio
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.approval import Said
from gateway.store.sqlite import SqliteStore
from tests.fixtures.told import tell
from tests.soak.books import discrepancies
from tests.soak.traffic import Lane, Seen
from tests.soak.world import Gateway, Vitals, opened

LANES = 64
SEED = int(os.environ.get("TOOLGATE_SEED", "1"))
MINUTES = float(os.environ.get("TOOLGATE_SOAK_MINUTES", "30"))
MB = 1 << 20


@dataclass(frozen=True)
class Plan:
    """Seconds of each part. `growth` is how many bytes more the gateway may hold at the end than after warming up."""

    warm: float
    storm: float
    calm: float
    growth: int


async def soaked(folder: Path, plan: Plan) -> str:
    """Runs it all, and says what it was in one line."""
    async with opened(folder) as gateway:
        soak = Soak(gateway, SqliteStore(gateway.project.folder / ".toolgate" / "toolgate.db"))
        try:
            line = await soak.run(plan)
            assert gateway.stop() == 0, gateway.project.log
            await soak.check(plan)
        finally:
            soak.store.close()
    return line


def dice(what: object) -> random.Random:
    """Each has its own, so that one who is slower does not change what the others do."""
    return random.Random(f"{SEED}/{what}")  # noqa: S311 - it must come out the same again


class Soak:
    def __init__(self, gateway: Gateway, store: SqliteStore) -> None:
        self.gateway, self.store = gateway, store
        self.seen = Seen()
        self._lanes = 0
        self._names = [server.name for server in gateway.servers]

    async def run(self, plan: Plan) -> str:
        await self._traffic(plan.warm)
        before = await self.gateway.at_rest()
        storm = self.gateway.weather(dice("weather"), time.monotonic() + plan.storm)
        await asyncio.gather(self._traffic(plan.storm), storm)
        await self._all_back()
        away = sum(self.seen.away.values())
        await self._traffic(plan.calm)
        assert sum(self.seen.away.values()) == away, "calls failed although no server was killed any more"
        after = await self.gateway.at_rest(before)
        self._no_leak(before, after, plan)
        return self._told(before, after)

    async def check(self, plan: Plan) -> None:
        ledgers = {server.name: server.ledger for server in self.gateway.servers}
        assert not self.seen.wrong, "\n".join(self.seen.wrong[:20])
        found = await discrepancies(self.store, ledgers, self.seen)
        assert not found, "\n".join(found[:20])
        assert "Traceback" not in self.gateway.project.log, self.gateway.project.log[-5000:]
        assert self.gateway.kills, "nobody was killed"
        assert len(self.seen.confirmed) > self.seen.away.total(), (self.seen.done, self.seen.away)

    async def _traffic(self, seconds: float) -> None:
        until, numbers = time.monotonic() + seconds, range(self._lanes, self._lanes + LANES)
        self._lanes += LANES
        place = self.gateway.host, self.gateway.port
        lanes = [Lane(n, dice(n), place, self.seen, self._decide) for n in numbers]
        await asyncio.gather(*(lane.run(until, self._names) for lane in lanes))

    async def _decide(self, approval_id: str, decision: Said) -> None:
        await self.store.decide(approval_id, decision, "user:bob", "")

    async def _all_back(self) -> None:
        """Every server answers again."""
        for name in self._names:
            lane = Lane(self._lanes, dice(name), (self.gateway.host, self.gateway.port), Seen(), self._decide)
            self._lanes += 1
            until = time.monotonic() + 60
            while not await lane.answered(name):
                assert time.monotonic() < until, f"{name} did not come back: {self.gateway.project.log[-2000:]}"

    def _no_leak(self, before: Vitals, after: Vitals, plan: Plan) -> None:
        assert not after.more_than(before), after.more_than(before)
        assert after.pooled <= LANES * len(self._names), after.pooled
        assert after.rss - before.rss < plan.growth, self._told(before, after)

    def _told(self, before: Vitals, after: Vitals) -> str:
        return (
            f"soak, seed {SEED}: {self.seen.done.total()} actions {dict(self.seen.done)}, "
            f"{len(self.seen.confirmed)} calls succeeded, {self.seen.away.total()} found their server away, "
            f"{self.gateway.kills.total()} kills {dict(self.gateway.kills)}; "
            f"RSS {before.rss / MB:.1f} -> {after.rss / MB:.1f} MB, "
            f"fds {before.files.total()} -> {after.files.total()}, kept to servers {before.pooled} -> {after.pooled}, "
            f"tasks {before.tasks.total()} -> {after.tasks.total()}, children {before.children} -> {after.children}"
        )


def test_a_sample_of_the_soak(tmp_path: Path) -> None:
    tell(asyncio.run(soaked(tmp_path, Plan(warm=4, storm=12, calm=2, growth=64 * MB))))


@pytest.mark.soak
def test_the_soak(tmp_path: Path) -> None:
    plan = Plan(warm=min(60, MINUTES * 12), storm=MINUTES * 60, calm=10, growth=40 * MB)
    tell(asyncio.run(soaked(tmp_path, plan)))
