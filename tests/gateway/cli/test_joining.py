"""With a gateway that serves; the other ways are tested at the front door (`test_connecting`)."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

from gateway.cli.joining import Way, join
from gateway.config.folders import find_folders
from gateway.hosts.home import find_home
from gateway.hosts.table import HOSTS
from tests.fixtures.forked import Forked
from tests.fixtures.hosts import workspace
from tests.gateway.cli.terminal import PATIENCE


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_by_address_the_proof_goes_through_the_gateway_that_serves(bare: Path, tmp_path: Path) -> None:
    port = free_port()
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": workspace(tmp_path / "files")}}))
    settings = f'[serve]\nport = {port}\n[identity]\nuser = "user:ann"\n'
    (bare / "toolgate.toml").write_text(f'{settings}[profiles.part]\ntools = ["echo/list_files"]\n')
    folders = find_folders(bare, {"HOME": str(tmp_path / "home")})
    (cursor,) = [host for host in HOSTS if host.name == "cursor"]
    file = tmp_path / "home/.cursor/mcp.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"mcpServers": {"other": {"command": "x"}}}')
    assert asyncio.run(join(cursor, folders, find_home(folders), Way(), as_json=False)) == 0
    assert "command" in json.loads(file.read_text())["mcpServers"]["toolgate"]  # it is started, and is changed below
    command = [sys.executable, "-m", "gateway.cli", "serve", "--json", "--project", str(bare)]
    with Forked(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        assert json.loads(served.stdout.readline())["tools"] == 5
        for profile in (None, "part"):
            assert asyncio.run(join(cursor, folders, find_home(folders), Way(True, profile), as_json=False)) == 0
        served.terminate()
        assert served.wait(PATIENCE) in (0, 130, -15)
    written = json.loads(file.read_text())
    url = f"http://127.0.0.1:{port}/mcp"
    ours = {"toolgate": {"url": url}, "toolgate-part": {"url": f"{url}/part"}}
    assert written == {"mcpServers": {"other": {"command": "x"}, **ours}}
