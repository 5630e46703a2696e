import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.hosts import Home, workspace
from tests.gateway.cli.conftest import Command


@pytest.fixture
def home(folder: Path, tmp_path: Path) -> Home:
    return Home(tmp_path / "home", folder)


def entries(home: Home, host: str, key: str = "mcpServers") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.files[host].read_text())[key]
    return found


def test_a_client_without_a_file_gets_one_and_loses_it_again(home: Home, toolgate: Command) -> None:
    done = toolgate("connect", "cursor")
    assert done.code == 0, done.err
    assert "changed  ~/.cursor/mcp.json" in done.out
    assert entries(home, "cursor")["toolgate"]["args"][:3] == ["serve", "--stdio", "--project"]
    assert "this gateway has no servers yet" in done.out
    once = home.bytes()
    assert "goes through Toolgate already" in toolgate("connect", "cursor").out
    assert home.bytes() == once
    assert toolgate("connect", "cursor", "--undo").out == "removed  ~/.cursor/mcp.json\n"
    assert not home.files["cursor"].exists()


def test_what_a_client_has_stays_beside_the_gateway(
    home: Home, toolgate: Command, bare: Path, golden: Callable[[str, Any], None]
) -> None:
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": workspace(home.folder / "files")}}))
    before = home.write("codex", '[mcp_servers.mine]\ncommand = "x"\n').read_bytes()
    said = toolgate("connect", "codex", "--json")
    assert said.code == 0
    assert said.json["proof"]["allowed"]["tool"] == "echo/list_files"
    golden("cli_connect", json.loads(said.out.replace(str(home.folder), "<home>")))
    servers = tomllib.loads(home.files["codex"].read_text())["mcp_servers"]
    assert set(servers) == {"mine", "toolgate"}
    assert servers["toolgate"]["args"][-1] == str(bare)
    toolgate("connect", "codex", "--undo")
    assert home.files["codex"].read_bytes() == before


def test_a_name_that_is_taken_is_not_replaced(home: Home, toolgate: Command, bare: Path) -> None:
    other = {"command": "toolgate", "args": ["serve", "--stdio", "--project", "/another"]}
    home.servers("cursor", {"toolgate": other})
    assert toolgate("connect", "cursor").code == 0
    assert entries(home, "cursor")["toolgate"] == other
    assert entries(home, "cursor")["toolgate-gateway"]["args"][-1] == str(bare)


def test_a_profile_stands_beside_the_whole_under_a_name_of_its_own(home: Home, toolgate: Command, bare: Path) -> None:
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": workspace(home.folder / "files")}}))
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + '[profiles.stock]\ntools = ["echo/list_files"]\n')
    assert toolgate("connect", "cursor").code == 0
    said = toolgate("connect", "cursor", "--profile", "stock", "--json")
    assert (said.code, said.json["changed"], said.json["proof"]["tools"]) == (0, True, 1)
    assert set(entries(home, "cursor")) == {"toolgate", "toolgate-stock"}
    assert entries(home, "cursor")["toolgate-stock"]["args"][-3:] == [str(bare), "--profile", "stock"]
    for again in ([], ["--profile", "stock"]):
        assert "goes through Toolgate already" in toolgate("connect", "cursor", *again).out
    toolgate("connect", "windsurf", "--http", "--profile", "stock")
    assert entries(home, "windsurf") == {"toolgate-stock": {"serverUrl": "http://127.0.0.1:8765/mcp/stock"}}
    assert "goes through Toolgate already" in toolgate("connect", "windsurf", "--profile", "stock").out
    assert toolgate("connect", "windsurf").out.startswith("changed")
    once = home.bytes()
    wrong = toolgate("connect", "zed", "--profile", "stok")
    assert (wrong.code, "did you mean `stock`" in wrong.err) == (2, True)
    assert home.bytes() == once


def test_by_address_it_says_when_nobody_serves_there(home: Home, toolgate: Command, bare: Path) -> None:
    (bare / "toolgate.toml").write_text('[serve]\nport = 9\n[identity]\nuser = "user:ann"\n')
    done = toolgate("connect", "windsurf", "--http")
    assert done.code == 4
    assert "the gateway does not answer: http://127.0.0.1:9: " in done.err
    assert "start it with `" in done.err
    assert entries(home, "windsurf") == {"toolgate": {"serverUrl": "http://127.0.0.1:9/mcp"}}


@pytest.fixture
def closed() -> Iterator[int]:
    """The port of a gateway that runs, and lets in who brings `Bearer tg_good`: to an answer that is none."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"] or 0))
            self.send_response(404 if self.headers.get("authorization") == "Bearer tg_good" else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_by_address_a_gateway_with_keys_is_given_the_variable_of_one(
    home: Home, toolgate: Command, bare: Path, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = f"[serve]\nport = {closed}\napi_keys = true\n"
    (bare / "toolgate.toml").write_text(f'{serve}[identity]\nuser = "user:ann"\n')
    refused = toolgate("connect", "cursor", "--http")
    assert (refused.code, "say --key-env NAME" in refused.err) == (3, True)
    assert not home.files["cursor"].exists()

    done = toolgate("connect", "cursor", "--http", "--key-env", "TG_KEY")
    assert (done.code, "it runs, and was not tried: " in done.err) == (0, True), done.err
    assert "`TG_KEY` is not set here" in done.err
    headers = {"Authorization": "Bearer ${env:TG_KEY}"}
    assert entries(home, "cursor")["toolgate"] == {"url": f"http://127.0.0.1:{closed}/mcp", "headers": headers}
    monkeypatch.setenv("TG_KEY", "tg_bad")
    again = toolgate("connect", "cursor", "--http")
    assert "goes through Toolgate already" in again.out
    assert "`TG_KEY` is no key that is good there" in again.err
    assert "tg_bad" not in again.err
    monkeypatch.setenv("TG_KEY", "tg_good")
    assert "HTTP 404" in toolgate("connect", "cursor", "--http").err
    assert toolgate("connect", "cursor", "--http", "--key-env", "OTHER").out.startswith("changed")
    assert entries(home, "cursor")["toolgate"]["headers"] == {"Authorization": "Bearer ${env:OTHER}"}


def test_wrong_uses_change_nothing(home: Home, toolgate: Command, bare: Path) -> None:
    assert "only starts programs" in toolgate("connect", "claude-desktop", "--http").err
    assert "did you mean `cursor`" in toolgate("connect", "curser").err
    assert toolgate("connect", "cursor", "--force").code == 2
    assert toolgate("connect", "cursor", "--key-env", "X").code == 2
    assert toolgate("connect", "cursor", "--http", "--key-env", "tg_12-3").code == 2
    assert "puts no variables into headers" in toolgate("connect", "zed", "--http", "--key-env", "X").err
    (bare / "toolgate.toml").write_text("[serve]\nport = 0\n")
    assert toolgate("connect", "cursor", "--http").code == 3
    for host, text in (("cursor", b"not json"), ("claude-code", b"not json"), ("zed", b'{"context_servers": null}')):
        home.write(host, text)
        done = toolgate("connect", host)
        assert (done.code, done.err.count("error: ")) == (3, 1)
        assert home.bytes()[host] == text
