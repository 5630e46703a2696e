"""Which run a request belongs to, and when a run ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mcp_types as types
import pytest

from gateway.call import Subject
from gateway.clients import ClientRun
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Admitted, Cancelled, Denied, Failed, LimitsRaised, Queued, Returned
from gateway.profile import Profile
from gateway.serve import sessions as under_test
from gateway.serve.asking import ASKER, Asker
from gateway.serve.server import client_of
from gateway.serve.sessions import IDLE_SECONDS, Client, Sessions
from tests.fixtures.gateway_app import App, Setup, opened
from tests.fixtures.served import LEGACY, MODERN

ANN = Asker(Subject("user:ann", "acme"))


def sent(headers: dict[str, str], asker: Asker) -> Any:
    """A request that came through the door."""
    return SimpleNamespace(headers=headers, scope={"state": {ASKER: asker}})


def modern(name: str = "editor", session: str | None = None, asker: Asker = ANN) -> Client:
    """Who sent a request with this context."""
    headers = {"mcp-session-id": session} if session else {}
    params = {"_meta": {types.CLIENT_INFO_META_KEY: {"name": name, "version": "1"}}}
    context = SimpleNamespace(
        protocol_version=MODERN,
        params=params,
        request=sent(headers, asker),
        session=SimpleNamespace(client_params=None),
    )
    return client_of(context, None if context.request else ANN)


def legacy(session: str | None, name: str = "editor", asker: Asker = ANN) -> Client:
    client = SimpleNamespace(client_info=SimpleNamespace(name=name))
    request = sent({"mcp-session-id": session}, asker) if session else None
    context = SimpleNamespace(
        protocol_version=LEGACY, params={}, request=request, session=SimpleNamespace(client_params=client)
    )
    return client_of(context, None if context.request else ANN)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def within(tmp_path: Path, scenario: Callable[[App, Sessions, Clock], Awaitable[None]]) -> None:
    """Runs the scenario with real clients over a real store, and no servers."""
    setup = Setup(tmp_path)
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")

    async def work() -> None:
        async with opened(setup) as app:
            clock = Clock()
            sessions = Sessions(app.clients, clock=clock)
            try:
                await scenario(app, sessions, clock)
            finally:
                await sessions.close()

    asyncio.run(work())


@contextlib.asynccontextmanager
async def turned(sessions: Sessions, client: Client) -> AsyncIterator[ClientRun]:
    with sessions.run(client) as turn:
        yield turn.run or await turn.begun()


async def run_id(sessions: Sessions, context: Any) -> str:
    async with turned(sessions, context) as run:
        return run.run_id


async def statuses(app: App) -> dict[str, str]:
    return {row.id: row.status for row in await app.store.run_rows()}


def test_all_that_one_modern_client_sends_is_one_run(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        ids = await asyncio.gather(*(run_id(sessions, modern()) for _ in range(5)))
        assert len(set(ids)) == 1
        assert await run_id(sessions, modern("other")) not in ids
        assert len(await app.store.run_rows()) == 2

    within(tmp_path, scenario)


READING = (
    Admitted("call/1", "mail/read", "{}", "pin", "policy", {}),
    Returned("call/1", {"kind": "answered", "result": {}}, {}, tainting=True),
)


async def brought(app: App, sessions: Sessions, context: Any) -> bool:
    """Whether the run that is opened now is tainted from its beginning."""
    first = (await app.store.events(await run_id(sessions, context)))[0].event
    assert isinstance(first, Queued)
    assert first.servers == (["mail"] if first.tainted else [])
    return first.tainted


@pytest.mark.parametrize("before", [modern(), legacy("s0")])
@pytest.mark.parametrize(
    ("context", "tainted"),
    [
        (modern(), True),
        (modern("other"), False),
        (legacy("s1"), True),
        (legacy("s1", "other"), False),
        (legacy(None), False),
    ],
)
def test_what_a_client_has_read_outlives_the_gateway_that_served_it(
    tmp_path: Path, before: Any, context: Any, tainted: bool
) -> None:
    """Also where he shakes hands again: with the gateway his session was lost, in the middle of his work."""

    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        await app.store.append(await run_id(sessions, before), list(READING), lease=None)
        another = Sessions(app.clients, clock=clock)
        assert await brought(app, another, context) is tainted
        await another.close()

    within(tmp_path, scenario)


def test_a_session_beside_another_has_read_nothing_nor_has_one_long_after_the_start(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        await app.store.append(await run_id(sessions, legacy("s0")), list(READING), lease=None)
        assert not await brought(app, sessions, legacy("s1"))
        another = Sessions(app.clients, clock=clock)
        clock.now += IDLE_SECONDS + 1
        assert not await brought(app, another, legacy("s2"))
        await another.close()

    within(tmp_path, scenario)


def test_a_look_back_that_failed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is full")

    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        await app.store.append(await run_id(sessions, legacy("s0")), list(READING), lease=None)
        another = Sessions(app.clients, clock=clock)
        with monkeypatch.context() as patched:
            patched.setattr(under_test, "read_until", fails)
            with pytest.raises(StoreError):
                await run_id(another, legacy("s1"))
        assert await brought(app, another, legacy("s1"))
        await another.close()

    within(tmp_path, scenario)


def test_what_is_one_persons_is_never_anothers_whatever_it_is_called(tmp_path: Path) -> None:
    bob, other = Asker(Subject("user:bob", "acme")), Asker(Subject("user:ann", "globex"))
    part = Asker(ANN.subject, Profile("part", ["echo"]))

    async def scenario(_app: App, sessions: Sessions, _clock: Clock) -> None:
        askers = (ANN, bob, other, part)
        for context in (modern, legacy):
            ids = [await run_id(sessions, context("same", asker=asker)) for asker in askers]
            assert len(set(ids)) == len(askers)
            assert ids == [await run_id(sessions, context("same", asker=asker)) for asker in askers]
        async with turned(sessions, modern("same", asker=bob)) as run:
            assert run.subject == bob.subject

    within(tmp_path, scenario)


def test_a_session_of_the_handshake_is_a_run(tmp_path: Path) -> None:
    async def scenario(_app: App, sessions: Sessions, _clock: Clock) -> None:
        assert await run_id(sessions, legacy("s1")) == await run_id(sessions, legacy("s1"))
        assert await run_id(sessions, legacy("s1")) != await run_id(sessions, legacy("s2"))
        assert await run_id(sessions, legacy(None)) == await run_id(sessions, legacy(None))  # stdio

    within(tmp_path, scenario)


def test_a_modern_client_does_not_get_into_a_session_by_naming_it(tmp_path: Path) -> None:
    async def scenario(_app: App, sessions: Sessions, _clock: Clock) -> None:
        assert await run_id(sessions, legacy("s1")) != await run_id(sessions, modern("thief", session="s1"))
        assert await run_id(sessions, legacy("s1")) != await run_id(sessions, modern("s1"))

    within(tmp_path, scenario)


def test_what_a_client_calls_itself_is_a_title_and_nothing_more(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        for name in ("role:admin", "x" * 5000, "\x1b[2J", ""):
            async with turned(sessions, modern(name)) as run:
                assert run.subject == Subject("user:ann", "acme")
        titles = [row.title for row in await app.store.run_rows()]
        assert not any("\x1b" in title or len(title) > 80 for title in titles)
        assert {"role:admin", "an MCP client"} <= set(titles)

    within(tmp_path, scenario)


def test_a_client_that_is_silent_for_long_has_gone(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        silent, busy = await run_id(sessions, modern("silent")), await run_id(sessions, modern("busy"))
        clock.now = IDLE_SECONDS
        assert await run_id(sessions, modern("busy")) == busy
        clock.now += 1
        await run_id(sessions, modern("new"))
        await sessions.close()
        assert await statuses(app) | {silent: "succeeded"} == await statuses(app)
        assert await run_id(sessions, modern("silent")) != silent

    within(tmp_path, scenario)


def test_a_run_with_a_call_under_way_is_not_ended(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        async with turned(sessions, modern("slow")) as run:
            clock.now = IDLE_SECONDS * 2
            await run_id(sessions, modern("new"))
            assert (await statuses(app))[run.run_id] == "running"

    within(tmp_path, scenario)


def test_names_without_end_do_not_open_runs_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MAX_RUNS", 3)

    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        first = await run_id(sessions, modern("first"))
        for number in range(6):
            await run_id(sessions, modern(f"name {number}"))
            assert await run_id(sessions, modern("first")) == first  # used, so kept
        running = [status for status in (await statuses(app)).values() if status == "running"]
        assert len(running) <= 4  # three, and one that is just being ended

    within(tmp_path, scenario)


def test_who_takes_many_names_takes_nobody_elses_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MAX_EACH", 3)
    bob = Asker(Subject("user:bob", "acme"))

    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        others = await run_id(sessions, modern("old"))
        for number in range(9):
            await run_id(sessions, modern(f"name {number}", asker=bob))
        assert await run_id(sessions, modern("old")) == others
        bobs = [row for row in await app.store.run_rows() if row.user == "user:bob" and row.status == "running"]
        assert len(bobs) <= 4  # three, and one that is just being ended

    within(tmp_path, scenario)


def test_a_run_that_was_lost_is_replaced(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        lost = await run_id(sessions, modern())
        await app.store.append(lost, [Failed("lost", "the gateway was killed")], lease=None)
        with pytest.raises(IllegalEvent):
            async with turned(sessions, modern()) as run:
                await run.call("nothing", {})
        assert await run_id(sessions, modern()) != lost

    within(tmp_path, scenario)


def test_whose_run_a_person_has_ended_begins_anew_in_another_session_or_after_half_an_hour_of_silence(
    tmp_path: Path,
) -> None:
    async def call(sessions: Sessions, client: Client) -> str:
        async with turned(sessions, client) as run:
            said = await run.call("nothing", {})
            assert isinstance(said, Denied)
            return said.why

    async def scenario(app: App, sessions: Sessions, clock: Clock) -> None:
        for client in (modern(), legacy("s-1")):
            ended = await run_id(sessions, client)
            await app.store.append(ended, [Cancelled("user:bob", "enough")], lease=None)
            with contextlib.suppress(IllegalEvent):  # what is noted beside its calls
                async with turned(sessions, client) as run:
                    await run.record([LimitsRaised({}, "user:ann")])
            for _ in range(3):
                assert "user:bob has stopped it: enough" in await call(sessions, client)
        assert "there is no" in await call(sessions, legacy("s-2"))
        before = await run_id(sessions, modern())
        clock.now += IDLE_SECONDS + 1
        assert "there is no" in await call(sessions, modern())
        assert await run_id(sessions, modern()) != before

    within(tmp_path, scenario)


def test_a_run_that_could_not_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        with monkeypatch.context() as broken:

            async def full(*_: Any, **__: Any) -> int:
                raise StoreError("the disk is full")

            broken.setattr(app.store, "append", full)
            with pytest.raises(StoreError, match="disk is full"):
                await run_id(sessions, modern())
        assert await run_id(sessions, modern())

    within(tmp_path, scenario)


def test_a_client_that_gives_up_its_first_call_takes_no_other_call_along(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        impatient = asyncio.create_task(run_id(sessions, modern()))
        patient = asyncio.create_task(run_id(sessions, modern()))
        await asyncio.sleep(0)
        impatient.cancel()
        kept = await patient
        assert list(await statuses(app)) == [kept]

    within(tmp_path, scenario)


def test_at_the_end_every_run_is_closed_and_what_can_not_be_closed_is_left(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        one, two = await run_id(sessions, modern("one")), await run_id(sessions, modern("two"))
        await app.store.append(one, [Cancelled("user:bob")], lease=None)
        await sessions.close()
        assert await statuses(app) == {one: "cancelled", two: "succeeded"}

    within(tmp_path, scenario)


def test_looking_opens_no_run(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        assert list(sessions.viewer(modern()).tools()) == []
        assert await statuses(app) == {}

    within(tmp_path, scenario)


def test_a_line_about_a_run_is_asked_of_the_run_that_the_client_has(tmp_path: Path) -> None:
    async def scenario(_app: App, sessions: Sessions, _clock: Clock) -> None:
        async with turned(sessions, modern()) as run:
            run.taint()
        assert (await sessions.viewer(modern()).work()).place.tainted
        assert not (await sessions.viewer(modern("another")).work()).place.tainted

    within(tmp_path, scenario)


def test_what_counts_is_when_somebody_last_showed_who_he_is(tmp_path: Path) -> None:
    async def scenario(_app: App, sessions: Sessions, _clock: Clock) -> None:
        seen = []
        for since in (None, 100.0, 200.0, 150.0, None):
            asker = Asker(Subject("user:ann", "acme", since=since))
            async with turned(sessions, modern(asker=asker)) as run:
                seen.append((await run.work()).place.subject.since)
        assert seen == [None, 100.0, 200.0, 200.0, 200.0]

    within(tmp_path, scenario)


def test_a_run_is_a_clients(tmp_path: Path) -> None:
    async def scenario(app: App, sessions: Sessions, _clock: Clock) -> None:
        events = await app.store.events(await run_id(sessions, modern("editor")))
        queued = events[0].event
        assert isinstance(queued, Queued)
        assert (queued.driver, queued.user, queued.tenant, queued.input) == ("client", "user:ann", "acme", "editor")

    within(tmp_path, scenario)
