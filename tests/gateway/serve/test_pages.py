"""What anybody may see of us."""

import asyncio
import json
from typing import Any

import pytest

from gateway.auth.challenge import Challenges, Resource
from gateway.call import Subject
from gateway.errors import PolicyError, StoreError, TooNew, TooOld
from gateway.identity import Identity
from gateway.serve.pages import FRESH, Parts, Readiness, pages

ANN = Identity(Subject("user:ann", "acme"))


class Inside:
    """What readiness looks at, and a clock."""

    def __init__(self) -> None:
        self.now, self.writes = 0.0, 0
        self.broken: StoreError | None = None
        self.problem: PolicyError | None = None
        self.servers = {"echo": True, "down": False}

    async def write(self) -> None:
        self.writes += 1
        if self.broken:
            raise self.broken

    def may_use(self, subject: Subject, server: str) -> bool:
        return subject == ANN.subject or server == "echo"

    def readiness(self) -> Readiness:
        return Readiness(
            Parts(self.write, lambda: self.problem, lambda: self.servers, self.may_use, lambda: "5193e4552009"),
            clock=lambda: self.now,
        )


def shown(readiness: Readiness, who: Identity | None = None) -> tuple[int, Any]:
    response = asyncio.run(readiness.page(who))
    return response.status_code, json.loads(bytes(response.body))


def test_who_is_ready_says_what_is_up_and_names_it_only_to_somebody() -> None:
    readiness = Inside().readiness()
    ready = {"status": "ready", "store": "ok", "policy": "ok"}
    assert shown(readiness) == (200, {**ready, "servers": {"up": 1, "down": 1}})
    own = {"servers": {"echo": "up", "down": "down"}, "policy_digest": "5193e4552009"}
    assert shown(readiness, ANN) == (200, {**ready, **own})


def test_who_may_use_nothing_of_a_server_is_not_told_of_it() -> None:
    bob = Identity(Subject("user:bob", "acme"))
    assert shown(Inside().readiness(), bob)[1]["servers"] == {"echo": "up"}


def test_a_store_that_takes_no_writes_makes_us_unready_and_strangers_do_not_learn_where_it_is() -> None:
    inside = Inside()
    inside.broken = StoreError("the store `/secret/place` is full")
    status, said = shown(inside.readiness())
    assert (status, said["status"], said["store"]) == (503, "not ready", "takes no writes")
    assert "secret" not in str(said)


def test_a_broken_edit_of_the_policy_is_told_and_does_not_stop_us() -> None:
    inside = Inside()
    inside.problem = PolicyError.at("/secret/policy.csv", "is wrong", 12, 38)  # type: ignore[assignment] # a PolicyError
    status, said = shown(inside.readiness())
    assert (status, said["policy"]) == (200, "an edit is refused, the last good policy is in force")
    assert "policy_refused_at" not in said
    status, said = shown(inside.readiness(), ANN)
    assert (status, said["policy_refused_at"]) == (200, "policy.csv:12:38")
    assert "secret" not in str(said)
    assert "wrong" not in str(said)


def test_however_often_strangers_ask_the_store_is_tried_once_in_a_second() -> None:
    inside = Inside()
    readiness = inside.readiness()
    for _ in range(20):
        shown(readiness)
    assert inside.writes == 1
    inside.now += FRESH + 0.1
    inside.broken = StoreError("full")
    assert shown(readiness)[0] == 503
    assert inside.writes == 2


def test_while_the_store_does_not_answer_all_strangers_wait_for_one_attempt() -> None:
    async def scenario() -> None:
        inside, free = Inside(), asyncio.Event()

        async def slow() -> None:
            inside.writes += 1
            await free.wait()

        inside.write = slow  # type: ignore[method-assign] # the store, locked
        readiness = inside.readiness()
        asking = [asyncio.create_task(readiness.page(None)) for _ in range(50)]
        await asyncio.sleep(0)
        asking[0].cancel()  # who was first does not take the attempt along
        await asyncio.sleep(0)
        free.set()
        answers = await asyncio.gather(*asking[1:])
        assert {answer.status_code for answer in answers} == {200}
        assert inside.writes == 1

    asyncio.run(scenario())


def test_a_store_that_does_not_answer_in_time_makes_us_unready_and_is_not_tried_again_until_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.serve.pages.CHECK_SECONDS", 0.01)

    async def scenario() -> None:
        inside, free = Inside(), asyncio.Event()

        async def slow() -> None:
            inside.writes += 1
            await free.wait()

        inside.write = slow  # type: ignore[method-assign] # the store, locked
        readiness = inside.readiness()
        for _ in range(3):
            assert (await readiness.page(None)).status_code == 503
            inside.now += FRESH + 0.1
        assert inside.writes == 1
        free.set()
        assert (await readiness.page(None)).status_code == 200
        inside.now += FRESH + 0.1
        assert (await readiness.page(None)).status_code == 200
        assert inside.writes == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("error", "said"),
    [(TooNew("/secret/place"), "is of a newer version"), (TooOld("/secret/place", 17, 19), "is of an older version")],
)
def test_a_store_of_another_version_makes_us_unready_and_it_is_said_why(error: StoreError, said: str) -> None:
    inside = Inside()
    inside.broken = error
    status, told = shown(inside.readiness())
    assert (status, told["status"], told["store"]) == (503, "not ready", said)
    assert "secret" not in str(told)


def test_metadata_is_where_a_refusal_says_and_where_clients_of_a_profile_look() -> None:
    resource = Resource("https://gate.test/gw/mcp", "https://issuer.test")
    found, base = pages(Challenges(resource=resource), profiles=["stock"]), "/.well-known/oauth-protected-resource"
    places = {base, *(f"{base}{path}" for path in ("/mcp", "/mcp/stock", "/gw/mcp", "/gw/mcp/stock"))}
    assert set(found) == {"/health"} | places
    assert resource.metadata_url.removeprefix("https://gate.test") in places
    for place in places:
        assert json.loads(bytes(asyncio.run(found[place](None)).body))["resource"] == "https://gate.test/gw/mcp"


def test_only_an_oauth_resource_has_metadata() -> None:
    assert set(pages(Challenges())) == {"/health"}
    found = pages(Challenges(resource=Resource("https://gate.test/mcp", "https://issuer.test")))
    wanted = {"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"}
    assert set(found) == {"/health"} | wanted
    for path in wanted:
        response = asyncio.run(found[path](None))
        assert json.loads(bytes(response.body))["authorization_servers"] == ["https://issuer.test"]
