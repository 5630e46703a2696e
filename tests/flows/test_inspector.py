"""The Inspector's command line lists and calls through the gateway, over both transports and in both eras."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import node
from tests.fixtures.everything.starting import everything
from tests.fixtures.project import Project

PATIENCE = 60


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """How the Inspector gets to the gateway: its entries in an `mcp.json`."""
    with everything("stdio") as entry:
        project = Project.plain(tmp_path_factory.mktemp("inspector"), entry)
        program, *arguments = project.command("serve", "--stdio")
        with project.serve() as gateway:
            yield {
                "stdio": {"command": program, "args": arguments},
                "http": {"type": "streamable-http", "url": gateway.url},
            }


def inspect(entry: dict[str, Any], folder: Path, *arguments: str) -> dict[str, Any]:
    """The result that it prints."""
    file = folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"gateway": entry}}), encoding="utf-8")
    command = [*node.inspector(), "--cli", "--config", str(file), "--server", "gateway", *arguments, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_the_inspector_lists_and_calls(transport: str, era: str, ways: dict[str, Any], tmp_path: Path) -> None:
    entry = ways[transport] | {"protocolEra": era}
    listed = inspect(entry, tmp_path, "--method", "tools/list")
    assert "test_simple_text" in [tool["name"] for tool in listed["tools"]]
    called = inspect(entry, tmp_path, "--method", "tools/call", "--tool-name", "test_image_content")
    assert called["content"][0]["mimeType"] == "image/png"
