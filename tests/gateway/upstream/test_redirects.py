"""Where redirects lead: in words, and with a server that redirects."""

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from gateway.call import Answered
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream.redirects import elsewhere, followed
from tests.fixtures.mirror_http import Mirror

HERE = "http://ann:pw@here.example/mcp/?key=k"


def redirect(status: int, location: str, method: str = "POST", url: str = HERE) -> Any:
    request = httpx2.Request(method, url, content=b"{}", headers={"authorization": "Bearer t"})
    return request, httpx2.Response(status, headers={"location": location}, request=request)


@pytest.mark.parametrize(
    ("status", "location", "method", "to"),
    [
        (307, "/mcp", "POST", "http://ann:pw@here.example/mcp"),
        (308, "http://here.example:80/mcp?a=b", "POST", "http://ann:pw@here.example/mcp?a=b"),  # its own log-in stays
        (307, "/x", "DELETE", "http://ann:pw@here.example/x"),
        (302, "/x", "GET", "http://ann:pw@here.example/x"),
        (302, "/x", "POST", None),  # the message would be gone
        (303, "/x", "DELETE", None),
        (307, "http://there.example/mcp", "POST", None),
        (307, "http://here.example:81/mcp", "POST", None),
        (308, "https://here.example/mcp", "POST", None),
        (307, "//there.example/mcp", "POST", None),
        (307, "http://eve:x@here.example/mcp", "POST", None),
        (307, "http://[", "POST", None),
        (307, "file:///etc/passwd", "POST", None),
    ],
)
def test_a_redirect_is_followed_within_the_origin_with_the_same_method(
    status: int, location: str, method: str, to: str | None
) -> None:
    request, response = redirect(status, location, method)
    again = followed(request, response)
    assert (again and str(again.url)) == to
    if again is not None:
        assert (again.method, again.headers["authorization"], again.read()) == (method, "Bearer t", b"{}")


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://eve:x@there.example:81/a?secret=s#f", "nothing is sent to http://there.example:81 unless"),
        ("https://here.example/mcp", "nothing is sent to https://here.example unless"),
        ("/log-in?then=x", "that is within http://here.example, by another"),
        ("http://x:99999/", "that is no http or https address"),
        ("file:///etc/passwd", "that is no http or https address"),
    ],
)
def test_any_other_is_told_with_its_origin_and_nothing_secret(location: str, told: str) -> None:
    why = elsewhere(*redirect(302, location))
    assert why.startswith(f"the server answered HTTP 302: it redirects, which is not followed: {told}")
    assert "secret" not in why
    assert "eve" not in why


class Redirecting(Mirror):
    """Has its endpoint at `/mcp`; redirects from `/mcp/` to it, and from elsewhere as `to` says."""

    to: tuple[int, str] = (307, "")
    seen: list[str]

    def do_POST(self) -> None:  # noqa: N802 - the base class names it so
        self.seen.append(f"{self.path} {self.headers['authorization']}")
        if self.path.partition("?")[0] == "/mcp":
            super().do_POST()
            return
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.to[0])
        self.send_header("location", "/mcp" if self.path == "/mcp/" else self.to[1])
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:  # noqa: N802
        self.answer(405, b"")


@contextlib.contextmanager
def serving(kind: type = Redirecting, **more: Any) -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    handler = type("Handler", (kind,), {"seen": seen, **more})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_a_server_that_redirects_within_its_origin_is_used_where_it_is(era: Any, call: Any) -> None:
    async def scenario(host: str) -> None:
        transport = Http(f"http://{host}/mcp/", headers={"authorization": "Bearer t"})
        async with Upstreams({"s": ServerSpec("s", transport, era=era)}) as up:
            assert up.catalogue.missing == {}
            outcome = await up.forward(call("s/act", {"n": 1}), timeout=30, meta={})
            assert isinstance(outcome, Answered)
            headers, _body = json.loads(outcome.result["content"][0]["text"])
            assert {key.lower(): value for key, value in headers.items()}["authorization"] == "Bearer t"

    with serving() as (host, seen):
        asyncio.run(asyncio.wait_for(scenario(host), 60))
    assert seen[0].split()[0] == "/mcp/"


def test_credentials_in_the_address_go_along_on_the_fast_lane(call: Any) -> None:
    async def scenario(host: str) -> None:
        spec = ServerSpec("s", Http(f"http://ann:pw@{host}/mcp/"), era="modern")
        async with Upstreams({"s": spec}) as up:
            assert isinstance(await up.forward(call("s/act", {"n": 1}), timeout=30, meta={}), Answered)

    with serving() as (host, seen):
        asyncio.run(asyncio.wait_for(scenario(host), 60))
    basic = f"Basic {base64.b64encode(b'ann:pw').decode()}"
    assert all(line.endswith(basic) for line in seen)
    assert seen[-1].split()[0] == "/mcp"


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_to_another_origin_nothing_is_sent_and_the_reason_names_it(era: Any) -> None:
    async def scenario(host: str, other: str) -> None:
        transport = Http(f"http://{host}/old", headers={"authorization": "Bearer t"})
        async with Upstreams({"s": ServerSpec("s", transport, era=era)}) as up:
            assert (
                f"it redirects, which is not followed: nothing is sent to http://{other} unless"
                in up.catalogue.missing["s"]
            )

    with serving() as (other, there), serving(to=(307, f"http://{other}/mcp")) as (host, _here):
        asyncio.run(asyncio.wait_for(scenario(host, other), 60))
    assert there == []


def test_a_server_that_only_redirects_is_followed_a_few_times_and_then_told() -> None:
    async def scenario(host: str) -> None:
        async with Upstreams({"s": ServerSpec("s", Http(f"http://{host}/a"), era="legacy")}) as up:
            assert "that is within" in up.catalogue.missing["s"]

    with serving(to=(308, "/a")) as (host, seen):
        asyncio.run(asyncio.wait_for(scenario(host), 60))
    assert len(seen) == 4
