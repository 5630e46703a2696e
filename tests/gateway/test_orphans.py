"""The runs of clients whose gateway is gone are closed by another one, and nothing stays reserved for them."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import gateway.earlier as under_test
from gateway.budget import Limits, Spend
from gateway.call import Answered, Subject, outcome_to_json
from gateway.errors import StoreError
from gateway.events import Admitted, Budgeted, Cancelled, Queued, Returned, Started, event_name
from gateway.orphans import BEAT, LEASE, Watch, sweep
from gateway.store import Reserve, Settle, run_account
from gateway.store.lease import machine, owner_name
from tests.fixtures.gateway_app import App, Setup, opened

ANN = Subject("user:ann", "acme")


def within(tmp_path: Path, scenario: Callable[[App], Awaitable[None]]) -> None:
    setup = Setup(tmp_path, {})
    setup.write_policy("p, user:ann, *, echo/*, call, , allow, ann may")

    async def work() -> None:
        async with opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def test_only_the_runs_of_gateways_that_are_dead_are_swept_up(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        living = await app.clients.open(ANN, "living")
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)  # above any process number
        looped = Queued("loop", ANN.user, ANN.tenant, input="an agent's, which can be resumed")
        await app.store.append("r-loop", [looped, Started("x")], lease=None)
        await app.store.acquire("r-loop", f"{host}/{2**22 + 1}/x", 3600.0)
        swept = await asyncio.gather(sweep(app.clients), sweep(app.clients))
        assert sum(swept) >= 1
        rows = {row.id: row.status for row in await app.store.run_rows()}
        assert rows == {living.run_id: "running", "r-dead": "failed", "r-loop": "running"}
        assert await sweep(app.clients) == 0
        await living.close()

    within(tmp_path, scenario)


def test_what_a_killed_gateways_call_had_reserved_is_settled_as_made_once(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        one, other = run_account("r-dead"), "budget:b|"
        spend, free = Spend(tool_calls=1), Limits()
        admitted = Admitted("call/1", "echo/add", "{}", "pin", "policy", spend.to_json())
        told = Budgeted("call/1", {other: spend.to_json()})
        reserve = (Reserve(one, spend, free), Reserve(other, spend, free))
        await app.store.append("r-dead", [admitted, told], lease=None, changes=reserve)
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)
        await asyncio.gather(sweep(app.clients), sweep(app.clients))
        rows = [*await app.store.booked(one), *await app.store.booked(other)]
        assert [(row.account, row.used, row.reserved) for row in rows] == [(one, 1, 0), (other, 1, 0)]
        ends = [event_name(each.event) for each in await app.store.events("r-dead")]
        assert ends[-2:] == ["failed", "doubted"]  # somebody may say what became of it

    within(tmp_path, scenario)


def test_what_a_gateway_leaves_of_runs_that_people_have_ended_is_settled(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        one, spend = run_account("r-dead"), Spend(tool_calls=1)
        admitted = Admitted("call/1", "echo/add", "{}", "pin", "policy", spend.to_json())
        await app.store.append("r-dead", [admitted], lease=None, changes=[Reserve(one, spend, Limits())])
        lease = await app.store.acquire("r-dead", owner_name(), 3600.0)
        assert lease is not None
        await app.store.stop("r-dead", Cancelled("user:ann"))
        await sweep(app.clients)
        assert [(row.used, row.reserved) for row in await app.store.booked(one)] == [(0, 1)]
        await app.store.release(lease)  # nobody is at it any more
        await sweep(app.clients)
        assert [(row.used, row.reserved) for row in await app.store.booked(one)] == [(1, 0)]

    within(tmp_path, scenario)


def test_what_was_reserved_anywhere_in_a_very_long_run_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MOST_READ", 3)  # what is read of it at once
    spend = Spend(tool_calls=1)

    async def admit(app: App, number: int, *, answered: bool) -> None:
        key, other = f"call/{number}", "budget:b|"
        admitted = Admitted(key, "echo/add", "{}", "pin", "policy", spend.to_json())
        told = Budgeted(key, {other: spend.to_json()})
        reserve = (Reserve(run_account("r-dead"), spend, Limits()), Reserve(other, spend, Limits()))
        await app.store.append("r-dead", [admitted, told], lease=None, changes=reserve)
        if answered:
            returned = Returned(key, outcome_to_json(Answered({})), spend.to_json())
            settle = (Settle(run_account("r-dead"), spend, spend), Settle(other, spend, spend))
            await app.store.append("r-dead", [returned], lease=None, changes=settle)

    async def scenario(app: App) -> None:
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        for number in range(12):
            await admit(app, number, answered=number not in (0, 7, 11))
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)
        assert await sweep(app.clients) == 1
        rows = [*await app.store.booked(run_account("r-dead")), *await app.store.booked("budget:b|")]
        assert [(row.used, row.reserved) for row in rows] == [(12, 0), (12, 0)]

    within(tmp_path, scenario)


async def of_another_machine(app: App, run_id: str, seconds: float = LEASE) -> None:
    queued = Queued("client", ANN.user, ANN.tenant, input="elsewhere")
    await app.store.append(run_id, [queued, Started("x")], lease=None)
    await app.store.acquire(run_id, f"elsewhere/7/{run_id}.aa", seconds)


async def statuses(app: App) -> dict[str, str]:
    return {row.id: row.status for row in await app.store.run_rows()}


def test_of_a_gateway_elsewhere_only_its_lease_says_that_it_is_gone_and_only_to_one_who_is_well(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        mine = await app.clients.open(ANN, "mine")
        await of_another_machine(app, "r-away")
        started = (await app.store.run_row("r-away")).lease_until - round(LEASE * 1000)
        over = started + round((LEASE + BEAT) * 1000)
        clock = [over + 1000]
        assert await sweep(app.clients) == 0  # at its start a gateway knows nothing of others
        watch = Watch(app.clients, lambda: clock[0])
        assert await watch.beat() == 0
        assert await statuses(app) == {mine.run_id: "running", "r-away": "running"}
        clock[0] = over - 1000
        assert await watch.beat() == 0
        clock[0] += 2000
        assert await watch.beat() == 1
        assert await statuses(app) == {mine.run_id: "running", "r-away": "failed"}
        await mine.close()

    within(tmp_path, scenario)


def test_whether_its_lease_is_over_says_the_clock_of_the_store(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        await of_another_machine(app, "r-away")
        over = (await app.store.run_row("r-away")).lease_until + round(BEAT * 1000)
        for now, closed in ((over - 1000, 0), (over + 1000, 1)):
            app.store._now = lambda now=now: now  # type: ignore[misc] # noqa: SLF001
            assert await sweep(app.clients, elsewhere=True) == closed

    within(tmp_path, scenario)


def test_a_gateway_renews_the_leases_of_all_its_clients_and_of_nobody_else(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        mine = [await app.clients.open(ANN, "mine") for _ in range(2)]
        closed = await app.clients.open(ANN, "closed")
        await closed.close()
        await of_another_machine(app, "r-away", 5.0)
        before = {row.id: row.lease_until for row in await app.store.run_rows()}
        assert await app.store.renew_all(owner_name().rpartition(".")[0], 10 * 86_400.0) == 2
        after = {row.id: row.lease_until for row in await app.store.run_rows()}
        assert {run_id for run_id in after if after[run_id] != before[run_id]} == {run.run_id for run in mine}
        assert all(after[run.run_id] - before[run.run_id] > 8 * 86_400_000 for run in mine)
        for run in mine:
            await run.close()

    within(tmp_path, scenario)


def test_when_the_store_was_away_nobody_is_taken_for_dead_before_all_had_the_time_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(app: App) -> None:
        await of_another_machine(app, "r-away")
        watch = Watch(app.clients, lambda: 9_000_000_000_000)

        async def away(_process: str, _seconds: float) -> int:
            raise StoreError("the store is away")

        with monkeypatch.context() as patched:
            patched.setattr(app.store, "renew_all", away)
            assert [await watch.beat() for _ in range(3)] == [0, 0, 0]
        assert await watch.beat() == 0
        assert await watch.beat() == 1

    within(tmp_path, scenario)


def a_dead_owner() -> str:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return f"{machine()}/{process.pid}/0123abcd.1"


def test_a_run_whose_gateway_was_killed_before_it_had_its_lease_is_closed_too(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        for run_id, owner in (("r-dead", a_dead_owner()), ("r-alive", owner_name()), ("r-there", "there/9/x")):
            await app.store.append(run_id, [queued, Started(owner)], lease=None)
        assert await sweep(app.clients) == 1
        assert (await app.store.run_row("r-dead")).status == "failed"
        assert await sweep(app.clients, elsewhere=True) == 0  # it may just begin
        later = app.store.now() + round((LEASE + 2 * BEAT) * 1000)
        assert await sweep(app.clients, elsewhere=True, now=lambda: later) == 1
        assert (await app.store.run_row("r-alive")).status == "running"

    within(tmp_path, scenario)


def test_a_run_that_was_closed_is_nobodys(tmp_path: Path) -> None:
    """Also for those on other machines, who can't know that its owner is dead."""

    async def scenario(app: App) -> None:
        queued, dead = Queued("client", ANN.user, ANN.tenant, input="dead"), a_dead_owner()
        await app.store.append("r-dead", [queued, Started(dead)], lease=None)
        assert await app.store.acquire("r-dead", dead, 3600.0)
        assert await sweep(app.clients) == 1
        row = await app.store.run_row("r-dead")
        assert (row.status, row.owner, row.lease_until) == ("failed", None, 0)

    within(tmp_path, scenario)
