import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.folders import Folders, find_folders
from gateway.errors import ConfigError
from gateway.hosts.sections import Section, edited, find_sections, sections_of
from gateway.hosts.table import HOSTS

ENTRY = {"command": "toolgate", "args": ["serve"]}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setattr("sys.platform", "linux")
    work = tmp_path / "work"
    work.mkdir()
    return find_folders(work, {"HOME": str(tmp_path)})


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def found(folders: Folders, **environ: str) -> list[Section]:
    return list(find_sections(folders, environ).found)


def only(folders: Folders) -> Section:
    (section,) = found(folders)
    return section


SERVERS = {"a": {"command": "x"}}

PLACES = [
    ("claude-code", ".claude.json", {"mcpServers": SERVERS}),
    ("claude-code", "work/.mcp.json", {"mcpServers": SERVERS}),
    ("claude-desktop", ".config/Claude/claude_desktop_config.json", {"mcpServers": SERVERS}),
    ("cursor", ".cursor/mcp.json", {"mcpServers": SERVERS}),
    ("cursor", "work/.cursor/mcp.json", {"mcpServers": SERVERS}),
    ("vscode", ".config/Code/User/mcp.json", {"servers": SERVERS, "inputs": []}),
    ("vscode", "work/.vscode/mcp.json", {"servers": SERVERS}),
    ("windsurf", ".codeium/windsurf/mcp_config.json", {"mcpServers": SERVERS}),
    ("codex", ".codex/config.toml", '[mcp_servers.a]\ncommand = "x"\n'),
    ("codex", "work/.codex/config.toml", '[mcp_servers.a]\ncommand = "x"\n'),
    ("gemini", ".gemini/settings.json", {"mcpServers": SERVERS}),
    ("gemini", "work/.gemini/settings.json", {"mcpServers": SERVERS}),
    ("zed", ".config/zed/settings.json", {"context_servers": SERVERS}),
    ("zed", "work/.zed/settings.json", {"context_servers": SERVERS}),
]


@pytest.mark.parametrize(("host", "path", "value"), PLACES)
def test_each_host_is_found_where_it_keeps_its_servers(
    folders: Folders, tmp_path: Path, host: str, path: str, value: Any
) -> None:
    write(tmp_path / path, value)
    section = only(folders)
    assert (section.host.name, section.source.path, section.servers) == (host, tmp_path / path, SERVERS)
    assert section.workspace == (folders.workspace if path.startswith("work/") else None)


def test_on_macos_applications_keep_them_elsewhere(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    support = tmp_path / "Library" / "Application Support"
    write(support / "Claude" / "claude_desktop_config.json", {"mcpServers": SERVERS})
    write(support / "Code" / "User" / "mcp.json", {"servers": SERVERS})
    assert [section.host.name for section in found(folders)] == ["claude-desktop", "vscode"]


def test_the_hosts_own_variables_are_heard(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / "c" / "config.toml", '[mcp_servers.a]\ncommand = "x"\n')
    write(tmp_path / "d" / ".claude.json", {"mcpServers": SERVERS})
    some = found(folders, CODEX_HOME=str(tmp_path / "c"), CLAUDE_CONFIG_DIR=str(tmp_path / "d"))
    assert [section.host.name for section in some] == ["claude-code", "codex"]


def test_claude_codes_servers_of_one_folder_are_a_section_of_their_own(folders: Folders, tmp_path: Path) -> None:
    projects = {str(folders.workspace): {"mcpServers": SERVERS}, "/other": {"mcpServers": {"b": {}}}}
    write(tmp_path / ".claude.json", {"mcpServers": {}, "projects": projects})
    section = only(folders)
    assert section.key == ("projects", str(folders.workspace), "mcpServers")


def test_lists_of_what_is_switched_off_are_read_wherever_they_are(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / "work" / ".mcp.json", {"mcpServers": {name: {"command": "x"} for name in "abcd"}})
    write(tmp_path / ".claude.json", {"projects": {str(folders.workspace): {"disabledMcpjsonServers": ["a"]}}})
    write(tmp_path / "work" / ".claude" / "settings.local.json", {"disabledMcpjsonServers": ["b"]})
    write(tmp_path / ".claude" / "settings.json", "not json")
    assert only(folders).off == {"a", "b"}
    write(tmp_path / ".gemini" / "settings.json", {"mcpServers": SERVERS, "mcp": {"excluded": ["a"]}})
    assert found(folders)[-1].off == {"a"}


def test_the_mcp_json_beside_a_toolgate_toml_is_toolgates_own(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / "work" / ".mcp.json", {"mcpServers": SERVERS})
    assert len(found(folders)) == 1
    write(tmp_path / "work" / "toolgate.toml", "")
    assert found(folders) == []


def test_a_file_that_is_two_places_at_once_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / ".cursor" / "mcp.json", {"mcpServers": SERVERS})
    assert only(find_folders(tmp_path, {"HOME": str(tmp_path)})).workspace is None


def test_a_broken_file_is_told_with_its_place_and_the_others_go_on(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / ".cursor" / "mcp.json", '{\n  "mcpServers": {,}\n}')
    write(tmp_path / ".codex" / "config.toml", "[mcp_servers\n")
    write(tmp_path / ".gemini" / "settings.json", {"mcpServers": []})
    write(tmp_path / ".config" / "zed" / "settings.json", {"context_servers": SERVERS})
    some = find_sections(folders, {})
    assert [section.host.name for section in some.found] == ["zed"]
    assert [(Path(problem.file).name, problem.line) for problem in some.problems] == [
        ("mcp.json", 2),
        ("config.toml", 1),
        ("settings.json", 1),
    ]


def test_an_empty_file_holds_nothing_and_is_no_mistake(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / ".cursor" / "mcp.json", "\n")
    assert find_sections(folders, {}).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = {a = {command = "x"}}\n',
        '[mcp_servers]\na = {command = "x"}\n',
        '[mcp_servers]\na.command = "x"\n',
        'mcp_servers.a.command = "x"\n',
    ],
)
def test_a_toml_that_is_written_otherwise_is_refused_and_not_damaged(
    folders: Folders, tmp_path: Path, text: str
) -> None:
    write(tmp_path / ".codex" / "config.toml", text)
    section = only(folders)
    with pytest.raises(ConfigError, match="can't be changed safely"):
        edited(section, section.source.text, ["a"], {"toolgate": ENTRY})


@pytest.mark.parametrize("text", ['{"mcpServers": null}', '{"mcpServers": null, "x": 1}'])
def test_where_null_stands_for_no_servers_none_is_put_in(folders: Folders, tmp_path: Path, text: str) -> None:
    write(tmp_path / ".cursor" / "mcp.json", text)
    (cursor,) = (host for host in HOSTS if host.name == "cursor")
    section = next(sections_of(cursor, folders, {}, []))
    assert section.servers == {}
    with pytest.raises(ConfigError, match=r"mcp.json: error: it is written in a form that can't be changed safely"):
        edited(section, section.source.text, [], {"toolgate": ENTRY})


def test_an_edit_takes_out_and_puts_in(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / ".codex" / "config.toml", 'x = 1\n\n[mcp_servers.a]\ncommand = "x"\n')
    section = only(folders)
    assert edited(section, section.source.text, ["a"], {}) == "x = 1\n\n"
    assert edited(section, section.source.text, ["a"], {"t": {"command": "y"}}) == (
        'x = 1\n\n[mcp_servers.t]\ncommand = "y"\n'
    )


def test_nothing_of_a_section_shows_in_a_repr(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / ".cursor" / "mcp.json", {"mcpServers": {"a": {"env": {"T": "ghp_secret"}}}})
    assert "secret" not in repr(only(folders))


def test_every_host_of_the_table_is_looked_for(folders: Folders, tmp_path: Path) -> None:
    for _, path, value in PLACES:
        write(tmp_path / path, value)
    assert {section.host.name for section in found(folders)} == {host.name for host in HOSTS}
