"""A server's templates become what is started or called, at that moment and not before. Pure.

What comes out holds secrets: it shows none in its repr, and is meant to be used and forgotten.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.folders import home_of
from gateway.config.masking import looks_issued, names_secret
from gateway.config.server_entry import HttpTemplate, ServerEntry, StdioTemplate
from gateway.config.settings import ServerWord, is_web_address
from gateway.config.templates import Template, Unset
from gateway.errors import ConfigError, Problem

__all__ = ["Expanding", "ResolvedHttp", "ResolvedServer", "ResolvedStdio", "ServerConfig", "expand", "variables"]

_NO_SECRETS = frozenset({"TOOLGATE_PYTHON", "workspaceFolder", "userHome"})
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server: what the file says that it is, and the admin's word about it (`trusted`, `era`, timeouts).

    `workspace` is the project's folder: what `${workspaceFolder}` means, and where a program starts that names no
    other folder.
    """

    name: str
    entry: ServerEntry
    word: ServerWord
    workspace: Path

    @property
    def transport(self) -> StdioTemplate | HttpTemplate:
        return self.entry.transport

    @property
    def disabled(self) -> bool:
        """Switched off, by either file."""
        return self.entry.disabled or self.word.disabled


@dataclass(frozen=True, slots=True)
class ResolvedStdio:
    """A program to start now. `env` is what the file gives it, and nothing else; `secrets` is what variables gave."""

    command: str
    args: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ResolvedHttp:
    """An address to connect to now; `secrets` is what variables gave for it."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    sse: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


ResolvedServer = ResolvedStdio | ResolvedHttp


def expand(server: ServerConfig, environ: Mapping[str, str]) -> ResolvedServer:
    """What to start or call, secrets included. Raises ConfigError with every variable that is not set, and its place.

    `${TOOLGATE_PYTHON}` is the running interpreter unless the environment says otherwise.
    """
    expanding = Expanding(variables(environ, server.workspace))
    transport = server.transport
    resolved = (
        _stdio(expanding, transport, server) if isinstance(transport, StdioTemplate) else _http(expanding, transport)
    )
    expanding.finish()
    return resolved


def variables(environ: Mapping[str, str], workspace: Path) -> Mapping[str, str]:
    """What `${...}` may name: the environment, and what editors call the folder and the user's home."""
    known = {"TOOLGATE_PYTHON": sys.executable, **environ, "workspaceFolder": str(workspace)}
    return known | {"userHome": str(home_of(environ))}


class Expanding:
    """Expands one template after the other, and collects what is wrong, and the values that may be shown nowhere."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.problems: list[Problem] = []
        self._secrets: set[str] = set()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What came out of the environment. Not what everybody may know, nor defaults: those stand in the file."""
        return tuple(sorted(self._secrets))

    def text(self, template: Template, check: Callable[[str], str] = lambda _: "") -> str:
        """The template's text. `check` says what is wrong with it, if anything; the text itself is not repeated."""
        self._secrets |= self._given(template)
        return self._value(template, check)

    def texts(self, templates: Mapping[str, Template]) -> Mapping[str, str]:
        return {name: self.text(template) for name, template in templates.items()}

    def named(self, templates: Mapping[str, Template]) -> Mapping[str, str]:
        """As `texts`; but a secret is only what goes by the name of one, or looks like what issuers give."""
        values = {name: self._value(template) for name, template in templates.items()}
        for name, value in values.items():
            if names_secret(name) or looks_issued(value):
                self._secrets |= self._given(templates[name])
        return values

    def _value(self, template: Template, check: Callable[[str], str] = lambda _: "") -> str:
        try:
            value = template.expand(self.known)
        except Unset as unset:
            name = unset.name
            hint = f"type `export {name}=VALUE` in the shell that starts Toolgate, or write `${{{name}:-VALUE}}` there"
            self.problems.append(template.place.problem(f"the environment variable `{name}` is not set", hint))
            return ""
        wrong = "it holds a control character" if _CONTROL.search(value) else check(value)
        if wrong:
            self.problems.append(template.place.problem(f"what this stands for can't be used: {wrong}"))
        return value

    def _given(self, template: Template) -> set[str]:
        names = {variable.name for variable in template.variables} - _NO_SECRETS
        return {self.known[name] for name in names if self.known.get(name)}

    def finish(self) -> None:
        """Raises ConfigError if something was wrong."""
        if self.problems:
            raise ConfigError(self.problems)


def _stdio(expanding: Expanding, template: StdioTemplate, server: ServerConfig) -> ResolvedStdio:
    command = expanding.text(template.command, lambda text: "" if text else "it is empty")
    args = tuple(expanding.text(argument) for argument in template.args)
    cwd = expanding.text(template.cwd) if template.cwd else None
    folder = server.workspace if cwd is None else server.entry.folder / cwd
    env = expanding.texts(template.env)
    return ResolvedStdio(command, args, env, str(folder), expanding.secrets)


def _http(expanding: Expanding, template: HttpTemplate) -> ResolvedHttp:
    url = expanding.text(template.url, lambda text: "" if is_web_address(text) else "it is no http or https address")
    headers = expanding.texts(template.headers)
    return ResolvedHttp(url, headers, template.sse, expanding.secrets)
