"""A server that acts for each user, behind `toolgate serve` and several of them in front: nobody is anybody else."""

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fixtures.auth_server import AuthServer, serving
from tests.fixtures.served import ERAS, INITIALIZE, INITIALIZED, Gateway, Wire, request, text_of
from tests.fixtures.serving import Project

BROWSER = f'{sys.executable} -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])" %s'
SETTINGS = """
[identity]
user = "user:operator"
[serve]
api_keys = true
[network]
allow = ["127.0.0.1"]
[servers.tracker]
auth = "oauth"
"""

both = pytest.mark.parametrize("behind", list(ERAS))
before = pytest.mark.parametrize("era", list(ERAS))


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with serving() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, auth: AuthServer, behind: str) -> Project:
    """The server speaks the era `behind`; ann, bob and the operator are logged in."""
    made = Project(tmp_path)
    made.write(f'{SETTINGS}era = "{behind}"\n', {"tracker": {"url": auth.mcp}})
    for user in ("operator", "ann", "bob"):
        log_in(made, auth, user)
    return made


def log_in(project: Project, auth: AuthServer, user: str, *more: str) -> None:
    auth.knobs.user = user
    done = project.give("login", "tracker", "--as", f"user:{user}", *more, BROWSER=BROWSER)
    assert done.returncode == 0, done.stderr


class Clients(contextlib.ExitStack):
    """Clients of one gateway, closed together."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway

    def of(self, era: str, key: str, capabilities: Any = None) -> Wire:
        """One more, after its handshake; with `capabilities` it can be asked."""
        http = self.enter_context(httpx2.Client(timeout=60, headers={"authorization": f"Bearer {key}"}))
        found = Wire(self.gateway.url, era, http)
        if era == "legacy":
            answer = found.post(request("initialize", {**INITIALIZE, "capabilities": capabilities or {}}))
            found.session = answer.headers["mcp-session-id"]
            found.post(INITIALIZED)
        return found


@both
@before
def test_each_call_is_its_callers_own_at_the_server_and_shares_nothing_with_others(
    project: Project, auth: AuthServer, era: str
) -> None:
    keys = {user: project.key(f"user:{user}") for user in ("ann", "bob", "eve")}
    with project.serve() as gateway, ThreadPoolExecutor(4) as threads, Clients(gateway) as made:
        ask: dict[str, Any] = {"elicitation": {"form": {}}}
        clients = [
            (user, made.of(era, keys[user], able))
            for user in ("ann", "bob")
            for able in ((None, ask) if era == "legacy" else (None,))
        ]
        calls = [(user, threads.submit(one.call, "tracker__whoami")) for user, one in clients * 4]
        assert {(user, text_of(call.result(60))) for user, call in calls} == {("ann", "ann"), ("bob", "bob")}
        for able in (None, ask):
            refused = made.of(era, keys["eve"], able).call("tracker__whoami")
            assert refused["isError"]
            needed = "`user:eve` is not logged in: log in with `toolgate login tracker --as user:eve`"
            assert needed in text_of(refused)
    assert set(auth.calls) == {"ann", "bob"}
    for shared in ("session", "peer"):
        held: dict[str, set[str]] = {}
        for post in auth.posts:
            if post[shared] and post["user"]:
                held.setdefault(post[shared], set()).add(post["user"])
        assert all(len(owners) == 1 for owners in held.values()), (shared, held)


@both
def test_a_log_in_for_more_scopes_is_asked_for_by_name_and_ends_the_refusals(
    project: Project, auth: AuthServer
) -> None:
    key = project.key("user:ann")
    with project.serve() as gateway, Clients(gateway) as made:
        ann = made.of("modern", key)
        auth.knobs.call_scopes = "notes:write"
        refused = text_of(ann.call("tracker__whoami"))
        command = "toolgate login tracker --as user:ann --scope notes:write"
        assert f"it wants the scope `notes:write` of `user:ann`: log in with `{command}`" in refused
        log_in(project, auth, "ann", "--scope", "notes:write")
        gateway.until(lambda: text_of(ann.call("tracker__whoami")) == "ann")
    assert auth.calls == ["ann"]
