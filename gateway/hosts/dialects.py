"""A host's entry in our form, and the gateway's entry in a host's form. Pure.

Our form is that of `.mcp.json`: `command`, `args`, `env`, `cwd`, or `url`, `headers` and `type: sse`; and which tools
are there (`enabledTools`), or are not (`disabledTools`). What cannot be said in it is a reason to leave the server
where it is (`Foreign`), never a guess: an entry that means something else after the move is worse than one that has not
moved.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gateway.config.servers import starts_toolgate
from gateway.hosts.table import Host, Placeholders

__all__ = [
    "Foreign",
    "Translated",
    "http_entry",
    "is_gateway",
    "key_variable",
    "passes_variables",
    "points_to",
    "profile_of",
    "same",
    "stdio_entry",
    "translated",
]

_ADDRESSES = ("httpUrl", "serverUrl", "url")
_PLAIN = frozenset({"command", "args", "env", "cwd", "headers", "type", "disabled", "enabled", "source", *_ADDRESSES})
_ONLY = ("enabledTools", "enabled_tools", "includeTools")
_OFF = ("disabledTools", "disabled_tools", "excludeTools")
_CODEX = frozenset({"bearer_token_env_var", "http_headers", "env_http_headers", "env_vars"})
_HTTP_TYPES = frozenset({"http", "streamable-http", "streamableHttp", "streamable_http", "sse"})

# Without these the server would be another one: it would lack variables, a log-in, a cage.
_NEEDED: Mapping[str, str] = {
    "envFile": "its variables come from a file (`envFile`): put them into `env`, then import again",
    "oauth": "it needs a log-in (`oauth`), which stays with the client",
    "auth": "it needs a log-in (`auth`), which stays with the client",
    "authProviderType": "it needs a log-in (`authProviderType`), which stays with the client",
    "headersHelper": "a program makes its headers (`headersHelper`)",
    "tcp": "it speaks over a bare TCP connection",
    "sandbox": "the client runs it in a sandbox",
    "sandboxEnabled": "the client runs it in a sandbox",
}

_FORMS: Mapping[Placeholders, str] = {"plain": "${%s}", "env": "${env:%s}", "dollar": "${%s}", "none": ""}
_IN_HEADER = re.compile(r"Bearer \$\{(?:env:)?(\w+)\}")
_BRACED = re.compile(r"\$\{([^{}]*)\}")
_BARE_DOLLAR = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


class Foreign(ValueError):
    """An entry that can't be said in our form. The text says why; it never holds a value of the entry."""


@dataclass(frozen=True, slots=True)
class Translated:
    """An entry in our form, and the keys that have no effect here."""

    entry: Mapping[str, Any]
    dropped: tuple[str, ...] = ()


def translated(host: Host, value: Any, workspace: Path | None, home: Path) -> Translated:
    """The entry in our form. Raises Foreign.

    `workspace` is the folder to which a workspace's own file belongs: what it says in relative terms is made absolute,
    since the gateway starts elsewhere. `home` is the user's.
    """
    if not isinstance(value, Mapping):
        raise Foreign("it is not an object")
    for key, why in _NEEDED.items():
        if value.get(key):
            raise Foreign(why)
    if value.get("source") == "extension" or ("settings" in value and "command" not in value):
        raise Foreign("an extension of the client provides it")
    entry = _program(host, value, workspace, home) if "command" in value else _address(host, value, workspace)
    known = _PLAIN.union(_ONLY, _OFF, _CODEX if host.format == "toml" else ())
    return Translated({**entry, **_switched(value)}, tuple(sorted(set(value) - known)))


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two entries in our form describe the same server."""
    return _canonical(one) == _canonical(other)


def _canonical(entry: Mapping[str, Any]) -> str:
    """A switched-off server is another one: what is moved to it would be gone. So is one with other tools."""
    empty: tuple[Any, ...] = ([], {}, None, False)
    kept = {
        key: value for key, value in entry.items() if key == "enabledTools" or (value not in empty and key != "type")
    }
    return json.dumps(kept | {"sse": entry.get("type") == "sse"}, sort_keys=True)


# ---- theirs in our form


def _program(host: Host, value: Mapping[str, Any], workspace: Path | None, home: Path) -> Mapping[str, Any]:
    command: Any = value["command"]
    if isinstance(command, Mapping):  # Zed, before 2025-10: {"path": ..., "args": ..., "env": ...}
        value, command = {**value, **command}, command.get("path")
    say = _sayer(host, workspace)
    entry: dict[str, Any] = {"command": say(_text(command, "command"))}
    if args := _list(value.get("args"), "args"):
        entry["args"] = [say(argument) for argument in args]
    env = {name: say(text) for name, text in _texts(value.get("env"), "env").items()}
    env |= {_variable(item): f"${{{_variable(item)}:-}}" for item in value.get("env_vars") or ()}
    if env:
        entry["env"] = env
    cwd = say(_text(value["cwd"], "cwd")) if value.get("cwd") else ""
    if cwd or workspace:
        entry["cwd"] = cwd if cwd.startswith(("/", "${")) else str((workspace or home) / cwd)
    return entry


def _address(host: Host, value: Mapping[str, Any], workspace: Path | None) -> Mapping[str, Any]:
    key = next((key for key in _ADDRESSES if key in value), None)
    if key is None:
        raise Foreign("it has neither a `command` nor an address")
    say = _sayer(host, workspace)
    kind = value.get("type")
    url = say(_text(value[key], key))
    sse = kind == "sse" or (kind is None and (key == "url" if host.name == "gemini" else _old(url)))
    if kind is not None and kind not in _HTTP_TYPES:
        raise Foreign("its `type` goes with no address")
    headers = {name: say(text) for name, text in _texts(value.get("headers"), "headers").items()}
    headers |= _codex_headers(value)
    entry: dict[str, Any] = {"url": url}
    return entry | ({"headers": headers} if headers else {}) | ({"type": "sse"} if sse else {})


def _old(url: str) -> bool:
    """Whether it is the old HTTP+SSE, by its path: clients whose entries need no `type` find that out by themselves."""
    return url.partition("?")[0].rstrip("/").endswith("/sse")


def _switched(value: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Tools that somebody switched off stay off. Gemini CLI may say with which arguments one is there: `run(ls)`."""
    only = [_named_tools(value[key], key) for key in _ONLY if value.get(key) is not None]
    off = set[str]().union(*(_named_tools(value.get(key), key) for key in _OFF))
    there = {"enabledTools": sorted(set.intersection(*only))} if only else {}
    return there | ({"disabledTools": sorted(off)} if off else {})


def _named_tools(value: Any, key: str) -> set[str]:
    return {name.partition("(")[0] for name in _list(value, key)}


def _codex_headers(value: Mapping[str, Any]) -> Mapping[str, str]:
    headers = {name: _literal(text) for name, text in _texts(value.get("http_headers"), "http_headers").items()}
    named = _texts(value.get("env_http_headers"), "env_http_headers")
    headers |= {name: f"${{{variable}}}" for name, variable in named.items()}
    if token := value.get("bearer_token_env_var"):
        headers["Authorization"] = f"Bearer ${{{_text(token, 'bearer_token_env_var')}}}"
    return headers


def _variable(item: Any) -> str:
    """Codex names a variable, or a table with its name."""
    return _text(item.get("name") if isinstance(item, Mapping) else item, "env_vars")


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise Foreign(f"its `{key}` is not a text")
    return value


def _list(value: Any, key: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Foreign(f"its `{key}` is not a list of texts")
    return value


def _texts(value: Any, key: str) -> Mapping[str, str]:
    """Numbers and truths are what a program would see of them."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or any(isinstance(item, (Mapping, list)) for item in value.values()):
        raise Foreign(f"its `{key}` is not an object of texts")
    return {
        name: item if isinstance(item, str) else json.dumps(item) for name, item in value.items() if item is not None
    }


# ---- placeholders


def _sayer(host: Host, workspace: Path | None) -> Callable[[str], str]:
    match host.placeholders:
        case "plain":
            return lambda text: text
        case "env":
            return lambda text: _BRACED.sub(lambda found: _editors(found[1], found[0], workspace), text)
        case "dollar":
            return lambda text: _BARE_DOLLAR.sub(lambda found: f"${{{found[1] or found[2]}}}", text)
        case "none":
            return _literal


def _editors(name: str, whole: str, workspace: Path | None) -> str:
    """What VS Code, Cursor and Windsurf replace. What is not known is left, for our own reader to refuse."""
    if name in ("/", "pathSeparator"):
        return "/"
    if workspace is not None and name in ("workspaceFolder", "workspaceRoot"):
        return str(workspace)
    if workspace is not None and name == "workspaceFolderBasename":
        return workspace.name
    return whole


def _literal(text: str) -> str:
    if "${" in text:
        raise Foreign("it holds a `${` that its client passes on as it is, and that Toolgate would replace")
    return text


# ---- ours in theirs


def is_gateway(value: Any) -> bool:
    """Whether an entry starts Toolgate: then it is not taken over, and not started by Toolgate either."""
    if not isinstance(value, Mapping):
        return False
    command, args = value.get("command"), value.get("args") or []
    return isinstance(command, str) and isinstance(args, list) and starts_toolgate(command, args)


def passes_variables(host: Host) -> bool:
    """Whether an entry of this host can name variables of the environment that its program is to see."""
    return host.format == "toml" or host.placeholders != "none"


def stdio_entry(host: Host, command: Sequence[str], variables: Sequence[str]) -> Mapping[str, Any]:
    """The entry that starts the gateway. `variables` are those of the environment that its servers need.

    Many hosts give the programs that they start a few variables only, so those are named, where the host can do that.
    """
    entry: dict[str, Any] = dict(host.extra)
    entry |= {"type": "stdio"} if host.typed else {}
    entry |= {"command": command[0], "args": list(command[1:])}
    if host.format == "toml":
        return entry | ({"env_vars": list(variables)} if variables else {})
    form = _FORMS[host.placeholders]
    env = {name: form % name for name in variables} if form else {}
    return entry | ({"env": env} if env else {})


def http_entry(host: Host, url: str, variable: str | None = None) -> Mapping[str, Any]:
    """The entry that connects to the gateway at this address, with the key that is in this `variable` of the client's
    environment. Raises Foreign for a host that only starts programs, or that puts no variables into headers.
    """
    if not host.url_key:
        raise Foreign(f"{host.title} only starts programs: leave --http out")
    entry = {**({"type": "http"} if host.typed else {}), host.url_key: url}
    if variable is None:
        return entry
    if host.format == "toml":
        return {**entry, "bearer_token_env_var": variable}
    if host.placeholders == "none":
        raise Foreign(f"{host.title} puts no variables into headers: leave --http out, or write the key there yourself")
    return {**entry, "headers": {"Authorization": f"Bearer {_FORMS[host.placeholders] % variable}"}}


def key_variable(entry: Mapping[str, Any]) -> str | None:
    """Which variable holds the key that `http_entry` has put into an entry."""
    headers = entry.get("headers")
    said = str(headers.get("Authorization")) if isinstance(headers, Mapping) else ""
    found = _IN_HEADER.fullmatch(said)
    return str(entry["bearer_token_env_var"]) if "bearer_token_env_var" in entry else found and found[1]


def points_to(value: Any, host: str, port: int) -> bool:
    """Whether an entry connects to the gateway that serves at this address."""
    try:
        parts = _url(value)
        return parts is not None and (parts.hostname, parts.port) == (host, port) and parts.path.startswith("/mcp")
    except ValueError:
        return False


def profile_of(value: Any) -> str | None:
    """The profile that a gateway's entry asks for; None for everything."""
    if is_gateway(value):
        args = [str(word) for word in value["args"]]
        return next((args[at + 1] for at, word in enumerate(args[:-1]) if word == "--profile"), None)
    parts = _url(value)
    return (parts.path.removeprefix("/mcp").strip("/") or None) if parts is not None else None


def _url(value: Any) -> SplitResult | None:
    """Raises ValueError for one that is none."""
    address = next((value[key] for key in _ADDRESSES if key in value), None) if isinstance(value, Mapping) else None
    return urlsplit(address) if isinstance(address, str) else None
