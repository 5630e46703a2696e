"""Who is asking, through the front door: `toolgate serve` as a process, real servers behind it, both eras before it."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from gateway.events import Admitted
from gateway.serve.seats import MAX_EACH
from gateway.store.sqlite import SqliteStore
from tests.fixtures import forked
from tests.fixtures.issuer import Issuer, rsa_key
from tests.fixtures.served import (
    ECHO,
    ERAS,
    FIXTURES,
    INITIALIZE,
    INITIALIZED,
    Gateway,
    Wire,
    answer_of,
    request,
    text_of,
)
from tests.fixtures.serving import Project

eras = pytest.mark.parametrize("era", list(ERAS))

RESOURCE = "http://127.0.0.1:8765/mcp"
KEYS = "[serve]\napi_keys = true\n"
ECHO_ENTRY = {key: ECHO[key] for key in ("command", "args")}
POLICY = (
    "p, user:ann, acme, echo/*, call, , allow, ann may",
    "p, user:bob, acme, echo/count, call, , allow, bob may count",
    "p, role:admin, *, */*, call, , allow, admins may",
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def mirror() -> Iterator[str]:
    """A server that answers with the headers and the body that reached it; its URL."""
    command = [sys.executable, str(FIXTURES / "mirror_http.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@contextlib.contextmanager
def wire(gateway: Gateway, era: str, credential: str = "", path: str = "") -> Iterator[Wire]:
    """A client of that era, after its handshake, who presents this."""
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    with httpx2.Client(timeout=60, headers=headers) as http:
        found = Wire(gateway.url + path, era, http)
        if era == "legacy":
            answer = found.post(request("initialize", INITIALIZE))
            found.session = answer.headers.get("mcp-session-id")
            if answer.status_code == 200:
                found.post(INITIALIZED)
        yield found


def names(client: Wire) -> set[str]:
    return {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}


def runs(project: Project) -> list[tuple[str, str]]:
    """Whose runs there are."""
    store = SqliteStore(project.folder / ".toolgate" / "toolgate.db")
    try:
        return sorted((row.user, row.tenant) for row in asyncio.run(store.run_rows()))
    finally:
        store.close()


@eras
def test_each_key_is_its_owner_to_the_policy_and_in_the_record(project: Project, era: str) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY}, *POLICY)
    ann, bob, eve = (project.key(f"user:{name}", "--tenant", "acme") for name in ("ann", "bob", "eve"))
    other = project.key("user:ann", "--tenant", "globex")
    with project.serve() as gateway:
        with wire(gateway, era, ann) as as_ann, wire(gateway, era, bob) as as_bob:
            assert "echo__echo" in names(as_ann)
            assert names(as_bob) == {"echo__count"}
            assert text_of(as_ann.call("echo__echo", {"text": "hi"})) == "hi"
            assert as_bob.call("echo__echo", {"text": "hi"})["isError"]
            assert text_of(as_bob.call("echo__count")) == "1"
        for nobody in (eve, other):
            with wire(gateway, era, nobody) as as_nobody:
                assert names(as_nobody) == set()
        assert gateway.stop() == 0
    assert runs(project) == [("user:ann", "acme"), ("user:bob", "acme")]
    for key in (ann, bob, eve, other):
        assert key.split("_")[2] not in project.log


def test_whoever_opens_more_sessions_than_his_share_loses_his_own_and_nobody_elses(project: Project) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY})
    ann, bob = (project.key(f"user:{name}", "--tenant", "acme") for name in ("ann", "bob"))
    with project.serve() as gateway, wire(gateway, "legacy", ann) as as_ann, wire(gateway, "legacy", bob) as as_bob:
        outside = {"mcp-session-id": None, "mcp-protocol-version": None}
        handshakes = [request("initialize", params) for params in [INITIALIZE] * MAX_EACH + [{}]]
        opened = [as_bob.post(handshake, headers=outside) for handshake in handshakes]
        assert {answer.status_code for answer in opened} == {200}
        assert as_bob.post(request("ping")).status_code == 404
        assert as_ann.post(request("ping")).status_code == 200
        for answer, status in ((opened[1], 200), (opened[-2], 200), (opened[-1], 404)):
            as_bob.session = answer.headers["mcp-session-id"]
            assert as_bob.post(request("ping")).status_code == status


@eras
@pytest.mark.parametrize("credential", ["", "tg_000000000000_" + "0" * 64, "nonsense"])
def test_without_a_key_that_is_good_nothing_happens(project: Project, era: str, credential: str) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY})
    with project.serve() as gateway, wire(gateway, era, credential) as client:
        for method in ("tools/list", "tools/call", "server/discover", "initialize", "ping"):
            refused = client.post(request(method, {"name": "echo__count", "arguments": {}}, era))
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for verb in ("GET", "DELETE", "OPTIONS", "PUT", "HEAD"):
            assert client.http.request(verb, client.url).status_code == 401
    assert runs(project) == []


@eras
def test_a_key_counts_in_its_header_alone_and_once(project: Project, era: str) -> None:
    """In a URL it would be in the logs of whatever is between (RFC 6750 section 2.3, RFC 9700)."""
    project.write(KEYS, {"echo": ECHO_ENTRY}, *POLICY)
    key = project.key("user:ann", "--tenant", "acme")
    message = request("tools/call", {"name": "echo__count"}, era)
    bearer = ("authorization", f"Bearer {key}")
    with project.serve() as gateway, wire(gateway, era, key) as known, httpx2.Client(timeout=60) as http:
        headers = known.headers(message)

        def status(query: str = "", *more: tuple[str, str], body: bytes = b"") -> int:
            given = [*headers.items(), *more]
            return http.post(gateway.url + query, content=body or json.dumps(message), headers=given).status_code

        assert status("", bearer) == 200
        for presented in (
            status(f"?access_token={key}"),
            status("", body=f"access_token={key}".encode()),
            status("", ("cookie", f"authorization=Bearer {key}")),
            status("", ("authorization", f"Basic {key}")),
            status("", ("authorization", key)),
            status("", bearer, bearer),
            status("", ("x-forwarded-user", "user:ann"), ("forwarded", "for=127.0.0.1")),
        ):
            assert presented == 401
        assert text_of(known.call("echo__count")) == "1"
        assert gateway.stop() == 0
    assert key not in project.log


@eras
def test_a_key_that_is_revoked_or_expired_lets_nobody_in(project: Project, era: str) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY})
    revoked, expired = project.key("user:ann"), project.key("user:ann", "--expires", "1ms")
    with project.serve() as gateway, wire(gateway, era, revoked) as client, wire(gateway, era, expired) as late:
        assert late.post(request("tools/list", {}, era)).status_code == 401
        assert names(client)
        assert project.give("keys", "revoke", revoked.split("_")[1]).returncode == 0
        gateway.until(lambda: client.post(request("tools/list", {}, era)).status_code == 401)


@pytest.mark.usefixtures("anew")
def test_a_session_is_nobody_elses_nor_of_another_profile(project: Project) -> None:
    project.write(KEYS + '[profiles.part]\ntools = ["echo/count"]\n', {"echo": ECHO_ENTRY})
    ann, bob = project.key("user:ann"), project.key("user:bob")
    with (
        project.serve() as gateway,
        wire(gateway, "legacy", ann) as as_ann,
        wire(gateway, "legacy", bob) as as_bob,
        wire(gateway, "legacy", ann, "/part") as elsewhere,
    ):
        for thief in (as_bob, elsewhere):
            own, thief.session = thief.session, as_ann.session
            assert text_of(as_ann.call("echo__echo", {"text": "mine"})) == "mine"
            for method, params in (("tools/list", {}), ("tools/call", {"name": "echo__count", "arguments": {}})):
                assert thief.post(request(method, params)).status_code == 404
            assert thief.http.delete(thief.url, headers=thief.headers({})).status_code == 404
            stream = thief.headers({}) | {"accept": "text/event-stream"}
            assert thief.http.get(thief.url, headers=stream).status_code == 404
            thief.session = own
            assert names(thief)
        assert "echo__echo" in names(as_ann)  # nobody ended it
        assert names(elsewhere) == {"echo__count"}


def test_nobody_cancels_what_is_somebody_elses(project: Project) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY})
    ann, bob = project.key("user:ann"), project.key("user:bob")
    with (
        project.serve() as gateway,
        wire(gateway, "legacy", ann) as as_ann,
        wire(gateway, "legacy", bob) as as_bob,
        ThreadPoolExecutor(1) as thread,
    ):
        slow = {"name": "echo__slow", "arguments": {"seconds": 1}}
        asked = thread.submit(as_ann.post, request("tools/call", slow, number=41))
        gateway.until(lambda: bool(admitted(project)))
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 41}}
        for session in (as_ann.session, as_bob.session):
            as_bob.session = session
            as_bob.post(cancel)
        assert text_of(answer_of(asked.result(60))["result"]) == "done"


def admitted(project: Project) -> list[Admitted]:
    """The calls that were let through so far."""
    store = SqliteStore(project.folder / ".toolgate" / "toolgate.db")
    try:
        rows = asyncio.run(store.run_rows())
        facts = [recorded.event for row in rows for recorded in asyncio.run(store.events(row.id))]
    finally:
        store.close()
    return [fact for fact in facts if isinstance(fact, Admitted)]


@eras
def test_outside_of_a_profile_there_is_nothing(project: Project, era: str) -> None:
    settings = '[profiles.part]\nservers = ["echo"]\ntools = ["*/echo", "*/count", "down/*"]\n'
    down = {"command": sys.executable, "args": ["-c", "raise SystemExit"]}
    project.write(settings, {"echo": ECHO_ENTRY, "down": down})
    with project.serve() as gateway:
        with wire(gateway, era, path="/part") as client:
            listed = client.ask("tools/list")["result"]
            assert {tool["name"] for tool in listed["tools"]} == {"echo__echo", "echo__count"}
            assert "toolgate/missing" not in listed.get("_meta", {})  # the profile has nothing of it
            for name in ("echo__add", "echo/add", "down__x", "nothing"):
                denied = client.call(name, {"a": 1, "b": 2})
                assert denied["isError"]
                assert "there is no tool" in text_of(denied)
            assert text_of(client.call("echo__count")) == "0"
        with wire(gateway, era) as client:
            assert "echo__add" in names(client)
        for path in ("/nothing", "/part/", "/part/x"):
            assert httpx2.post(gateway.url + path, json={}).status_code == 404


def test_over_stdio_a_profile_is_named_at_the_start(project: Project) -> None:
    project.write('[profiles.part]\ntools = ["echo/count"]\n', {"echo": ECHO_ENTRY})
    lines = [request("initialize", INITIALIZE), INITIALIZED, request("tools/list", {}, number=2)]
    command = [sys.executable, "-m", "gateway.cli", "serve", "--stdio", "--profile", "part"]
    done = forked.run(
        command, cwd=project.folder, stdin="".join(json.dumps(line) + "\n" for line in lines),
        timeout=60, env={**os.environ, "HOME": str(project.folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [tool["name"] for tool in json.loads(done.stdout.splitlines()[1])["result"]["tools"]] == ["echo__count"]
    assert project.give("serve", "--stdio", "--profile", "nothing").returncode == 2
    assert project.give("serve", "--profile", "part").returncode == 2


@eras
def test_what_a_client_presents_reaches_no_server_and_no_log(project: Project, era: str, mirror: str) -> None:
    project.write(KEYS, {"mirror": {"url": mirror, "headers": {"x-own": "ours"}}})
    key = project.key("user:ann")
    with project.serve() as gateway, wire(gateway, era, key) as client:
        client.http.headers["cookie"] = "canary-cookie"
        headers, body = json.loads(text_of(client.call("mirror__act", {"n": 1})))
        assert headers["x-own"] == "ours"
        sent = json.dumps(headers).lower() + body
        for secret in (key, key.split("_")[2], "canary-cookie", "authorization", "user:ann"):
            assert secret not in sent
        assert gateway.stop() == 0
    assert key.split("_")[2] not in project.log
    store = project.folder / ".toolgate"
    assert not any(key.split("_")[2].encode() in file.read_bytes() for file in store.iterdir())


def oauth(issuer: Issuer, *more: str) -> str:
    lines = [f'issuer = "{issuer.url}"', f'resource = "{RESOURCE}"', 'user = "user:{email}"', 'tenant = "{org}"', *more]
    return '[network]\nallow = ["127.0.0.1"]\n[serve.oauth]\n' + "\n".join(lines) + "\n"


def token(issuer: Issuer, kid: str = "k1", **claims: Any) -> str:
    return issuer.token(kid, **{"aud": RESOURCE, "email": "ann", "org": "acme", **claims})


@eras
def test_a_token_is_whom_its_claims_name_and_nobody_else(project: Project, era: str) -> None:
    with Issuer() as issuer:
        project.write(oauth(issuer), {"echo": ECHO_ENTRY}, *POLICY)
        with project.serve() as gateway:
            with wire(gateway, era, token(issuer, roles=["role:admin"])) as as_ann:
                assert "echo__echo" in names(as_ann)
            with wire(gateway, era, token(issuer, email="bob")) as as_bob:
                assert names(as_bob) == {"echo__count"}
            with wire(gateway, era, token(issuer, org="globex")) as elsewhere:
                assert names(elsewhere) == set()
            wrong = [
                token(issuer, email="role:admin"), token(issuer, email=None), token(issuer, org=None),
                token(issuer, aud="http://else.test"), token(issuer, exp=1), token(issuer, email_verified=False),
                token(issuer, key=rsa_key()), issuer.token(key="", algorithm="none", aud=RESOURCE),
            ]  # fmt: skip
            for text in wrong:
                with wire(gateway, era, text) as stranger:
                    refused = stranger.post(request("tools/list", {}, era))
                    assert refused.status_code == 401
                    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
                    assert not any(part and part in refused.text for part in text.split("."))
            assert gateway.stop() == 0
        for text in wrong:
            assert not any(len(part) > 8 and part in project.log for part in text.split("."))


@eras
def test_a_line_may_ask_how_long_ago_somebody_logged_in(project: Project, era: str) -> None:
    stale = "p, *, *, echo/echo, call, subject.auth_age > 3600, deny, log in again"
    now = int(time.time())
    with Issuer() as issuer:
        project.write(oauth(issuer) + KEYS, {"echo": ECHO_ENTRY}, *POLICY, stale)
        old, new = token(issuer, auth_time=now - 7200), token(issuer, auth_time=now - 60)
        unknown, key = token(issuer, iat=None), project.key("user:ann", "--tenant", "acme")
        with project.serve() as gateway:
            for credential in (old, unknown):
                with wire(gateway, era, credential) as client:
                    assert client.call("echo__echo", {"text": "hi"})["isError"]
                    client.http.headers["authorization"] = f"Bearer {new}"  # the same session, if there is one
                    assert text_of(client.call("echo__echo", {"text": "hi"})) == "hi"
                if era == "modern":
                    break  # what one person's program sends is one run there, in which his newest log-in counts
            with wire(gateway, era, key) as client:
                assert text_of(client.call("echo__echo", {"text": "hi"})) == "hi"
    again = project.give("policy", "backtest", "policies/policy.csv", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    check = told["self_check"]
    assert told["can_not_be_decided"] == {}, "the record says since when he was known"
    assert check["same"] == check["reproduced"] >= 3
    assert told["recorded"]["deny"] >= 1


def test_keys_rotate_while_we_are_running(project: Project) -> None:
    with Issuer() as issuer:
        project.write(oauth(issuer), {"echo": ECHO_ENTRY})
        with project.serve() as gateway:
            with wire(gateway, "modern", token(issuer)) as client:
                assert names(client)
            issuer.keys = {"k2": rsa_key()}
            new = token(issuer, "k2")
            with wire(gateway, "modern", new) as client:  # at most every ten seconds the issuer is asked
                gateway.until(lambda: client.post(request("tools/list", {}, "modern")).status_code == 200)
            assert issuer.asked.count("/keys") == 2


def test_clients_are_told_where_tokens_come_from_and_what_they_lack(project: Project) -> None:
    with Issuer() as issuer:
        scopes = '[serve]\nscopes = ["use"]\n[profiles.part]\nservers = ["echo"]\nscopes = ["part"]\n'
        project.write(scopes + oauth(issuer), {"echo": ECHO_ENTRY})
        with project.serve() as gateway:
            base = gateway.url.removesuffix("/mcp")
            refused = httpx2.post(gateway.url, json={})
            where = re.search(r'resource_metadata="http://127.0.0.1:8765([^"]+)"', refused.headers["www-authenticate"])
            assert where
            for path in (where[1], "/.well-known/oauth-protected-resource"):
                metadata = httpx2.get(base + path).json()
                assert (metadata["resource"], metadata["authorization_servers"]) == (RESOURCE, [issuer.url])
                assert metadata["scopes_supported"] == ["approvals", "part", "use"]
            allowed = {
                ("", "use"): 200,
                ("", "part"): 403,
                ("/part", "part"): 200,
                ("/part", "use"): 403,
                ("", ""): 403,
            }
            for (path, scope), status in allowed.items():
                with wire(gateway, "modern", token(issuer, scope=scope), path) as client:
                    answer = client.post(request("tools/list", {}, "modern"))
                    assert answer.status_code == status
                    if status == 403:
                        challenge = answer.headers["www-authenticate"]
                        wanted = "part" if path else "use"
                        assert f'error="insufficient_scope", scope="{wanted}"' in challenge


def test_an_issuer_that_is_down_is_no_reason_to_let_anybody_in(project: Project) -> None:
    with Issuer() as issuer:
        good = token(issuer)
        project.write(oauth(issuer), {"echo": ECHO_ENTRY})
    with project.serve() as gateway, wire(gateway, "modern", good) as client:
        answer = client.post(request("tools/list", {}, "modern"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_the_sdks_own_client_logs_in_with_a_header(project: Project, mode: Any) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY}, *POLICY)
    key = project.key("user:ann", "--tenant", "acme")

    async def work(url: str) -> None:
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode, cache=None) as client,
        ):
            assert "echo__add" in {tool.name for tool in (await client.list_tools()).tools}
            assert (await client.call_tool("echo__add", {"a": 1, "b": 2})).structured_content == {"sum": 3}

    with project.serve() as gateway:
        asyncio.run(work(gateway.url))


class Kept:
    """Tokens of the SDK's client, in memory."""

    def __init__(self) -> None:
        self.tokens: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        """It was given."""


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_the_sdks_own_client_finds_its_way_to_a_token(project: Project, mode: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/mcp"

    async def work(issuer: Issuer) -> None:
        kept = Kept()
        auth = ClientCredentialsOAuthProvider(url, kept, "a client", "its secret", issuer=issuer.url)
        async with (
            httpx2.AsyncClient(auth=auth) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode, cache=None) as client,
        ):
            assert "echo__add" in {tool.name for tool in (await client.list_tools()).tools}
        assert kept.tokens.scope == "use"  # as the challenge said

    with Issuer() as issuer:
        settings = (
            oauth(issuer).replace(RESOURCE, url).replace("[serve.oauth]", '[serve]\nscopes = ["use"]\n[serve.oauth]')
        )
        project.write(settings, {"echo": ECHO_ENTRY}, *POLICY)
        with project.serve("--port", str(port)):
            asyncio.run(work(issuer))


def test_beyond_loopback_only_for_clients_that_log_in(project: Project) -> None:
    project.write("", {"echo": ECHO_ENTRY})
    refused = project.give("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - that is the point
    assert refused.returncode == 3
    assert "is not loopback, and clients do not log in (set `api_keys = true`" in refused.stderr
    project.write(KEYS, {"echo": ECHO_ENTRY})
    key = project.key("user:ann")
    with project.serve("--host", "0.0.0.0") as gateway:  # noqa: S104 - as above
        port = gateway.url.split(":")[2]
        with wire(Gateway(f"http://127.0.0.1:{port}", gateway.process), "modern", key) as client:
            assert names(client)
            assert client.post(request("tools/list", {}, "modern"), headers={"host": "evil.test"}).status_code == 421


def test_ready_tells_strangers_less(project: Project) -> None:
    policy = (f"p, user:ann, *, {server}/*, call, , allow, ann may" for server in ("echo", "down"))
    project.write(
        KEYS, {"echo": ECHO_ENTRY, "down": {"command": sys.executable, "args": ["-c", "raise SystemExit"]}}, *policy
    )
    key, eve = project.key("user:ann"), project.key("user:eve")
    with project.serve() as gateway:
        url = gateway.url.replace("/mcp", "/ready")
        assert httpx2.get(url).json()["servers"] == {"up": 1, "down": 1}
        known = httpx2.get(url, headers={"authorization": f"Bearer {key}"})
        assert httpx2.get(url, headers={"authorization": f"Bearer {eve}"}).json()["servers"] == {}
        assert (known.status_code, known.json()["servers"]) == (200, {"echo": "up", "down": "down"})


DB = "ORA-12154 cannot connect to payroll-db.internal:1521 as hr_admin"
PAYROLL = {"command": sys.executable, "args": ["-c", f"import sys; sys.exit({DB!r})"]}
HR = (*POLICY, "p, user:ann, acme, payroll/*, call, , allow, ann pays")


@eras
def test_a_server_that_is_down_is_told_to_its_users_without_its_words_and_to_others_not_at_all(
    project: Project, era: str
) -> None:
    project.write(KEYS, {"echo": ECHO_ENTRY, "payroll": PAYROLL}, *HR)
    ann, bob = (project.key(f"user:{name}", "--tenant", "acme") for name in ("ann", "bob"))
    with project.serve() as gateway:
        with wire(gateway, era, ann) as client:
            listed = client.ask("tools/list")["result"]
            assert listed["_meta"]["toolgate/missing"] == {"payroll": "it exited with code 1"}
            called = client.call("payroll__x")
            assert text_of(called).startswith("Not reached: server `payroll` is not available: it exited with code 1.")
            assert "ORA" not in json.dumps([listed, called])
        with wire(gateway, era, bob) as client:
            for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
                assert "payroll" not in json.dumps(client.ask(method)), method
            for name in ("payroll__x", "payroll/x"):
                there, nowhere = (text_of(client.call(one)) for one in (name, name.replace("payroll", "nowhere")))
                assert there == nowhere.replace("nowhere", "payroll")
        assert gateway.stop() == 0
    assert DB in project.log


def test_pages_of_other_sites_reach_nothing(project: Project) -> None:
    project.write("", {"echo": ECHO_ENTRY})
    wrong: list[tuple[dict[str, str], int]] = [
        ({"origin": "https://evil.test"}, 403), ({"origin": "null"}, 403), ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.test"}, 421), ({"host": "127.0.0.1.evil.test"}, 421),
    ]  # fmt: skip
    with project.serve() as gateway:
        base = gateway.url.removesuffix("/mcp")
        for path in ("/mcp", "/health", "/ready", "/mcp/x", "/nothing"):
            for headers, status in wrong:
                assert httpx2.get(base + path, headers=headers).status_code == status
                assert httpx2.post(base + path, headers=headers, json={}).status_code == status
        assert httpx2.get(f"{base}/health", headers={"origin": "http://localhost:3000"}).status_code == 200
        with wire(gateway, "legacy") as client:
            assert names(client)
