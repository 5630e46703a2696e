"""What a key or a token opened, when it is not good any more: `toolgate serve` as a process, `toolgate keys revoke`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.issuer import Issuer
from tests.fixtures.served import ERAS, INITIALIZE, INITIALIZED, Gateway, Wire, request
from tests.fixtures.serving import Project
from tests.flows.test_login import ECHO_ENTRY, KEYS, oauth, token

eras = pytest.mark.parametrize("era", list(ERAS))
LISTEN = {"notifications": {"toolsListChanged": True}}


@contextlib.contextmanager
def client(gateway: Gateway, era: str, credential: str) -> Iterator[Wire]:
    with httpx2.Client(timeout=60, headers={"authorization": f"Bearer {credential}"}) as http:
        found = Wire(gateway.url, era, http)
        if era == "legacy":
            found.session = found.post(request("initialize", INITIALIZE)).headers["mcp-session-id"]
            found.post(INITIALIZED)
        yield found


@contextlib.contextmanager
def listening(client: Wire) -> Iterator[Iterator[str]]:
    """The lines of this client's stream; of an open one there is the first when this begins."""
    message = request("subscriptions/listen", LISTEN, client.era, 7)
    headers = client.headers(message) | {"accept": "application/json, text/event-stream"}
    verb = {"modern": "POST", "legacy": "GET"}[client.era]
    body = message if client.era == "modern" else None
    with client.http.stream(verb, client.url, json=body, headers=headers) as stream:
        assert stream.status_code == 200
        yield stream.iter_lines()


@eras
def test_a_stream_ends_when_its_key_is_revoked_and_others_go_on(tmp_path: Path, era: str) -> None:
    project = Project(tmp_path)
    project.write(KEYS, {"echo": ECHO_ENTRY})
    revoked, good = project.key("user:ann"), project.key("user:ann")
    with (
        project.serve() as gateway,
        client(gateway, era, revoked) as one,
        client(gateway, era, good) as other,
        listening(other) as kept,
        listening(one) as ended,
    ):
        if era == "modern":
            assert "acknowledged" in next(line for line in ended if line.startswith("data: "))
        assert project.give("keys", "revoke", revoked.split("_")[1]).returncode == 0
        assert not [line for line in ended if line.startswith("data: ")]  # to its end
        assert other.ask("tools/list")["result"]["tools"]
        assert gateway.stop() == 0
        list(kept)  # ended only now


def test_a_session_ends_when_the_key_that_uses_it_is_revoked(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(KEYS, {"echo": ECHO_ENTRY})
    revoked, good = project.key("user:ann"), project.key("user:ann")
    with project.serve() as gateway, client(gateway, "legacy", revoked) as one:
        with listening(one) as stream:
            project.give("keys", "revoke", revoked.split("_")[1])
            list(stream)
        with client(gateway, "legacy", good) as other:
            own, other.session = other.session, one.session
            listed = request("tools/list", {})
            gateway.until(lambda: other.post(listed).status_code == 404)
            other.session = own
            assert other.post(listed).status_code == 200


@eras
def test_a_stream_ends_with_its_token_and_a_session_waits_for_the_next(tmp_path: Path, era: str) -> None:
    project = Project(tmp_path)
    with Issuer() as issuer:
        project.write(oauth(issuer, "leeway = 1"), {"echo": ECHO_ENTRY})
        with project.serve() as gateway, client(gateway, era, token(issuer)) as one:
            one.http.headers["authorization"] = f"Bearer {token(issuer, exp=in_seconds(6))}"  # for the stream alone
            with listening(one) as stream:
                list(stream)  # to its end
            assert one.post(request("tools/list", {}, era)).status_code == 401
            one.http.headers["authorization"] = f"Bearer {token(issuer)}"
            assert one.post(request("tools/list", {}, era)).status_code == 200


def in_seconds(seconds: int) -> int:
    return int(time.time()) + seconds
