"""Who is told of which change, and when a server is asked to tell."""

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Subject, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.errors import UpstreamUnavailable
from gateway.offer import Offer
from gateway.policy import Policy, load
from gateway.serve import changes as room
from gateway.serve.asking import Asker
from gateway.serve.changes import LISTS, Changes, Listener
from gateway.upstream.meter import Pace
from tests.fixtures.gateway_app import HEAD, MODEL

PATIENCE = 20.0
ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")
DEFINITION = {"name": "t", "inputSchema": {"type": "object"}}
TOOL = Tool("crm", "t", DEFINITION, pin_of(DEFINITION))
PROMPT = Offer("prompt", "crm", "p", {"name": "p"})
RESOURCE = Offer("resource", "crm", "file:///a", {"uri": "file:///a"})
TEMPLATE = Offer("template", "crm", "file:///{x}", {"uriTemplate": "file:///{x}"})


def policy(*lines: str) -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.csv"
        file.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")
        return load(MODEL, file)


WORK = ("p, user:ann, *, */*, call, , allow, ann works here",)
MORE = [f"p, user:ann, *, */*, {action}, , allow, more" for action in ("get", "read")]
WORKS = policy(*WORK)


class Servers:
    """What tells of changes, and counts who wants to hear of which resource."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.watched: Counter[tuple[str, str]] = Counter()
        self.forgotten: list[str] = []
        self.rooted: list[str] = []
        self.refuses = False
        self.policy, self.looks, self._look = WORKS, 0, asyncio.Semaphore(0)
        self._changed: list[Callable[[], None]] = []
        self._updated: list[Callable[[str, str, Subject | None], None]] = []
        self._stirred: list[Callable[[Collection[str]], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._changed.append(callback)
        return lambda: self._changed.remove(callback)

    def on_stirred(self, callback: Callable[[Collection[str]], None]) -> Callable[[], None]:
        self._stirred.append(callback)
        return lambda: self._stirred.remove(callback)

    def on_updated(self, callback: Callable[[str, str, Subject | None], None]) -> Callable[[], None]:
        self._updated.append(callback)
        return lambda: self._updated.remove(callback)

    async def subscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None:
        if self.refuses:
            raise UpstreamUnavailable(server, "it does not tell")
        self.watched[server, uri] += 1

    async def unsubscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None:
        self.watched[server, uri] -= 1

    async def roots_changed(self, key: str) -> None:
        self.rooted.append(key)

    def forget(self, key: str) -> None:
        self.forgotten.append(key)

    async def settled(self) -> Policy:
        return self.glance

    @property
    def glance(self) -> Policy:
        """The policy in force, which is looked at here."""
        self.looks += 1
        self._look.release()
        return self.policy

    async def looked(self, times: int) -> None:
        for _ in range(times):
            await self._look.acquire()

    def become(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        for callback in self._changed:
            callback()

    def stir(self, *kinds: str) -> None:
        for callback in self._stirred:
            callback(kinds)

    def update(self, uri: str, subject: Subject | None = None) -> None:
        for callback in self._updated:
            callback("crm", uri, subject)


class Ear:
    """A listener, and what he was told."""

    def __init__(
        self,
        lists: Any = LISTS,
        may_hear: Callable[[str], bool] = lambda _: True,
        subject: Subject = ANN,
        hidden: str = "nothing",
    ) -> None:
        async def may_follow(uri: str) -> bool:
            return hidden not in uri

        self.told: list[str] = []
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.listener = Listener(self._send, lists, Asker(subject), may_hear, may_follow)

    async def _send(self, method: str, params: JsonObject) -> None:
        self.told.append(" ".join([method.removeprefix("notifications/"), *params.values()]))
        self.heard.put_nowait(self.told[-1])


Scenario = Callable[[Servers, Changes], Awaitable[None]]


def within(scenario: Scenario) -> None:
    async def work() -> None:
        async with asyncio.timeout(PATIENCE):
            servers = Servers()
            await scenario(servers, Changes(servers, servers))

    asyncio.run(work())


async def told(ear: Ear) -> list[str]:
    """All that he is told until he does not listen any more."""
    ear.listener.close()
    await ear.listener.run()
    return ear.told


@pytest.mark.parametrize(
    ("catalogue", "kinds"),
    [
        (Catalogue.of([TOOL]), ["tools"]),
        (Catalogue.of([], offers=[PROMPT]), ["prompts"]),
        (Catalogue.of([], offers=[RESOURCE]), ["resources"]),
        (Catalogue.of([], offers=[TEMPLATE]), ["resources"]),
        (Catalogue.of([TOOL], offers=[PROMPT, RESOURCE]), ["tools", "prompts", "resources"]),
        (Catalogue.of([], {"shop": "it is down"}), []),
    ],
)
def test_a_listener_is_told_which_list_is_another(catalogue: Catalogue, kinds: list[str]) -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear, partial = Ear(), Ear({"prompts"})
        with changes.listening(ear.listener), changes.listening(partial.listener):
            servers.become(catalogue)
            servers.become(catalogue)
        assert await told(ear) == [f"{kind}/list_changed" for kind in kinds]
        assert await told(partial) == [f"{kind}/list_changed" for kind in kinds if kind == "prompts"]

    within(scenario)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("crm/t", "tools"), (PROMPT.label, "prompts"), (RESOURCE.label, "resources"), (TEMPLATE.label, "resources")],
)
def test_a_listener_is_told_of_what_is_held_and_of_what_is_accepted(path: str, kind: str) -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear()
        whole = Catalogue.of([TOOL], offers=[PROMPT, RESOURCE, TEMPLATE])
        servers.become(whole)
        with changes.listening(ear.listener):
            listening = asyncio.ensure_future(ear.listener.run())
            servers.become(replace(whole, held={path: "it has changed"}))
            assert await ear.heard.get() == f"{kind}/list_changed"
            servers.become(replace(whole, held={"crm/about:instructions": "and no list"}))
            assert await ear.heard.get() == f"{kind}/list_changed"
            servers.become(whole)
            ear.listener.close()
            await listening
        assert ear.heard.empty()

    within(scenario)


def test_of_many_changes_a_slow_listener_is_told_once() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear()
        with changes.listening(ear.listener):
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            for known in ([], [TOOL]) * 50:
                servers.become(Catalogue.of(known))
                servers.update("file:///a")
            assert await told(ear) == ["resources/updated file:///a", "tools/list_changed"]

    within(scenario)


def test_only_who_subscribed_is_told_of_a_resource_under_his_own_name_for_it() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear, other = Ear(), Ear()
        with changes.listening(ear.listener), changes.listening(other.listener):
            await changes.watch(ear.listener, RESOURCE, "toolgate://crm/file:///a")
            servers.update("file:///a")
            servers.update("file:///b")
            assert await told(ear) == ["resources/updated toolgate://crm/file:///a"]
            assert await told(other) == []

    within(scenario)


def test_whoever_is_subscribed_to_a_whole_is_told_of_its_parts_to_which_he_might_be() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear, named, other, bob = Ear(hidden="/hidden"), Ear(), Ear(), Ear(subject=BOB)
        ears = (ear, named, other, bob)
        with contextlib.ExitStack() as stack:
            for one in ears:
                stack.enter_context(changes.listening(one.listener))
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            await changes.watch(named.listener, RESOURCE, "toolgate://crm/file:///a")
            await changes.watch(other.listener, replace(RESOURCE, name="file:///ab"), "file:///ab")
            await changes.watch(bob.listener, RESOURCE, "file:///a")
            for uri in (
                "file:///a/b/c",
                "file:///a/hidden",
                "file:///abc",
                "file:///",
                "http:///a/b",
                "a" * 5000 + "/b",
            ):
                servers.update(uri)
            servers.update("file:///a#x", ANN)
            assert await told(ear) == ["resources/updated file:///a/b/c", "resources/updated file:///a#x"]
            assert await told(named) == [
                f"resources/updated toolgate://crm/file:///a{part}" for part in ("/b/c", "/hidden", "#x")
            ]
            assert await told(other) == []
            assert await told(bob) == [f"resources/updated file:///a{part}" for part in ("/b/c", "/hidden")]

    within(scenario)


def test_of_parts_without_end_the_whole_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PARTS", 3)

    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear()
        with changes.listening(ear.listener):
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            for number in range(50):
                servers.update(f"file:///a/{number}")
            found = await told(ear)
            assert found[1:] == [f"resources/updated file:///a/{number}" for number in range(3)]
            assert found[:1] == ["resources/updated file:///a"]

    within(scenario)


def test_of_parts_without_end_no_policy_is_asked_before_it_is_somebodys_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PARTS", 3)

    async def scenario(servers: Servers, changes: Changes) -> None:
        asked, heard = list[str](), list[str]()

        async def may_follow(uri: str) -> bool:
            asked.append(uri)
            return True

        def may_hear(path: str) -> bool:
            heard.append(path)
            return True

        async def turn() -> None:
            await turns.acquire()

        turns = asyncio.Semaphore(0)
        ear = Ear()
        ear.listener = Listener(ear._send, (), Asker(ANN), may_hear, may_follow, turn=turn)  # noqa: SLF001
        with changes.listening(ear.listener):
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            listening = asyncio.ensure_future(ear.listener.run())
            for number in range(1000):
                servers.update(f"file:///a/{number}")
                await asyncio.sleep(0)
            assert (asked, heard) == ([], ["crm/file:///a"])
            turns.release()
            assert await ear.heard.get() == "resources/updated file:///a"
            turns.release()
            assert await ear.heard.get() == "resources/updated file:///a/0"
            assert len(asked) == 1
            assert not changes._work  # noqa: SLF001
            listening.cancel()

    within(scenario)


def test_all_who_listen_take_turns_so_many_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "TURNS", Pace(2, 1 / 3600))

    async def scenario(_servers: Servers, changes: Changes) -> None:
        await changes.turn()
        await changes.turn()
        third = asyncio.ensure_future(changes.turn())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not third.done()  # his turn is in an hour
        third.cancel()

    within(scenario)


def test_whoever_may_not_read_it_any_more_is_not_told() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear(may_hear=lambda path: path != "crm/file:///a")
        with changes.listening(ear.listener):
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            servers.update("file:///a")
            assert await told(ear) == []

    within(scenario)


def test_what_nobody_wants_to_hear_any_more_is_given_back_once() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear, key = Ear(), ("crm", "file:///a")
        with changes.listening(ear.listener):
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            await changes.watch(ear.listener, RESOURCE, "file:///a")
            assert servers.watched[key] == 1
            changes.unwatch(ear.listener, key)
            changes.unwatch(ear.listener, key)
            await asyncio.sleep(0)
            assert servers.watched[key] == 0
            await changes.watch(ear.listener, RESOURCE, "file:///a")
        await asyncio.sleep(0)
        assert servers.watched[key] == 0

    within(scenario)


def test_a_server_that_refuses_leaves_no_subscription_behind() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear()
        servers.refuses = True
        with changes.listening(ear.listener):
            with pytest.raises(UpstreamUnavailable, match="does not tell"):
                await changes.watch(ear.listener, RESOURCE, "file:///a")
            assert ear.listener.uris == {}

    within(scenario)


def test_one_person_does_not_take_the_place_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 3)
    monkeypatch.setattr(room, "MOST_EACH", 2)

    async def scenario(_servers: Servers, changes: Changes) -> None:
        through_an_agent = replace(ANN, agent="agent:desk")
        with contextlib.ExitStack() as listening:
            first = listening.enter_context(contextlib.ExitStack())
            first.enter_context(changes.listening(Ear().listener))
            listening.enter_context(changes.listening(Ear(subject=through_an_agent).listener))
            with pytest.raises(MCPError, match="You listen 2 times already"):
                listening.enter_context(changes.listening(Ear().listener))
            listening.enter_context(changes.listening(Ear(subject=BOB).listener))
            with pytest.raises(MCPError, match="Nobody more can listen now"):
                listening.enter_context(changes.listening(Ear(subject=BOB).listener))
            first.close()
            listening.enter_context(changes.listening(Ear().listener))

    within(scenario)


def test_what_one_listener_and_one_person_is_subscribed_to_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_TEXT", 20)
    monkeypatch.setattr(room, "MOST_TEXT_EACH", 30)

    def resource(name: str) -> Offer:
        return replace(RESOURCE, name=name)

    async def scenario(servers: Servers, changes: Changes) -> None:
        one, other, hers = Ear().listener, Ear().listener, Ear(subject=BOB).listener
        with changes.listening(one), changes.listening(other), changes.listening(hers):
            await changes.watch(one, resource("a"), "a" * 20)
            with pytest.raises(MCPError, match="at most 20 characters in all, and those of one person 30"):
                await changes.watch(one, resource("b"), "b")
            with pytest.raises(MCPError, match="of one person 30"):
                await changes.watch(other, resource("b"), "b" * 11)
            await changes.watch(hers, resource("b"), "b" * 20)
            changes.unwatch(one, ("crm", "a"))
            await changes.watch(other, resource("b"), "b" * 11)
            assert {uri for (_, uri), count in servers.watched.items() if count} >= {"b"}

    within(scenario)


def test_at_the_end_every_listener_ends_and_whoever_comes_later_at_once() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        ear = Ear()
        with changes.listening(ear.listener):
            running = asyncio.create_task(ear.listener.run())
            await asyncio.sleep(0)
            changes.close()
            await running
        servers.become(Catalogue.of([TOOL]))
        assert ear.told == []
        late = Ear()
        with changes.listening(late.listener):
            await late.listener.run()

    within(scenario)


def test_a_list_that_changed_for_one_client_is_told_to_all_who_listen_for_it() -> None:
    async def scenario(servers: Servers, changes: Changes) -> None:
        everything, prompts = Ear(), Ear(("prompts",))
        with changes.listening(everything.listener), changes.listening(prompts.listener):
            servers.stir("tools", "prompts")
            servers.stir("tools")
            assert await told(everything) == ["tools/list_changed", "prompts/list_changed"]
            assert await told(prompts) == ["prompts/list_changed"]

    within(scenario)


def test_an_edited_policy_is_told_to_those_whose_lists_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "POLICY_LOOK", 0.01)

    async def scenario(servers: Servers, changes: Changes) -> None:
        servers.become(Catalogue.of([TOOL], offers=[PROMPT, RESOURCE]))
        ann, bob, prompts_only = Ear(), Ear(subject=BOB), Ear({"prompts"})
        with (
            changes.listening(ann.listener),
            changes.listening(bob.listener),
            changes.listening(prompts_only.listener),
        ):
            await asyncio.sleep(0)  # now they look
            servers.policy = policy(
                *WORK, *(f"p, user:ann, *, */*, {action}, , allow, more" for action in ("get", "read"))
            )
            listening = [asyncio.ensure_future(ear.listener.run()) for ear in (ann, bob, prompts_only)]
            first = {await ann.heard.get(), await ann.heard.get()}
            servers.policy = WORKS
            assert first == {await ann.heard.get(), await ann.heard.get()}
            for ear in (ann, bob, prompts_only):
                ear.listener.close()
            await asyncio.gather(*listening)
        assert first == {"prompts/list_changed", "resources/list_changed"}
        assert prompts_only.told == ["prompts/list_changed"] * 2
        assert bob.told == []

    within(scenario)


def test_the_policy_is_looked_at_only_while_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "POLICY_LOOK", 0.0)

    async def scenario(servers: Servers, changes: Changes) -> None:
        assert servers.looks == 0
        with changes.listening(Ear().listener):
            with changes.listening(Ear().listener):
                await servers.looked(3)
            await servers.looked(3)
        seen = servers.looks
        for _ in range(100):
            await asyncio.sleep(0)
        assert servers.looks == seen

    within(scenario)
