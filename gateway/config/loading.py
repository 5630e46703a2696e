"""The files, the environment and the flags become one `Config`, or one error with everything that is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from gateway.config.choosing import model_findings, schedule_findings
from gateway.config.documents import read_json, read_toml
from gateway.config.expansion import Expanding, ServerConfig, variables
from gateway.config.findings import validated
from gateway.config.folders import Folders, find_folders, shown_path
from gateway.config.layers import Flag, default_layer, environment_layer, file_layer, flag_layer, merged
from gateway.config.places import DEFAULT, KeyPath, Place
from gateway.config.server_entry import HttpTemplate, ServerEntry
from gateway.config.servers import alike, read_servers
from gateway.config.settings import (
    AgentConfig,
    ApprovalsConfig,
    IdentityConfig,
    ModelConfig,
    NetworkConfig,
    PolicyConfig,
    PricesConfig,
    ProfileConfig,
    QueueConfig,
    ScheduleConfig,
    ServeConfig,
    ServerWord,
    Settings,
    StoreConfig,
    TelemetryConfig,
    TrustConfig,
)
from gateway.config.templates import Template
from gateway.errors import ConfigError, Problem
from gateway.identity import local_user
from gateway.wording import did_you_mean

__all__ = ["Config", "load_config"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that Toolgate is told. Secrets are not in it: only the templates that name them.

    `servers` are those of all files that are read, disabled ones included. `places` says who set each key of
    `settings`; `warnings` is what should be shown and does not stand in the way.
    """

    settings: Settings
    servers: Mapping[str, ServerConfig]
    folders: Folders
    warnings: tuple[Problem, ...] = ()
    places: Mapping[KeyPath, Place] = field(default_factory=dict, repr=False)

    @property
    def models(self) -> Mapping[str, ModelConfig]:
        return self.settings.models

    @property
    def prices(self) -> PricesConfig:
        return self.settings.prices

    @property
    def agents(self) -> Mapping[str, AgentConfig]:
        return self.settings.agents

    @property
    def store(self) -> StoreConfig:
        return self.settings.store

    @property
    def telemetry(self) -> TelemetryConfig:
        return self.settings.telemetry

    @property
    def serve(self) -> ServeConfig:
        return self.settings.serve

    @property
    def profiles(self) -> Mapping[str, ProfileConfig]:
        return self.settings.profiles

    @property
    def policy(self) -> PolicyConfig:
        return self.settings.policy

    @property
    def queue(self) -> QueueConfig:
        return self.settings.queue

    @property
    def schedules(self) -> Mapping[str, ScheduleConfig]:
        return self.settings.schedules

    @property
    def identity(self) -> IdentityConfig:
        return self.settings.identity

    @property
    def network(self) -> NetworkConfig:
        return self.settings.network

    @property
    def trust(self) -> TrustConfig:
        return self.settings.trust

    @property
    def approvals(self) -> ApprovalsConfig:
        return self.settings.approvals

    def webhook_secret(self, environ: Mapping[str, str]) -> str:
        """That of `[approvals.webhook]`. Raises ConfigError for a variable that is not set."""
        assert self.approvals.webhook  # noqa: S101 - whoever asks has looked
        expanding = Expanding(variables(environ, self.folders.workspace))
        place = self.places["approvals", "webhook", "secret"]
        expanded = expanding.text(Template(self.approvals.webhook.secret, place))
        expanding.finish()
        return expanded

    def store_url(self, environ: Mapping[str, str]) -> str | None:
        """Where the store is in PostgreSQL, password included; None for a file.

        Raises ConfigError for a variable that is not set.
        """
        if self.store.url is None:
            return None
        expanding = Expanding(variables(environ, self.folders.workspace))
        expanded = expanding.text(Template(self.store.url, self.places["store", "url"]))
        expanding.finish()
        return expanded

    def telemetry_headers(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The headers for the collector, secrets included. Raises ConfigError for a variable that is not set."""
        expanding = Expanding(variables(environ, self.folders.workspace))
        headers = {
            name: Template(text, self.places["telemetry", "headers", name])
            for name, text in self.telemetry.headers.items()
        }
        expanded = expanding.texts(headers)
        expanding.finish()
        return expanded


def load_config(
    cwd: Path, environ: Mapping[str, str], flags: Sequence[Flag] = (), mcp_config: Path | None = None
) -> Config:
    """Reads everything that applies in this folder. `mcp_config` is one more file of servers, stronger than the others.

    Raises ConfigError with every problem of every file.
    """
    folders = find_folders(cwd, environ)
    problems: list[Problem] = []
    settings, places = _settings(folders, environ, flags, problems)
    extra = (folders.cwd / mcp_config,) if mcp_config else ()
    entries = _entries((*folders.server_files, *extra), folders, problems)
    if settings is not None and not _errors(problems):
        problems += _disagreements(settings, entries, places, folders)
    if settings is None or _errors(problems):
        raise ConfigError(problems)
    servers = {
        name: ServerConfig(name, entry, settings.servers.get(name, ServerWord()), folders.workspace)
        for name, entry in sorted(entries.items())
    }
    return Config(settings, servers, folders, tuple(problems), places)


def _settings(
    folders: Folders, environ: Mapping[str, str], flags: Sequence[Flag], problems: list[Problem]
) -> tuple[Settings | None, Mapping[KeyPath, Place]]:
    """The settings with their places; None, and more problems, if something is wrong with them."""
    documents = _read_all(folders.settings_files, read_toml, folders, problems)
    layers = [
        default_layer(local_user(), folders),
        *(file_layer(document, folders.home) for document in documents),
        environment_layer(environ, folders.cwd, folders.home),
        flag_layer(flags, folders.cwd, folders.home),
    ]
    problems += [problem for layer in layers for problem in layer.problems]
    value, places = merged(layers)
    settings = validated(Settings, value, places, DEFAULT)
    if isinstance(settings, Settings):
        return settings, places
    problems += settings
    return None, places


def _entries(files: Sequence[Path], folders: Folders, problems: list[Problem]) -> Mapping[str, ServerEntry]:
    """The servers of all files, by name; the last file that names one describes it whole."""
    entries: dict[str, ServerEntry] = {}
    for document in _read_all(files, read_json, folders, problems):
        found = read_servers(document)
        problems += found.problems
        entries |= {entry.name: entry for entry in found.entries}
    problems += alike(tuple(entries.values()))
    return entries


def _read_all(
    files: Sequence[Path], read: Callable[[Path, str], T], folders: Folders, problems: list[Problem]
) -> list[T]:
    documents = []
    for file in files:
        try:
            documents.append(read(file, shown_path(file, folders.cwd)))
        except ConfigError as error:
            problems += error.problems
    return documents


def _errors(problems: Sequence[Problem]) -> bool:
    return any(problem.level == "error" for problem in problems)


# ---- what is right in each place and wrong together


def _disagreements(
    settings: Settings, entries: Mapping[str, ServerEntry], places: Mapping[KeyPath, Place], folders: Folders
) -> Iterator[Problem]:
    yield from model_findings(settings, places)
    yield from (_elsewhere(problem, folders) for problem in schedule_findings(settings, places))
    for name in (name for name in settings.servers if name not in entries):
        yield _elsewhere(_speechless(places["servers", name], name, entries), folders)
    for name, entry in entries.items():
        yield from _misfits(name, entry, settings, places)
    for name, profile in settings.profiles.items():
        for server in (server for server in profile.servers if server not in entries):
            message = f"the profile `{name}` has the server `{server}`, which no .mcp.json describes"
            yield places["profiles", name, "servers"].problem(message, did_you_mean(server, entries))
    budgets = places["policy", "budgets"]
    if budgets is not DEFAULT and not settings.policy.budgets.exists():
        yield budgets.problem("`policy.budgets` names a file that is not there")


def _misfits(name: str, entry: ServerEntry, settings: Settings, places: Mapping[KeyPath, Place]) -> Iterator[Problem]:
    """`auth` for a server that can't have it, or that has a header for the same purpose."""
    if name not in settings.servers or settings.servers[name].auth is None:
        return
    place, transport = places["servers", name, "auth"], entry.transport
    if not isinstance(transport, HttpTemplate):
        hint = "give a program its secrets in `env`"
        yield place.problem(f"`servers.{name}.auth` is for servers with a `url`; `{name}` is a program", hint)
        return
    for header in (header for header in transport.headers if header.lower() == "authorization"):
        hint = f"remove the header at {transport.headers[header].place}, or `auth`"
        yield place.problem(f"the server `{name}` has `auth` and an `{header}` header", hint)


def _elsewhere(problem: Problem, folders: Folders) -> Problem:
    """In the user's own file it may be meant for another project."""
    own = problem.file == shown_path(folders.user / "toolgate.toml", folders.cwd)
    return replace(problem, level="warning") if own else problem


def _speechless(place: Place, name: str, entries: Mapping[str, ServerEntry]) -> Problem:
    """A word about a server that is not there."""
    hint = did_you_mean(name, entries) or "describe it in .mcp.json"
    message = f"`[servers.{name}]` is about a server that no .mcp.json describes"
    return place.problem(message, hint)
