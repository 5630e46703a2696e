"""Clients that run in a browser, on a page of another origin: one that `allowed_origins` lists gets answers (CORS)."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fixtures import nursery
from tests.fixtures.browser import DESK, Browser, browser
from tests.fixtures.served import INITIALIZE, LEGACY, MODERN, Gateway, request
from tests.fixtures.serving import Project

Json = dict[str, Any]
BOTH = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


class Page(BaseHTTPRequestHandler):
    """An empty one."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", "15")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def site() -> Iterator[str]:
    """An origin of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Sites:
    """A gateway, a page of an origin that is listed, and one of an origin that is not."""

    def __init__(self, gateway: Gateway, page: Browser, listed: str, other: str, key: str) -> None:
        self.gateway, self.page, self.listed, self.other, self.key = gateway, page, listed, other, key

    def asks(self, origin: str, options: Json, path: str = "") -> Json:
        """What a script of a page there is told."""
        self.page.window(DESK)
        self.page.goto(url=origin)
        answer: Json = self.page.ask(url=self.gateway.url.removesuffix("/mcp") + (path or "/mcp"), options=options)
        return answer

    def posts(self, origin: str, message: Json, headers: Json, key: str | None = None) -> Json:
        named = {**BOTH, **headers, "authorization": f"Bearer {key or self.key}"}
        return self.asks(origin, {"method": "POST", "headers": named, "body": json.dumps(message)})


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    project = Project(tmp_path_factory.mktemp("sites"))
    with site() as listed, site() as other, browser() as page:
        settings = f'[serve]\napi_keys = true\nallowed_origins = ["{listed}"]\n'
        project.write(
            settings, {"echo": nursery.entry("echo_server.py", "stdio")}, "p, *, *, echo/*, call, , allow, for all"
        )
        with project.serve() as gateway:
            yield Sites(gateway, page, listed, other, project.key("user:ann"))


def modern(tool: str) -> tuple[Json, Json]:
    message = request("tools/call", {"name": f"echo__{tool}", "arguments": {"text": "hello"}}, "modern")
    said = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": f"echo__{tool}"}
    return message, said


def test_a_page_of_a_listed_origin_calls_tools(sites: Sites) -> None:
    answer = sites.posts(sites.listed, *modern("echo"))
    assert answer.get("status") == 200, answer
    assert "hello" in answer["text"]


def test_a_page_of_a_listed_origin_shakes_hands_and_is_shown_its_session(sites: Sites) -> None:
    answer = sites.posts(sites.listed, request("initialize", INITIALIZE), {})
    session = answer["headers"]["mcp-session-id"]
    said = {"mcp-session-id": session, "mcp-protocol-version": LEGACY}
    call = request("tools/call", {"name": "echo__echo", "arguments": {"text": "again"}})
    assert "again" in sites.posts(sites.listed, call, said)["text"]


def test_a_page_of_a_listed_origin_is_told_why_it_is_refused(sites: Sites) -> None:
    answer = sites.posts(sites.listed, *modern("echo"), key="nobody")
    assert (answer.get("status"), answer["headers"]["www-authenticate"][:6]) == (401, "Bearer")


def test_a_page_of_another_origin_is_told_nothing(sites: Sites) -> None:
    assert "refused" in sites.posts(sites.other, *modern("echo"))
    assert "refused" in sites.asks(sites.other, {"method": "GET"}, "/health")


def test_a_page_of_a_listed_origin_sees_nothing_of_where_people_answer(sites: Sites) -> None:
    assert "refused" in sites.asks(sites.listed, {"headers": {"authorization": f"Bearer {sites.key}"}}, "/approvals")
