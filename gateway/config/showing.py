"""What `toolgate config show` shows: each key, its value without secrets, and who set it. Pure."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.config import masking
from gateway.config.auth_word import AuthWord
from gateway.config.expansion import ServerConfig
from gateway.config.loading import Config
from gateway.config.places import DEFAULT, KeyPath, Place, dotted
from gateway.config.server_entry import StdioTemplate
from gateway.config.templates import Template

__all__ = ["Origin", "launch", "origins"]

NOT_SET = "(not set)"


@dataclass(frozen=True, slots=True)
class Origin:
    """One key. `origin` reads `toolgate.toml:3`, `environment TOOLGATE_STORE__PATH`, `flag --tenant` or `default`."""

    key: str
    shown: str
    origin: str


def origins(config: Config) -> list[Origin]:
    """Every key that has a value, in the order of the file; then the servers."""
    settings = [
        Origin(dotted(path), _shown(path, value), str(config.places.get(path, DEFAULT)))
        for path, value in _leaves(config.settings)
        if path[0] != "servers"
    ]
    return settings + [row for server in config.servers.values() for row in _server(config, server)]


def launch(server: ServerConfig) -> str:
    """How a server is started or reached, as its file says it: placeholders as they stand, and no secret."""
    transport = server.transport
    if not isinstance(transport, StdioTemplate):
        return masking.shown_url(transport.url.text)
    texts = [argument.text for argument in transport.args]
    arguments = [masking.shown_argument(texts, index) for index in range(len(texts))]
    return shlex.join([masking.shown_text(transport.command.text), *arguments])


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Each value that is no table."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(item, (*path, key))


def _shown(path: KeyPath, value: object) -> str:
    if value is None:
        return NOT_SET
    if isinstance(value, str):
        return _text(path)(value)
    return json.dumps(value) if isinstance(value, (bool, tuple)) else str(value)


def _text(path: KeyPath) -> Callable[[str], str]:
    """How a text at this path is shown."""
    if path[-1] in ("endpoint", "base_url") or path in (("approvals", "webhook", "url"), ("store", "url")):
        return masking.shown_url
    if path[:2] == ("telemetry", "headers") or (
        path[0] in ("models", "endpoints") and path[2] in ("headers", "options")
    ):
        return lambda text: masking.shown_named(str(path[-1]), text)
    return lambda text: text


# ---- servers


def _server(config: Config, server: ServerConfig) -> Iterator[Origin]:
    for path, text, place in (*_transport(server), *_switched(server)):
        yield Origin(dotted(("servers", server.name, *path)), text, str(place))
    for name in type(server.word).model_fields:
        path = ("servers", server.name, name)
        if name in AuthWord.model_fields and path not in config.places:
            continue  # most servers need none of these
        if name == "tools":
            yield from _tools(config, server)
            continue
        yield _word(config, server, path)


def _tools(config: Config, server: ServerConfig) -> Iterator[Origin]:
    """What is said of single tools: only what somebody has said."""
    for path, value in _leaves(server.word.tools, ("servers", server.name, "tools")):
        if path in config.places:
            yield Origin(dotted(path), _shown(path, value), str(config.places[path]))


def _word(config: Config, server: ServerConfig, path: KeyPath) -> Origin:
    """The admin's word; that a server is disabled may also stand in .mcp.json."""
    if path[-1] == "disabled" and server.entry.disabled and not server.word.disabled:
        return Origin(dotted(path), "true", str(server.entry.place))
    value = getattr(server.word, str(path[-1]))
    return Origin(dotted(path), _shown(path, value), str(config.places.get(path, DEFAULT)))


def _transport(server: ServerConfig) -> Iterator[tuple[KeyPath, str, Place]]:
    transport = server.transport
    if isinstance(transport, StdioTemplate):
        yield ("command",), masking.shown_text(transport.command.text), transport.command.place
        texts = [argument.text for argument in transport.args]
        for index, argument in enumerate(transport.args):
            yield ("args", index), masking.shown_argument(texts, index), argument.place
        yield from _named("env", transport.env)
        if transport.cwd:
            yield ("cwd",), masking.shown_text(transport.cwd.text), transport.cwd.place
    else:
        yield ("url",), masking.shown_url(transport.url.text), transport.url.place
        yield from _named("headers", transport.headers)


def _switched(server: ServerConfig) -> Iterator[tuple[KeyPath, str, Place]]:
    """Which tools there are, and are not: only where somebody has said so."""
    only, off = server.entry.only, server.entry.off
    if only is not None:
        yield ("enabledTools",), json.dumps(sorted(only)), server.entry.place
    if off:
        yield ("disabledTools",), json.dumps(sorted(off)), server.entry.place


def _named(key: str, templates: Mapping[str, Template]) -> Iterator[tuple[KeyPath, str, Place]]:
    for name, template in templates.items():
        yield (key, name), masking.shown_named(name, template.text), template.place
