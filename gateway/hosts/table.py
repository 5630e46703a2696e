"""Which hosts there are: where each keeps its servers, under which key, and how an entry is written. Data.

Where each file is, and what stands in it, comes from the makers' own pages, looked up in November 2026:

- Claude Code: `~/.claude.json` (user; local below `projects`), `.mcp.json` (project); https://code.claude.com/docs/en/mcp
- Claude Desktop: https://modelcontextprotocol.io/quickstart/user; there is no official build for Linux, whose ports
  keep the file in the folder that Electron gives them
- Cursor: https://cursor.com/docs/mcp
- VS Code: https://code.visualstudio.com/docs/agents/reference/mcp-configuration
- Windsurf: https://docs.windsurf.com/windsurf/cascade/mcp (`~/.codeium/mcp_config.json` is its plugins' file)
- Codex: https://developers.openai.com/codex/mcp and /codex/config-reference (`.codex/` counts in trusted projects)
- Gemini CLI: https://geminicli.com/docs/tools/mcp-server
- Zed: https://zed.dev/docs/ai/mcp and https://zed.dev/docs/configuring-zed

A path begins with a name in braces, which `sections` fills in. `windows` is here for whoever ports the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.config.places import KeyPath

__all__ = ["HOSTS", "WORKSPACE", "Format", "Host", "Location", "Placeholders", "Scope"]

Scope = Literal["user", "workspace"]
Format = Literal["json", "toml"]
Placeholders = Literal["plain", "env", "dollar", "none"]

WORKSPACE = "{workspace}"


@dataclass(frozen=True, slots=True)
class Location:
    """One place for servers: a file on each system (`*`: on all), and the key below which they stand.

    `off` are lists of servers that are switched off: a file (empty: this one), and the key of the list.
    """

    scope: Scope
    paths: Mapping[str, str]
    key: KeyPath
    off: tuple[tuple[str, KeyPath], ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """An application with MCP servers.

    `placeholders` is how it writes an environment variable: `${X}` (plain), `${env:X}` (env), `$X` or `${X}` (dollar),
    or not at all. `url_key` is where the address of a Streamable HTTP server stands; empty if it has none. `typed`: its
    entries say `type`. `extra` belongs into an entry that a person adds.
    """

    name: str
    title: str
    locations: tuple[Location, ...]
    format: Format = "json"
    placeholders: Placeholders = "none"
    url_key: str = "url"
    typed: bool = False
    extra: tuple[tuple[str, str], ...] = ()


def _user(path: str, *key: str, off: tuple[tuple[str, KeyPath], ...] = ()) -> Location:
    return Location("user", {"*": path}, key, off)


def _workspace(path: str, *key: str, off: tuple[tuple[str, KeyPath], ...] = ()) -> Location:
    return Location("workspace", {"*": f"{WORKSPACE}/{path}"}, key, off)


def _application(name: str, file: str, *key: str) -> Location:
    """Below the folder that each system has for the data of applications."""
    paths = {"linux": "{config}", "darwin": "{support}", "windows": "{appdata}"}
    return Location("user", {system: f"{folder}/{name}/{file}" for system, folder in paths.items()}, key)


_CLAUDE = "{claude}/.claude.json"
_CLAUDE_OFF = (("", ("projects", WORKSPACE, "disabledMcpServers")),)
_SHARED_OFF = (
    (_CLAUDE, ("projects", WORKSPACE, "disabledMcpjsonServers")),
    ("{home}/.claude/settings.json", ("disabledMcpjsonServers",)),
    (f"{WORKSPACE}/.claude/settings.json", ("disabledMcpjsonServers",)),
    (f"{WORKSPACE}/.claude/settings.local.json", ("disabledMcpjsonServers",)),
)
_GEMINI_OFF = (("", ("mcp", "excluded")),)

HOSTS: tuple[Host, ...] = (
    Host(
        "claude-code",
        "Claude Code",
        (
            _user(_CLAUDE, "mcpServers", off=_CLAUDE_OFF),
            Location("workspace", {"*": _CLAUDE}, ("projects", WORKSPACE, "mcpServers"), _CLAUDE_OFF),
            _workspace(".mcp.json", "mcpServers", off=_SHARED_OFF),
        ),
        placeholders="plain",
        typed=True,
    ),
    Host(
        "claude-desktop",
        "Claude Desktop",
        (_application("Claude", "claude_desktop_config.json", "mcpServers"),),
        url_key="",
    ),
    Host(
        "cursor",
        "Cursor",
        (_user("{home}/.cursor/mcp.json", "mcpServers"), _workspace(".cursor/mcp.json", "mcpServers")),
        placeholders="env",
    ),
    Host(
        "vscode",
        "VS Code",
        (
            _application("Code/User", "mcp.json", "servers"),
            _application("Code - Insiders/User", "mcp.json", "servers"),
            _workspace(".vscode/mcp.json", "servers"),
        ),
        placeholders="env",
        typed=True,
    ),
    Host(
        "windsurf",
        "Windsurf",
        (
            _user("{home}/.codeium/windsurf/mcp_config.json", "mcpServers"),
            _user("{home}/.codeium/mcp_config.json", "mcpServers"),
        ),
        placeholders="env",
        url_key="serverUrl",
    ),
    Host(
        "codex",
        "Codex",
        (_user("{codex}/config.toml", "mcp_servers"), _workspace(".codex/config.toml", "mcp_servers")),
        format="toml",
    ),
    Host(
        "gemini",
        "Gemini CLI",
        (
            _user("{home}/.gemini/settings.json", "mcpServers", off=_GEMINI_OFF),
            _workspace(".gemini/settings.json", "mcpServers", off=_GEMINI_OFF),
        ),
        placeholders="dollar",
        url_key="httpUrl",
    ),
    Host(
        "zed",
        "Zed",
        (
            Location(
                "user",
                {
                    "linux": "{config}/zed/settings.json",
                    "darwin": "{home}/.config/zed/settings.json",
                    "windows": "{appdata}/Zed/settings.json",
                },
                ("context_servers",),
            ),
            _workspace(".zed/settings.json", "context_servers"),
        ),
        extra=(("source", "custom"),),
    ),
)
