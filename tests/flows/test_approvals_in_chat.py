"""A chat tool on loopback is told of what waits by `toolgate serve`, over kills and in two processes, and answers."""

import contextlib
import json
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.store.outbox import LEASE
from gateway.webhook import headers_of, key_of, verified
from tests.fixtures.served import FIXTURES, PATIENCE, Gateway, approval_in, text_of
from tests.fixtures.serving import Project

Json = dict[str, Any]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = key_of(SECRET)
LINES = (
    "p, *, *, tally/*, call, , allow, for all",
    "p, *, *, tally/send, call, , ask, a person looks at it",
    "p, user:bob, *, tally/*, approve, , allow, bob decides",
)
SEND: Json = {"word": "a"}


class Chat:
    """What it was told, once it was signed. `status` is what it answers."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, Json]] = queue.Queue()
        self.status = 200
        told, chat = self.told, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                message = verified(KEY, headers, body, time.time()).id
                self.send_response(chat.status)
                self.send_header("content-length", "0")
                self.end_headers()
                told.put((message, json.loads(body)))

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - the library's own name

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> tuple[str, Json]:
        return self.told.get(timeout=PATIENCE)


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@pytest.fixture
def project(tmp_path: Path, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("CHAT_SECRET", SECRET)
    made = Project(tmp_path)
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(tmp_path / "calls")]
    settings = (
        f'[identity]\nuser = "user:ann"\n[network]\nallow = ["127.0.0.1"]\n[approvals.webhook]\nurl = "{chat.url}"\n'
        'secret = "${CHAT_SECRET}"\nusers = {U1 = "user:bob", U2 = "user:ann"}\n'
    )
    made.write(settings, {"tally": {"command": sys.executable, "args": arguments}}, *LINES)
    return made


def arrived(project: Project) -> list[Json]:
    file = project.folder / "calls"
    return [json.loads(line)["arguments"] for line in file.read_text().splitlines()] if file.exists() else []


def waits(gateway: Gateway) -> str:
    with gateway.client("modern") as wire:
        return approval_in(wire.call("tally__send", SEND))


def press(gateway: Gateway, told: Json, message: str, **other: Any) -> httpx2.Response:
    """Somebody presses the button under this message."""
    said = {"approval": told["id"], "digest": told["digest"], "decision": "approved", "user": "U1"} | other
    body = json.dumps(said).encode()
    headers = {**headers_of(KEY, message, time.time(), body), "content-type": "application/json"}
    address = f"{gateway.url.removesuffix('/mcp')}/approvals/{told['id']}/answer"
    return httpx2.post(address, content=body, headers=headers, timeout=PATIENCE)


def test_a_button_in_a_chat_tool_has_the_call_made_once(project: Project, chat: Chat) -> None:
    with project.serve() as gateway:
        approval = waits(gateway)
        message, told = chat.next()
        assert (message, told["data"]["arguments"]) == (f"{approval}.approval.requested", SEND)
        assert press(gateway, told["data"], "m0", user="U2").status_code == 403
        assert press(gateway, told["data"], "m1").json()["state"] == "approved"
        assert press(gateway, told["data"], "m1").status_code == 409
        message, told = chat.next()
        assert (message, told["data"]["decided_by"]) == (f"{approval}.approval.decided", "user:bob")
        with gateway.client("modern") as wire:
            assert text_of(wire.call("tally__send", SEND)) == "send done"
        address = f"{gateway.url.removesuffix('/mcp')}/approvals"
        assert httpx2.get(address, timeout=PATIENCE).status_code == 404  # nobody logs in: only signed answers are taken
    assert arrived(project) == [SEND]
    assert SECRET not in project.log


def expire_deliveries(project: Project) -> None:
    """The time goes by that whoever took a message has to deliver it."""
    with contextlib.closing(sqlite3.connect(project.folder / ".toolgate" / "toolgate.db")) as store, store:
        assert store.execute("UPDATE deliveries SET due = due - ?", (LEASE,)).rowcount == 1


def test_a_message_outlives_the_gateway_that_could_not_deliver_it(project: Project, chat: Chat) -> None:
    chat.status = 500
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(project.serve())
        approval = waits(gateway)
        assert chat.next()[0] == f"{approval}.approval.requested"
        gateway.kill()
    expire_deliveries(project)
    chat.status = 200
    with project.serve() as one, project.serve() as two:
        message, told = chat.next()
        assert message == f"{approval}.approval.requested"
        assert press(one, told["data"], "m1", decision="denied").json()["state"] == "denied"
        assert press(two, told["data"], "m1").status_code == 409
        assert chat.next()[0] == f"{approval}.approval.decided"
    assert chat.told.empty()
    assert arrived(project) == []


def test_a_webhook_without_its_secret_is_an_error_of_the_configuration(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SECRET", "not one")
    done = project.give("serve", "--port", "0")
    assert done.returncode == 3
    assert "approvals.webhook.secret" in done.stderr
    assert "not one" not in done.stderr
