"""People answer `toolgate serve` over HTTP: as programs in JSON, and in a browser; an agent's key is not enough."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import mcp
import mcp_types as types
import pytest
from mcp.client.streamable_http import streamable_http_client

from tests.fixtures.served import FIXTURES, PATIENCE, Gateway, Wire, approval_in, request, text_of
from tests.fixtures.serving import Project

Json = dict[str, Any]

LINES = (
    "p, *, *, tally/*, call, , allow, for all",
    "p, *, *, tally/send, call, , ask, a person looks at it",
    "p, user:bob, *, tally/*, approve, , allow, bob decides",
)
SERVE = "[serve]\napi_keys = true\n"
SEND: Json = {"name": "tally__send", "arguments": {"word": "<script>\u202e"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@contextlib.contextmanager
def served(project: Project, settings: str = SERVE) -> Iterator[Gateway]:
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(project.folder / "calls")]
    project.write(settings, {"tally": {"command": sys.executable, "args": arguments}}, *LINES)
    with project.serve() as gateway:
        yield gateway


def arrived(project: Project) -> list[Json]:
    file = project.folder / "calls"
    return [json.loads(line)["arguments"] for line in file.read_text().splitlines()] if file.exists() else []


def call(wire: Wire, key: str, **more: Any) -> Json:
    """The result of the call by a modern client with this key."""
    response = wire.post(request("tools/call", {**SEND, **more}, "modern"), headers={"authorization": f"Bearer {key}"})
    result: Json = response.json()["result"]
    return result


@contextlib.contextmanager
def people(gateway: Gateway, key: str | None = None) -> Iterator[httpx2.Client]:
    """Somebody at `/approvals`."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx2.Client(base_url=gateway.url.removesuffix("/mcp"), headers=headers, timeout=PATIENCE) as http:
        yield http


def test_a_person_approves_in_json_and_the_agents_key_can_not(project: Project) -> None:
    with served(project) as gateway, gateway.client("modern") as wire:
        agents, bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")
        plain = project.key("user:bob")
        approval = approval_in(call(wire, agents))
        for key, status in ((None, 401), (agents, 403), (plain, 403), ("tg_nonsense", 401)):
            with people(gateway, key) as http:
                assert http.get("/approvals").status_code == status
                said = {"decision": "approved", "digest": "0" * 64}
                assert http.post(f"/approvals/{approval}", json=said).status_code == status
        with people(gateway, bobs) as http:
            (waiting,) = http.get("/approvals").json()["approvals"]
            assert (waiting["id"], waiting["arguments"]) == (approval, SEND["arguments"])
            assert (
                http.post(f"/approvals/{approval}", json={"decision": "approved", "digest": "0" * 64}).status_code
                == 409
            )
            said = {"decision": "approved", "digest": waiting["digest"], "reason": "fine"}
            done = http.post(f"/approvals/{approval}", json=said)
            assert (done.status_code, done.json()["state"]) == (200, "approved")
            assert http.post(f"/approvals/{approval}", json=said).status_code == 409
        assert text_of(call(wire, agents)) == "send done"
    assert arrived(project) == [SEND["arguments"]]


def test_a_person_watches_his_own_runs_and_the_agents_key_can_not(project: Project) -> None:
    with served(project) as gateway:
        said = project.give("submit", "count the bells", "--as", "user:ann", "--model", "scripted:no.yaml")
        run = said.stdout.strip()
        assert project.give("cancel", run, "--as", "user:ann", "--why", "enough").returncode == 0, said.stderr
        anns, bobs = (project.key(user, "--scope", "approvals") for user in ("user:ann", "user:bob"))
        path = f"/runs/{run}/events"
        for key, status in ((None, 401), (project.key("user:ann"), 403), (bobs, 404)):
            with people(gateway, key) as http:
                assert http.get(path).status_code == status
        with people(gateway, anns) as http:
            told = http.get(path)
            facts = [json.loads(line.removeprefix("data: ")) for line in told.text.splitlines() if line[:4] == "data"]
            assert [(fact["seq"], fact["event"]) for fact in facts] == [(1, "queued"), (2, "cancelled")]
            assert told.headers["content-type"].startswith("text/event-stream")
            (one,) = http.get(path, headers={"last-event-id": "1"}).text.split("\n\n")[:-1]
            assert one.startswith("id: 2\ndata: ")
            assert http.get(path, headers={"last-event-id": "2"}).status_code == 204


def test_a_person_denies_in_a_browser(project: Project) -> None:
    with served(project) as gateway, gateway.client("modern") as wire, people(gateway) as http:
        agents, bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")
        approval = approval_in(call(wire, agents))
        link = {
            "accept": "text/html",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        }
        assert "Who are you?" in http.get(f"/approvals/{approval}", headers=link).text
        own = {"origin": str(http.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
        entered = http.post("/approvals/login", data={"credential": bobs, "at": approval}, headers=own)
        assert entered.status_code == 303
        page = http.get(entered.headers["location"], headers=link)
        assert r"&lt;script&gt;\u{202e}" in page.text
        assert "<script" not in page.text
        form = {
            "token": re.findall(r'name="token" value="([^"]+)"', page.text)[0],
            "decision": "denied",
            "reason": "no",
        }
        elsewhere = {"origin": "http://localhost:1", "sec-fetch-site": "same-site"}
        assert http.post(f"/approvals/{approval}", data=form, headers=elsewhere).status_code == 403
        assert http.post(f"/approvals/{approval}", data=form, headers=own).status_code == 200
        assert "user:bob denied this call: no" in text_of(call(wire, agents))
    assert arrived(project) == []


def test_a_client_that_opens_pages_is_led_there_and_its_call_goes_on(project: Project) -> None:
    settings = f'{SERVE}[approvals]\nurl = "https://gate.example"\n'
    with served(project, settings) as gateway, gateway.client("modern") as wire:
        agents, bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")
        meta: Json = {types.CLIENT_CAPABILITIES_META_KEY: {"elicitation": {"url": {}}}}
        asked = call(wire, agents, _meta=meta)
        ((key, question),) = asked["inputRequests"].items()
        approval = question["params"]["url"].removeprefix("https://gate.example/approvals/")
        assert (question["params"]["mode"], approval[:2]) == ("url", "A-")
        with people(gateway, bobs) as http:
            digest = http.get(f"/approvals/{approval}").json()["digest"]
            said = {"decision": "approved", "digest": digest}
            assert http.post(f"/approvals/{approval}", json=said).status_code == 200
        back = {"requestState": asked["requestState"], "inputResponses": {key: {"action": "accept"}}}
        assert text_of(call(wire, agents, _meta=meta, **back)) == "send done"


async def led(gateway: Gateway, key: str, mode: Any, bob: httpx2.AsyncClient) -> tuple[str, Any, list[str]]:
    """The official SDK's client, whose user opens the page to which it leads him. Bob answers there.

    Returns its version, the result of the call, and what happened: `shown ID`, `complete ID`.
    """
    happened: list[str] = []

    async def opened(context: Any, params: Any) -> types.ElicitResult:
        del context
        assert params.mode == "url"
        happened.append(f"shown {getattr(params, 'elicitation_id', None)}")
        page = f"/approvals/{params.url.rpartition('/')[2]}"
        digest = (await bob.get(page)).json()["digest"]
        answer = await bob.post(page, json={"decision": "approved", "digest": digest})
        assert answer.status_code == 200, answer.text
        return types.ElicitResult(action="accept")

    async def heard(message: Any) -> None:
        if isinstance(message, types.ElicitCompleteNotification):
            happened.append(f"complete {message.params.elicitation_id}")

    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE) as http,
        mcp.Client(
            streamable_http_client(gateway.url, http_client=http),
            mode=mode,
            cache=None,
            elicitation_callback=opened,
            message_handler=heard,
        ) as client,
    ):
        result = await client.call_tool("tally__send", {"word": "a"})
        return str(client.protocol_version), result.model_dump(by_alias=True, mode="json"), happened


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_sdks_own_client_is_led_to_the_page_and_its_call_is_made(project: Project, mode: Any) -> None:
    """One of the handshake era is told when the page has been answered; the next version has no such message."""

    async def work(gateway: Gateway, agents: str, bobs: str) -> tuple[str, Any, list[str]]:
        base, headers = gateway.url.removesuffix("/mcp"), {"authorization": f"Bearer {bobs}"}
        async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as bob:
            return await led(gateway, agents, mode, bob)

    with served(project, f'{SERVE}[approvals]\nurl = "https://gate.example"\n') as gateway:
        agents, bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")
        version, result, happened = asyncio.run(work(gateway, agents, bobs))
    assert text_of(result) == "send done"
    assert arrived(project) == [{"word": "a"}]
    shown = happened[0].removeprefix("shown ")
    if mode == "legacy":
        assert (version, happened) == ("2025-11-25", [f"shown {shown}", f"complete {shown}"])
    else:
        assert (version, happened) == ("2026-07-28", ["shown None"])


def test_a_credential_of_ours_that_turns_up_in_a_call_is_shown_to_nobody_who_approves(project: Project) -> None:
    secret = "tally-0123456789"
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(project.folder / "calls")]
    entry = {"command": sys.executable, "args": arguments, "env": {"TALLY_TOKEN": secret}}
    project.write(SERVE, {"tally": entry}, *LINES)
    leak = {"name": "tally__send", "arguments": {"word": f"psst: {secret}"}}
    with project.serve() as gateway, gateway.client("modern") as wire:
        agents, bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")
        approval = approval_in(call(wire, agents, **leak))
        with people(gateway, bobs) as http:
            told = http.get(f"/approvals/{approval}")
            page = http.get(f"/approvals/{approval}", headers={"accept": "text/html"})
            listed = http.get("/approvals", headers={"accept": "text/html"})
            for text in (
                told.text,
                page.text,
                listed.text,
                project.give("approvals", "show", approval, "--full").stdout,
            ):
                assert secret not in text
                assert "holds a credential of this gateway" in text
            said = {"decision": "approved", "digest": told.json()["digest"]}
            assert http.post(f"/approvals/{approval}", json=said).status_code == 200
        assert text_of(call(wire, agents, **leak)) == "send done"
    assert arrived(project) == [leak["arguments"]]


def test_where_nobody_logs_in_nobody_answers_over_http_unless_the_admin_says_so(project: Project) -> None:
    with served(project, "") as gateway, people(gateway) as http:
        assert http.get("/approvals").status_code == 404
        assert http.post(f"/approvals/A-{'0' * 32}", json={}).status_code == 404
    with served(project, "[approvals]\nhttp = true\n") as gateway, people(gateway) as http:
        assert http.get("/approvals").json() == {"approvals": []}
        assert http.post("/approvals", content=b"x" * 100_000).status_code == 413
