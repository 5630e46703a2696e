"""Tools whose schema nothing can be held against are left out, each with the reason; that is found out in a thread."""

import asyncio
import threading

import pytest

from gateway import schema
from gateway.call import JsonObject, Tool, pin_of
from gateway.upstream.usable import usable_among


def tools(*schemas: JsonObject) -> dict[str, Tool]:
    definitions = [
        {"name": f"t{number}", "inputSchema": {"type": "object", **one}} for number, one in enumerate(schemas)
    ]
    return {str(one["name"]): Tool("s", str(one["name"]), one, pin_of(one)) for one in definitions}


def test_what_can_be_used_stays_and_the_rest_is_left_out_with_the_reason() -> None:
    fine = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    given = tools({}, fine, {"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}, {"properties": []})
    usable, wrong = asyncio.run(usable_among(given))
    assert list(usable) == ["t0", "t1"]
    assert wrong == {
        "s/t2": "its `inputSchema` refers to `http://127.0.0.1:1/x`, which is not in it",
        "s/t3": "its `inputSchema` is not a JSON Schema: [] is not of type 'object'",
    }


def test_a_schema_is_looked_at_in_a_thread_and_a_plain_one_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[threading.Thread] = []
    real = schema._flaw  # noqa: SLF001 - where it runs is the question

    def flaw(*args: object) -> object:
        where.append(threading.current_thread())
        return real(*args)

    monkeypatch.setattr(schema, "_flaw", flaw)
    given = tools({"title": "plain"})
    assert asyncio.run(usable_among(given)) == (given, {})
    assert where == []
    given = tools({"minProperties": 0, "title": "looked at in a thread"})
    assert asyncio.run(usable_among(given)) == (given, {})
    assert where
    assert threading.main_thread() not in where


def test_all_that_a_server_lists_has_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"p{number}": {"type": "string", "pattern": "^a"} for number in range(100)}
    given = tools(*({"properties": names, "title": f"one of many, {number}"} for number in range(6)))
    monkeypatch.setattr("gateway.upstream.usable._SECONDS", 0.0)
    usable, wrong = asyncio.run(usable_among(given))
    assert usable == {}
    assert set(wrong.values()) == {"its `inputSchema` takes too many steps to check"}
    monkeypatch.undo()
    assert asyncio.run(usable_among(given)) == (given, {})
