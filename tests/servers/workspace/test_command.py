import asyncio
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from servers.workspace.command import main


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_workspace_serves_both_eras_over_stdio(tmp_path: Path, mode: str, version: str) -> None:
    root = tmp_path / "new" / "root"
    child = StdioServerParameters(command=sys.executable, args=["-m", "servers.workspace", "--root", str(root)])

    async def scenario() -> None:
        async with Client(child, mode=mode) as client:
            assert client.protocol_version == version
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == ["list_files", "read_file", "write_file", "move_file", "delete_file"]
            await client.call_tool("write_file", {"path": "a.txt", "content": "x"})
            assert (await client.call_tool("read_file", {"path": "../a.txt"})).is_error

    asyncio.run(scenario())
    assert (root / "a.txt").read_text() == "x"


def test_a_root_that_is_no_folder_ends_with_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit) as caught:
        main(["--root", str(file)])
    assert caught.value.code == 1
    assert capsys.readouterr().err == f"--root `{file}` can't be used: File exists\n"


def test_the_root_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "--root" in capsys.readouterr().err
