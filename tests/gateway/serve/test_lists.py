"""A plain `tools/list` without the SDK's application: the same bytes, for as long as they are true and no longer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp_types import PROTOCOL_VERSION_META_KEY

from gateway.call import Subject
from gateway.policy import LivePolicy
from gateway.serve.asgi import App, dumped
from gateway.serve.asking import Asker
from gateway.serve.lists import Lists
from gateway.serve.sessions import Client
from gateway.uris import Uris
from tests.fixtures.asgi import Answer, ask
from tests.fixtures.gateway_app import HEAD
from tests.fixtures.served import MODERN, request
from tests.gateway.serve.test_direct import Desk, at_desk, eras, headers

STAMP = {"name": "toolgate", "version": "0"}


async def listed(made: Desk, way: App, era: str, **more: Any) -> Answer:
    """`more` are members of the message, or headers in lower case with `_` for `-`."""
    given = await made.era(era)
    given.pop(b"mcp-name", None)
    if era == "modern":
        given[b"mcp-method"] = b"tools/list"
    message = {**request("tools/list", None, era, 7), **more}
    return await ask(way, list(given.items()), dumped(message))


async def at_once(_method: str, _client: Client) -> None:
    """Nothing has to be waited for."""


def names(answer: Answer) -> list[str]:
    return [tool["name"] for tool in answer.message["result"]["tools"]]


@eras
def test_both_ways_say_the_same_to_the_byte(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        first, again = await listed(made, made.direct, era), await listed(made, made.direct, era)
        assert made.inner.count == 0
        other = await listed(made, made.sdk, era)
        assert first.body == again.body == dumped(other.message)
        assert (first.status, first.headers["content-type"]) == (200, "application/json")
        assert "echo__env" not in names(first)
        assert "echo__echo" in names(first)
        assert ("ttlMs" in first.message["result"]) == (era == "modern")

    at_desk(tmp_path, scenario)


@eras
def test_a_missing_server_is_told(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        direct, other = await listed(made, made.direct, era), await listed(made, made.sdk, era)
        assert direct.message["result"]["_meta"]["toolgate/missing"] == {"down": "nobody answers at its address"}
        assert direct.body == dumped(other.message)

    at_desk(tmp_path, scenario, more=DOWN)


DOWN = {"down": {"url": "http://127.0.0.1:9/mcp"}}


@eras
def test_a_missing_server_is_told_only_to_those_who_may_use_anything_of_it(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        for lines, told in (("echo/echo", False), ("down/x", True), ("echo/echo", False)):
            (tmp_path / "policy.csv").write_text(HEAD + f"p, *, *, {lines}, call, , allow, this one\n")
            for way in (made.direct, made.sdk):
                answer = await listed(made, way, era)
                assert (b"down" in answer.body) is told, (lines, way)

    at_desk(tmp_path, scenario, more=DOWN)


@eras
def test_a_policy_that_changes_changes_the_list(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        assert "echo__add" in names(await listed(made, made.direct, era))
        (tmp_path / "policy.csv").write_text(HEAD + "p, *, *, echo/echo, call, , allow, this one\n")
        assert names(await listed(made, made.direct, era)) == ["echo__echo"]
        (tmp_path / "policy.csv").write_text(HEAD + "p, user:bob, *, echo/echo, call, , allow, his\n")
        assert names(await listed(made, made.direct, era)) == []

    at_desk(tmp_path, scenario)


def test_a_catalogue_that_changes_changes_the_list(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        before = await listed(made, made.direct, "modern")
        await listed(made, made.direct, "modern")
        upstreams: Any = made.app.upstreams
        known = upstreams._catalogue  # noqa: SLF001 - no server of ours changes a definition when it is told to
        tools = dict(known.tools)
        changed = {**tools["echo/echo"].definition, "description": "another"}
        tools["echo/echo"] = replace(tools["echo/echo"], definition=changed)
        upstreams._catalogue = replace(known, tools=tools)  # noqa: SLF001
        after = await listed(made, made.direct, "modern")
        assert names(after) == names(before)
        assert b'"another"' in after.body
        assert after.body == dumped((await listed(made, made.sdk, "modern")).message)

    at_desk(tmp_path, scenario)


def test_a_user_interface_that_another_server_names_too_is_another_one_in_the_list(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        upstreams: Any = made.app.upstreams
        known, uri = upstreams._catalogue, "ui://dash"  # noqa: SLF001 - no server of ours changes when it is told to
        tools = dict(known.tools)
        meta = {"_meta": {"ui": {"resourceUri": uri}}}
        tools["echo/echo"] = replace(tools["echo/echo"], definition={**tools["echo/echo"].definition, **meta})
        for others, told in ((set(), uri), ({("other", uri)}, "ui://toolgate/echo/dash"), (set(), uri)):
            uris = Uris.of([], {"echo": True, "other": True}, {("echo", uri), *others})
            upstreams._catalogue = replace(known, tools=tools, uris=uris)  # noqa: SLF001
            answer = await listed(made, made.direct, "modern")
            (tool,) = [tool for tool in answer.message["result"]["tools"] if tool["name"] == "echo__echo"]
            assert tool["_meta"]["ui"]["resourceUri"] == told
            assert answer.body == dumped((await listed(made, made.sdk, "modern")).message)

    at_desk(tmp_path, scenario)


UNUSUAL: Mapping[str, Mapping[str, Any]] = {
    "a cursor": {"params": {"cursor": "x"}},
    "a parameter that nobody knows": {"params": {"more": 1}},
    "a token that is none": {"params": {"_meta": {"progressToken": True}}},
    "a member that nobody knows": {"more": 1},
}


@eras
@pytest.mark.parametrize("case", UNUSUAL)
def test_what_is_out_of_the_ordinary_is_the_sdks_affair(tmp_path: Path, era: str, case: str) -> None:
    async def scenario(made: Desk) -> None:
        more = dict(UNUSUAL[case])
        if era == "modern" and "params" in more:
            meta = request("tools/list", None, era)["params"]["_meta"]
            more["params"] = {**more["params"], "_meta": {**meta, **more["params"].get("_meta", {})}}
        direct = await listed(made, made.direct, era, **more)
        assert made.inner.count == 1
        other = await listed(made, made.sdk, era, **more)
        assert (direct.status, direct.message) == (other.status, other.message)

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("said", [{}, {b"mcp-method": b"tools/call"}, {b"accept": b"application/json"}])
def test_headers_that_do_not_fit_are_the_sdks_affair(tmp_path: Path, said: Mapping[bytes, bytes]) -> None:
    async def scenario(made: Desk) -> None:
        given = {**headers("modern"), b"mcp-method": b"tools/list", **said}
        given.pop(b"mcp-name")
        if not said:
            given.pop(b"mcp-protocol-version")
        await ask(made.direct, list(given.items()), dumped(request("tools/list", None, "modern")))
        assert made.inner.count == 1

    at_desk(tmp_path, scenario)


def test_a_version_in_the_envelope_that_is_not_the_headers_is_the_sdks_affair(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        message = request("tools/list", None, "modern")
        message["params"]["_meta"][PROTOCOL_VERSION_META_KEY] = "2025-11-25"
        given = {**headers("modern"), b"mcp-method": b"tools/list"}
        given.pop(b"mcp-name")
        answer = await ask(made.direct, list(given.items()), dumped(message))
        assert made.inner.count == 1
        assert answer.status == 400

    at_desk(tmp_path, scenario)


def test_nobody_is_shown_what_another_may_see(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        lines = "p, user:ann, *, echo/*, call, , allow, hers\np, user:bob, *, echo/echo, call, , allow, his\n"
        (tmp_path / "policy.csv").write_text(HEAD + lines)
        await made.app.sessions.clients.policy.settled()
        lists = Lists(made.app.sessions, at_once)

        def seen(user: str, tenant: str = "acme") -> list[str]:
            client = Client.named(Asker(Subject(user, tenant)), "x", stateless=True)
            return [tool["name"] for tool in json.loads(b"".join(lists.tools(client, MODERN, STAMP)))["tools"]]

        for _ in range(2):
            assert seen("user:bob") == ["echo__echo"]
            assert len(seen("user:ann")) > 1
            assert seen("user:eve") == []

    at_desk(tmp_path, scenario)


def test_a_policy_that_looks_at_the_clock_is_asked_anew_each_second(tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text(HEAD + "p, *, *, */*, call, now.hour < 9, allow, early\n")
    model = Path(__file__).parents[3] / "policies" / "model.conf"
    assert LivePolicy(model, path).current.timed
    path.write_text(HEAD + "p, *, *, */*, call, args.now > 9, allow, whenever\n")
    assert not LivePolicy(model, path).current.timed


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.serve.lists.MOST_KEPT", 10_000)
    monkeypatch.setattr("gateway.serve.lists.MOST_ASKERS", 3)

    async def scenario(made: Desk) -> None:
        tools = [path.partition("/")[2] for path in made.app.upstreams.catalogue.tools if path.startswith("echo/")]
        lines = [f"p, user:u{n}, *, echo/{name}, call, , allow, x\n" for n, name in enumerate(tools)]
        (tmp_path / "policy.csv").write_text(HEAD + "".join(lines) + "p, user:all, *, */*, call, , allow, x\n")
        await made.app.sessions.clients.policy.settled()
        lists = Lists(made.app.sessions, at_once)
        for _ in range(2):
            for n, name in [*enumerate(tools), ("all", "")]:
                client = Client.named(Asker(Subject(f"user:u{n}" if name else "user:all", "acme")), "x", stateless=True)
                found = json.loads(b"".join(lists.tools(client, MODERN, STAMP)))["tools"]
                assert [tool["name"] for tool in found] == [f"echo__{name}"] if name else len(found) > len(tools)
        size, askers = lists.remembered()
        assert 0 < size <= 10_000
        assert 0 < askers <= 3

    at_desk(tmp_path, scenario)
