"""MCP Apps through the gateway: a host that reads what a tool names gets it from that tool's server, whoever else has
something of that name.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Subject
from gateway.caller import nobody
from gateway.following import Following, Inquiry
from gateway.profile import WHOLE, Profile
from gateway.serve.asking import Asker
from gateway.serve.callers import Quiet
from gateway.serve.exchanges import Request
from gateway.serve.sessions import Client
from gateway.task import EXTENSION
from tests.fixtures import nursery
from tests.fixtures.everything.content import LINK, RICH
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import MODERN, PATIENCE

HTML = "text/html;profile=mcp-app"
MAIN, HIDDEN, ALONE = "ui://dash/main", "ui://dash/hidden", "ui://two/alone"


def shows(uri: str, *, who: str = "model", legacy: bool = False) -> dict[str, Any]:
    meta = {"ui/resourceUri": uri} if legacy else {"ui": {"resourceUri": uri, "visibility": sorted({who, "app"})}}
    return {"description": "Shows it.", "_meta": meta}


def server(name: str, tools: Mapping[str, Any], *listed: str) -> Any:
    resources = [{"uri": uri, "name": uri, "mimeType": HTML} for uri in listed]
    env = {"TURNCOAT": json.dumps(tools), "TURNCOAT_OFFERS": json.dumps({"resources": resources, "says": name})}
    return spec(name, {**nursery.entry("turncoat_server.py", "stdio"), "env": env})


SERVERS = {
    "one": server("one", {"show": shows(MAIN), "more": shows(HIDDEN), "old": shows(MAIN, legacy=True)}, MAIN, "x:1"),
    "two": server("two", {"show": shows(MAIN, who="app"), "more": shows(HIDDEN), "alone": shows(ALONE)}, MAIN, "x:1"),
}
LINES = ("p, *, *, */*, call, , allow, yes", "p, *, *, */*, read, , allow, yes")


async def nothing(_created: Any) -> None:
    """Nobody has to agree first."""


KNOWS = nobody({"extensions": {EXTENSION: {}}})


class Host:
    """What a host of MCP Apps does: it lists, reads what a tool names, and lets the view call."""

    def __init__(self, app: App, profile: Profile = WHOLE) -> None:
        self._front = app.front
        self._client = Client.named(Asker(Subject("user:ann", "acme"), profile=profile), "host", stateless=True)

    async def tools(self) -> dict[str, Any]:
        """By name. Both ways of listing say the same."""
        found = (await self._front.listed("tools/list", self._client, {}))["tools"]
        written = json.loads(b"".join(self._front.lists.tools(self._client, MODERN, {})))["tools"]
        assert written == found
        return {tool["name"]: tool for tool in found}

    async def uri(self, tool: str) -> str:
        meta = (await self.tools())[tool]["_meta"]
        return str(meta["ui"]["resourceUri"] if "ui" in meta else meta["ui/resourceUri"])

    async def uris(self) -> list[str]:
        return [one["uri"] for one in (await self._front.listed("resources/list", self._client, {}))["resources"]]

    async def read(self, uri: str) -> tuple[str, str]:
        """The text, and the URI that comes with it."""
        answer: Any = await self._ask("resources/read", {"uri": uri})
        (content,) = answer["contents"]
        return content["text"], content["uri"]

    async def refused(self, uri: str) -> str:
        answer: Any = await self._ask("resources/read", {"uri": uri})
        return str(answer.message)

    async def call(self, tool: str) -> Any:
        return await self._ask("tools/call", {"name": tool, "arguments": {}})

    async def get(self, prompt: str, arguments: dict[str, str]) -> Any:
        return await self._ask("prompts/get", {"name": prompt, "arguments": arguments})

    async def agreed(self, app: App, tool: str) -> Any:
        """The result of a call that waits for a person, who agrees, as its task tells it."""

        async def agree(created: Any) -> None:
            await app.store.decide(created["taskId"], "approved", "user:bob", "")

        return await self.task(app, tool, agree)

    async def task(self, app: App, tool: str, first: Callable[[Any], Awaitable[Any]] = nothing) -> Any:
        """The result of a task."""
        created = await self.call(tool)
        await first(created)
        async with app.clients.run(Subject("user:ann", "acme"), "host") as run:
            following = Following(app.clients, app.upstreams)
            inquiry, state = Inquiry(created["taskId"], run, KNOWS), created
            while state["status"] == "working":
                state = await following.get(inquiry)
            await following.close()
            return state["result"]

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        caller = Quiet(self._client.key, True, {"extensions": {EXTENSION: {}}})
        return await self._front.ask(method, Request(self._client, params, caller))


def within(
    tmp_path: Path, scenario: Callable[[App], Awaitable[None]], *lines: str, servers: Mapping[str, Any] = SERVERS
) -> None:
    setup = Setup(tmp_path, servers)
    setup.write_policy(*(lines or LINES))

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def test_what_a_tool_names_is_read_from_its_own_server(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = Host(app)
        for name in ("one__show", "two__show", "one__more", "two__more", "one__old", "two__alone"):
            uri = await host.uri(name)
            assert uri.startswith("ui://")
            assert await host.read(uri) == (name.partition("__")[0], uri)
        assert await host.uri("two__alone") == ALONE  # nobody else has it: it is as it was, though nobody lists it

    within(tmp_path, scenario)


def test_what_is_listed_is_what_tools_name_and_what_is_read(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = Host(app)
        uris = await host.uris()
        own = [f"ui://toolgate/{name}/dash/main" for name in SERVERS]
        assert uris == [own[0], "toolgate://one/x:1", own[1], "toolgate://two/x:1"]
        assert {await host.uri("one__show"), await host.uri("two__show")} <= set(uris)
        for uri in uris:
            assert (await host.read(uri))[1] == uri
        assert "no resource" in await host.refused(MAIN)  # nobody can say whose

    within(tmp_path, scenario)


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_profile_with_one_of_the_servers_shows_the_same_names(tmp_path: Path, name: str) -> None:
    async def scenario(app: App) -> None:
        whole, host = Host(app), Host(app, Profile("part", [name]))
        uri = await host.uri(f"{name}__show")
        assert uri == await whole.uri(f"{name}__show")
        assert await host.read(uri) == (name, uri)
        assert await host.read(MAIN) == (name, MAIN)  # a view's own name for it: here it can mean nothing else
        other = "two" if name == "one" else "one"
        assert "no resource" in await host.refused(f"ui://toolgate/{other}/dash/main")

    within(tmp_path, scenario)


def test_a_line_about_a_servers_uri_counts_whatever_the_client_calls_it(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = Host(app)
        for uri in ("ui://toolgate/one/dash/main", "toolgate://one/ui://dash/main", "UI://toolgate/one/d%61sh/main"):
            assert "not this one" in await host.refused(uri)
        assert (await host.read("ui://toolgate/two/dash/main"))[0] == "two"
        assert "ui://toolgate/one/dash/main" not in await host.uris()

    within(tmp_path, scenario, *LINES, "p, *, *, one/ui://dash/*, read, , deny, not this one")


def test_a_tool_for_views_alone_is_listed_as_it_is_and_called_by_its_listed_name(tmp_path: Path) -> None:
    """The host keeps it from its model, by `visibility`: it can't if it is not told."""

    async def scenario(app: App) -> None:
        host = Host(app)
        tool = (await host.tools())["two__show"]
        assert tool["_meta"]["ui"]["visibility"] == ["app"]
        assert (await host.call("two__show"))["content"][0]["text"] == "fresh"

    within(tmp_path, scenario)


def test_a_view_calls_its_servers_tools_by_their_own_names_where_it_is_the_only_one(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        part = Host(app, Profile("part", ["one"]))
        assert (await part.call("show"))["content"][0]["text"] == "fresh"
        assert "not this one" in (await part.call("more"))["content"][0]["text"]
        for host, name in ((part, "alone"), (Host(app), "show"), (Host(app), "alone")):
            assert "there is no tool" in (await host.call(name))["content"][0]["text"]

    within(tmp_path, scenario, *LINES, "p, *, *, one/more, call, , deny, not this one")


ALIKE = nursery.entry("-m", "tests.fixtures.everything", "stdio", "--era", "modern")


@pytest.mark.parametrize("names", [("one",), ("one", "two")])
def test_a_link_in_a_result_leads_to_its_own_server(tmp_path: Path, names: tuple[str, ...]) -> None:
    async def scenario(app: App) -> None:
        host = Host(app)
        for name in names:
            result = await host.call(f"{name}__rich")
            (link,) = [one for one in result["content"] if one["type"] == "resource_link"]
            assert link["uri"] == ("test://static-text" if len(names) == 1 else f"toolgate://{name}/test://static-text")
            assert link == {**LINK, "uri": link["uri"]}
            assert [one for one in result["content"] if one is not link] == [
                one for one in RICH["content"] if one != LINK
            ]
            assert (await host.read(link["uri"]))[1] == link["uri"]

    alike = {name: spec(name, {**ALIKE, "cwd": str(nursery.ROOT), "era": "modern"}) for name in names}
    within(tmp_path, scenario, servers=alike)


def test_a_link_in_a_prompt_and_one_in_the_result_of_a_task_lead_to_their_own_server(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = Host(app)
        said = {"resourceUri": "test://static-text"}
        for name in ("one", "two"):
            exposed = f"toolgate://{name}/test://static-text"
            prompt = await host.get(f"{name}__test_prompt_with_embedded_resource", said)
            assert prompt["messages"][0]["content"]["resource"]["uri"] == exposed
            for result in (await host.agreed(app, f"{name}__rich"), await host.task(app, f"{name}__linking_job")):
                (link,) = [one for one in result["content"] if one["type"] == "resource_link"]
                assert link == {**LINK, "uri": exposed}

    alike = {name: spec(name, {**ALIKE, "cwd": str(nursery.ROOT), "era": "modern"}) for name in ("one", "two")}
    lines = ("p, *, *, */*, call, , allow, yes", "p, *, *, */*, get, , allow, yes")
    within(tmp_path, scenario, *lines, "p, *, *, */rich, call, , ask, a person looks at it", servers=alike)
