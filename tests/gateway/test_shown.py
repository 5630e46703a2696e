"""What a client is shown is what it may use with some arguments, and nothing of the rest."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.call import Subject
from gateway.clients import ClientRun, Seat
from gateway.events import Denied, Returned
from gateway.profile import Profile
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import ECHO, hostile

ANN, EVE = Subject("user:ann", "acme"), Subject("user:eve", "acme")
POLICY = (
    "p, user:ann, *, echo/*, call, , allow, ann may",
    "p, *, *, echo/add, call, , ask, sums need a second person",
    "p, *, *, echo/grow, call, args.by > 10, deny, growing is limited",
    "p, *, *, echo/rich, call, 'echo' in run.servers, deny, not after echo was read",
    "p, *, *, echo/env, call, , deny, the environment is private",
    "p, user:ann, *, down/*, call, , allow, ann may",
)
SERVERS = {"echo": spec("echo", ECHO), "down": spec("down", hostile("crash-on-start"))}


def within(tmp_path: Path, scenario: Callable[[App], Awaitable[None]]) -> None:
    setup = Setup(tmp_path, SERVERS)
    setup.write_policy(*POLICY)

    async def work() -> None:
        async with opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def test_the_tools_of_a_server_that_is_missing_are_missing_and_not_unheard_of(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            for name in ("down__act", "down/act"):
                result = await run.call(name, {})
                assert isinstance(result, Denied)
                assert result.why == "server `down` is not available: it exited with code 3"
                assert run.offers(result.path)
            assert run.missing() == {"down": "it exited with code 3"}
            assert "it said: " in app.upstreams.catalogue.missing["down"]

    within(tmp_path, scenario)


def test_a_server_that_is_missing_is_unheard_of_for_those_who_may_use_nothing_of_it(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(EVE, "x") as run:
            assert run.missing() == {}
            for name in ("down__act", "down/act", "nowhere/act"):
                result = await run.call(name, {})
                assert isinstance(result, Denied)
                assert (result.gate, result.why.startswith("there is no tool `")) == ("known", True)
                assert run.hides(result)

    within(tmp_path, scenario)


def test_what_is_offered_is_what_is_listed_and_callable_for_some_arguments(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        ann, eve = (ClientRun(app.clients, Seat("", subject)) for subject in (ANN, EVE))
        listed = [tool.path for _, tool in ann.tools()]
        assert listed == sorted(listed)
        assert {"echo/grow", "echo/add"} <= set(listed)
        assert "echo/env" not in listed
        assert list(eve.tools()) == []
        everything = app.upstreams.catalogue.tools
        assert [path for path in everything if ann.offers(path)] == listed
        assert not any(eve.offers(path) for path in everything)
        assert not ann.offers("echo/nil")

    within(tmp_path, scenario)


def test_outside_of_the_profile_nothing_is_listed_or_called(tmp_path: Path) -> None:
    part = Profile("part", tools=["echo/e*"])

    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x", part) as run:
            assert [tool.path for _, tool in run.tools()] == ["echo/echo"]  # `env` is in the profile, and denied
            assert isinstance(await run.call("echo__echo", {"text": "x"}), Returned)
            for name in ("echo__count", "echo/count", "echo__grow", "down/x", "down__x"):
                denied = await run.call(name, {})
                assert isinstance(denied, Denied)
                assert denied.gate == "known"
                assert not run.offers(denied.path)
            denied = await run.call("echo/env", {})
            assert isinstance(denied, Denied)
            assert denied.gate == "permitted"
        async with app.clients.run(ANN, "x") as whole:
            answer = await whole.call("echo__count", {})
            assert isinstance(answer, Returned)
            assert answer.outcome["result"]["content"][0]["text"] == "1"  # nothing else had reached the server

    within(tmp_path, scenario)
