import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.login import told
from gateway.upstream.auth.grant import Grant
from tests.fixtures.auth_server import AuthServer, serving
from tests.gateway.cli.conftest import Command

BROWSER = f'{sys.executable} -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])" %s'


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with serving() as server:
        yield server


@pytest.fixture
def tracked(bare: Path, auth: AuthServer) -> Path:
    """The project, with a server that acts for each user."""
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + '[servers.tracker]\nauth = "oauth"\n[network]\nallow = ["127.0.0.1"]\n')
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"tracker": {"url": auth.mcp}}}))
    policy = bare / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "p, *, *, tracker/*, call, , allow, try it\n")
    return bare


def test_log_in_call_list_and_log_out(
    tracked: Path, auth: AuthServer, child: Command, golden: Callable[[str, Any], None]
) -> None:
    before = child("call", "tracker/whoami")
    assert before.code == 4
    assert "`user:ann` is not logged in: log in with `toolgate login tracker --as user:ann --tenant acme`" in before.err

    done = child("login", "tracker", "--json", BROWSER=BROWSER)
    assert (done.code, done.err.splitlines()[0]) == (0, "log in to tracker as user:ann here:")
    golden("cli_login", {**done.json, "issuer": "<issuer>", "resource": "<resource>"})

    assert child("call", "tracker/whoami").out == "ann\n"
    other = child("call", "tracker/whoami", "--as", "user:bob")
    assert other.code == 4
    assert "`user:bob` is not logged in" in other.err

    listed = child("login", "--list")
    assert listed.out.split() == ["tracker", "user:ann", "acme", auth.mcp, "logged", "in,", "renewed", "by", "itself"]
    assert child("login", "--list", "--json").json == [done.json]

    assert child("logout", "tracker").out == "tracker  user:ann  logged out\n"
    assert child("logout", "tracker", "--json").json["removed"] is False
    assert child("call", "tracker/whoami").code == 4

    shown = "".join(one.out + one.err for one in (before, done, other, listed))
    assert not [secret for secret in auth.secrets if secret in shown]


def test_the_answer_of_one_user_is_kept_for_that_user(tracked: Path, auth: AuthServer, child: Command) -> None:
    auth.knobs.user = "bob"
    assert child("login", "tracker", "--as", "user:bob", BROWSER=BROWSER).out.startswith("tracker  user:bob  logged in")
    assert child("call", "tracker/whoami", "--as", "user:bob").out == "bob\n"
    assert child("call", "tracker/whoami").code == 4


def test_scopes_are_asked_for_besides_those_that_there_are(tracked: Path, auth: AuthServer, child: Command) -> None:
    child("login", "tracker", "--scope", "read", BROWSER=BROWSER)
    done = child("login", "tracker", "--scope", "write", "--scope", "admin read", "--json", BROWSER=BROWSER)
    assert done.json["scopes"] == ["read", "write", "admin"]
    assert child("login", "tracker", "--json", BROWSER=BROWSER).json["scopes"] == []
    assert child("login", "tracker", "--scope", 'a"b').code == 2
    assert len(auth.asked("/authorize")) == 3


def test_a_user_who_says_no_is_told_so(tracked: Path, auth: AuthServer, child: Command) -> None:
    auth.knobs.consents = False
    refused = child("login", "tracker", BROWSER=BROWSER)
    assert refused.code == 4
    assert refused.err.endswith("the log-in failed: the authorization server said `access_denied`\n")


def test_other_servers_go_on_without_the_log_in(tracked: Path, echo_url: str, child: Command, auth: AuthServer) -> None:
    servers = {"tracker": {"url": auth.mcp}, "echo": {"url": echo_url}}
    (tracked / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    listed = child("tools", "--json").json
    assert {tool["server"] for tool in listed["tools"]} == {"echo"} if "server" in listed["tools"][0] else listed
    assert "toolgate login tracker" in json.dumps(listed)


def test_a_server_without_log_ins_says_how_it_gets_them(project: Path, toolgate: Command) -> None:
    refused = toolgate("login", "echo", "--json")
    assert refused.code == 3
    assert 'auth = "oauth"' in refused.error["message"]
    assert toolgate("login", "ecko").code == 3


@pytest.mark.parametrize("arguments", [[], ["tracker", "--list"]])
def test_a_server_or_the_list_is_asked_for(toolgate: Command, arguments: list[str]) -> None:
    assert toolgate("login", *arguments).code == 2


def test_no_log_ins_are_no_lines(project: Path, toolgate: Command) -> None:
    listed = toolgate("login", "--list")
    assert (listed.out, listed.err) == ("", "there are no log-ins: `toolgate login SERVER`\n")
    assert toolgate("login", "--list", "--json").json == []


def test_how_long_a_log_in_holds_is_said_without_a_token() -> None:
    now = time.time()
    assert told(Grant("t", now, refresh_token="r"), now) == "logged in, renewed by itself"
    assert told(Grant("t", now), now) == "logged in"
    assert told(Grant("t", now, now + 3600), now).startswith("logged in until 20")
    assert told(Grant("t", now, now - 1), now).startswith("ended 20")
