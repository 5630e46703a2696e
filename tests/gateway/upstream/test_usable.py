"""Tools whose schema nothing can be held against are left out, each with the reason; that is found out in a thread."""

import asyncio
import threading

import pytest

from gateway import schema
from gateway.call import JsonObject, Tool, pin_of
from gateway.upstream import usable
from gateway.upstream.usable import Usable, usable_among

Seen = list[tuple[str, threading.Thread]]


def tools(*schemas: JsonObject, server: str = "s") -> dict[str, Tool]:
    definitions = [
        {"name": f"t{number}", "inputSchema": {"type": "object", **one}} for number, one in enumerate(schemas)
    ]
    return {str(one["name"]): Tool(server, str(one["name"]), one, pin_of(one)) for one in definitions}


def many(number: int, server: str = "s") -> dict[str, Tool]:
    """Of which each takes a look."""
    return tools(*({"minProperties": 0, "title": f"{server} {each}"} for each in range(number)), server=server)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Which schemas were looked at, and by which thread: one in each slice."""
    seen: Seen = []

    def unusable(_pin: str, schema: JsonObject, _seconds: float) -> None:
        seen.append((schema["title"], threading.current_thread()))

    monkeypatch.setattr(usable, "unusable", unusable)
    monkeypatch.setattr(usable, "_SLICE", 1e-9)
    return seen


def test_what_can_be_used_stays_and_the_rest_is_left_out_with_the_reason() -> None:
    fine = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    given = tools({}, fine, {"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}, {"properties": []})
    found = asyncio.run(usable_among(given))
    assert list(found.tools) == ["t0", "t1"]
    assert found.wrong == {
        "s/t2": "its `inputSchema` refers to `http://127.0.0.1:1/x`, which is not in it",
        "s/t3": "its `inputSchema` is not a JSON Schema: [] is not of type 'object'",
    }
    assert found.unseen == {}


def test_a_schema_is_looked_at_in_a_thread_and_a_plain_one_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[threading.Thread] = []
    real = schema._flaw  # noqa: SLF001 - where it runs is the question

    def flaw(*args: object) -> object:
        where.append(threading.current_thread())
        return real(*args)

    monkeypatch.setattr(schema, "_flaw", flaw)
    given = tools({"title": "plain"})
    assert asyncio.run(usable_among(given)) == Usable(given)
    assert where == []
    given = tools({"minProperties": 0, "title": "looked at in a thread"})
    assert asyncio.run(usable_among(given)) == Usable(given)
    assert where
    assert threading.main_thread() not in where


def test_what_there_is_no_time_for_is_left_out_and_not_looked_at(looks: Seen) -> None:
    given = tools({}) | {f"more {name}": tool for name, tool in many(6, "m").items()}
    found = asyncio.run(usable_among(given, 0.0))
    assert list(found.tools) == ["t0"]
    assert found.wrong == {f"m/t{number}": "its `inputSchema` takes too many steps to check" for number in range(6)}
    assert list(found.unseen) == [f"t{number}" for number in range(6)]
    assert looks == []
    assert asyncio.run(usable_among(found.unseen)) == Usable(found.unseen)
    assert len(looks) == 6


def test_all_servers_take_turns_in_one_thread(looks: Seen) -> None:
    async def scenario() -> None:
        await asyncio.gather(usable_among(many(3, "a")), usable_among(many(3, "b")), usable_among(many(1, "c")))

    asyncio.run(scenario())
    assert [title for title, _ in looks] == ["a 0", "b 0", "c 0", "a 1", "b 1", "a 2", "b 2"]
    assert len({thread for _, thread in looks}) == 1


def test_a_schema_that_takes_long_keeps_no_other_server_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is looked at in all the time that there is, those of others are through."""
    begun, go_on, given = threading.Event(), threading.Event(), list[float]()

    def unusable(_pin: str, schema: JsonObject, seconds: float) -> str | None:
        if not schema["title"].startswith("hostile"):
            return None
        given.append(seconds)
        if seconds < 1:
            return "takes too many steps to check"
        begun.set()
        assert go_on.wait(60)
        return "is bad" if schema["title"] == "hostile 0" else "takes too many steps to check"

    monkeypatch.setattr(usable, "unusable", unusable)

    async def scenario() -> None:
        hostile = asyncio.create_task(usable_among(many(2, "hostile")))
        await asyncio.to_thread(begun.wait, 60)
        assert await usable_among(many(20, "other")) == Usable(many(20, "other"))
        go_on.set()
        found = await hostile
        assert (found.tools, found.unseen) == ({}, {})
        assert [*found.wrong.values()] == [
            "its `inputSchema` is bad",
            "its `inputSchema` takes too many steps to check",
        ]

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert given == [0.03, 0.03, 2.0, 2.0]


def test_who_stops_has_no_further_schema_looked_at(monkeypatch: pytest.MonkeyPatch, looks: Seen) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_pin: str, schema: JsonObject, _seconds: float) -> None:
        looks.append((schema["title"], threading.current_thread()))
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(usable, "unusable", slow)

    async def scenario() -> None:
        looking = asyncio.create_task(usable_among(many(100, "a")))
        await asyncio.to_thread(begun.wait, 60)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        go_on.set()
        await usable_among(many(1, "b"))

    asyncio.run(scenario())
    assert [title for title, _ in looks] == ["a 0", "b 0"]


def test_who_takes_long_rests_as_long_after_each_slice(monkeypatch: pytest.MonkeyPatch, looks: Seen) -> None:
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr("gateway.upstream.usable.asyncio.sleep", sleep)
    asyncio.run(usable_among(many(3)))
    assert rests == []
    monkeypatch.setattr(usable, "AT_EASE", 0.0)
    asyncio.run(usable_among(many(3)))
    assert len(rests) == len(looks) - 3 == 3
    assert all(0.0 < each < 1.0 for each in rests)


def test_even_plain_tools_are_not_all_glanced_at_in_one_go() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        meanwhile = asyncio.create_task(others())
        await usable_among(tools(*({"title": str(number)} for number in range(1024))))
        meanwhile.cancel()

    asyncio.run(scenario())
    assert turns >= 4


def test_nor_are_long_ones_though_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them takes longer than others may be kept waiting."""
    turns, now = 0, 0.0

    def glance(_pin: str, _schema: JsonObject) -> bool:
        nonlocal now
        now += 0.01
        return True

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        meanwhile = asyncio.create_task(others())
        await usable_among(tools(*({"title": str(number)} for number in range(20))))
        meanwhile.cancel()

    monkeypatch.setattr(usable, "is_plain", glance)
    monkeypatch.setattr(usable, "_clock", lambda: now)
    asyncio.run(scenario())
    assert turns >= 20
