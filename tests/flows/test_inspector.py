"""The Inspector's command line lists, calls, reads and gets through the gateway, over both transports, in both eras."""

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


@pytest.mark.parametrize(("transport", "era"), [("http", "modern"), ("stdio", "legacy")])
def test_the_inspector_reads_resources_and_gets_prompts(
    transport: str, era: str, ways: dict[str, Any], tmp_path: Path
) -> None:
    entry = ways[transport] | {"protocolEra": era}
    resources = inspect(entry, tmp_path, "--method", "resources/list")["resources"]
    assert "test://static-text" in [resource["uri"] for resource in resources]
    templates = inspect(entry, tmp_path, "--method", "resources/templates/list")["resourceTemplates"]
    assert [template["uriTemplate"] for template in templates] == ["test://template/{id}/data"]
    read = inspect(entry, tmp_path, "--method", "resources/read", "--uri", "test://template/7/data")
    assert json.loads(read["contents"][0]["text"])["id"] == "7"
    prompts = inspect(entry, tmp_path, "--method", "prompts/list")["prompts"]
    assert "test_prompt_with_arguments" in [prompt["name"] for prompt in prompts]
    named = ("--prompt-name", "test_prompt_with_arguments", "--prompt-args", "arg1=a", "arg2=b")
    got = inspect(entry, tmp_path, "--method", "prompts/get", *named)
    assert "arg1='a', arg2='b'" in got["messages"][0]["content"]["text"]
