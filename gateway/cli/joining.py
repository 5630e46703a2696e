"""What `toolgate connect` does: the gateway's entry into the client's own file, and the proof that it works."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from gateway.cli.columns import aligned
from gateway.cli.exits import Exit, Stop
from gateway.cli.hosting import gateway_of, launch, load_home, prove_entry
from gateway.cli.options import emit
from gateway.cli.program import program, typed
from gateway.cli.proof import Proof
from gateway.cli.takeover import GATEWAY, variables_of
from gateway.cli.takeover_view import proof_lines
from gateway.config import Config
from gateway.config.folders import Folders
from gateway.entrance import profile
from gateway.errors import ConfigError, Problem
from gateway.hosts.changes import Change, apply
from gateway.hosts.dialects import Foreign, http_entry, is_gateway, key_variable, stdio_entry
from gateway.hosts.home import Home, make_home
from gateway.hosts.sections import Section, edited, sections_of
from gateway.hosts.table import Host
from gateway.identity import local_user
from gateway.visible import visible

__all__ = ["Way", "join"]

_REFUSED = re.compile(r"\bHTTP 40[13]\b")


@dataclass(frozen=True, slots=True)
class _Joined:
    """Where the gateway's entry stands now, and whether it was written just now."""

    section: Section
    entry: Mapping[str, Any]
    changed: bool


@dataclass(frozen=True, slots=True)
class Way:
    """How the client is to come in: by address or by starting it, to which profile (None: to everything), and which
    variable of its environment has its API key.
    """

    http: bool = False
    profile: str | None = None
    key: str | None = None


async def join(host: Host, folders: Folders, home: Home, way: Way, *, as_json: bool) -> int:
    """Adds the entry, unless there is one, proves it, and tells. One that starts the gateway is changed where it is to
    come in by address. Raises ConfigError, Stop, UsageError.
    """
    profile(load_home(home, folders), way.profile)  # there must be such a one, before anything is made
    make_home(home, local_user())
    config = load_home(home, folders)
    section, gateway = _section(host, folders), gateway_of(home, config)
    found = next((one for one in section.servers.items() if gateway.is_part(one[1], way.profile)), None)
    other = found is not None and (is_gateway(found[1]) or way.key not in (None, key_variable(found[1])))
    stays = found is not None and not (way.http and other)  # without `--http` either way is welcome
    entry = found[1] if found is not None and stays else _entry(host, home, config, way)
    if not stays:
        _write(section, way.profile, entry, folders, instead_of=found[0] if found else None)
    joined = _Joined(section, entry, changed=not stays)
    proof = await prove_entry(home, folders, entry, [])
    runs = isinstance(proof, str) and bool(_REFUSED.search(proof))
    if isinstance(proof, str) and runs:
        proof = f"{proof}: {_lacking(config, entry)}"
    elif isinstance(proof, str) and way.http:
        proof = f"{proof}; start it with `{program()} serve --project {shlex.quote(str(home.folder))}`"
    return _told(joined, proof, folders, runs=runs, as_json=as_json)


def _lacking(config: Config, entry: Mapping[str, Any]) -> str:
    """What a gateway that runs, and asks who is there, was not given."""
    variable = key_variable(entry)
    if variable is not None:
        wrong = "is no key that is good there" if variable in os.environ else "is not set here; the client needs it"
        return f"`{variable}` {wrong}"
    return "the client logs in by itself" if config.serve.oauth else "its clients bring a key: say --key-env NAME"


def _entry(host: Host, home: Home, config: Config, way: Way) -> Mapping[str, Any]:
    if not way.http:
        words = ("--profile", way.profile) if way.profile else ()
        return stdio_entry(host, (*launch(home), *words), variables_of(config.servers.values(), os.environ))
    if config.serve.api_keys and not config.serve.oauth and way.key is None:
        hint = f"make one with `{program()} keys create --user WHO`, and say --key-env NAME, the variable that has it"
        raise Stop(Exit.CONFIG, f"the clients of this gateway bring a key (`serve.api_keys`): {hint}")
    name, port = config.serve.host, config.serve.port
    if port == 0:
        raise Stop(Exit.CONFIG, "`serve.port` is 0, another one at each start: set it to a fixed one")
    try:
        part = f"/{way.profile}" if way.profile else ""
        return http_entry(host, f"http://{f'[{name}]' if ':' in name else name}:{port}/mcp{part}", way.key)
    except Foreign as error:
        raise click.UsageError(str(error)) from None


def _write(
    section: Section, part: str | None, entry: Mapping[str, Any], folders: Folders, instead_of: str | None
) -> None:
    wanted = f"{GATEWAY}-{part}" if part else GATEWAY
    name = instead_of or (wanted if wanted not in section.servers else f"{wanted}-gateway")
    text = edited(section, section.source.text, [instead_of] if instead_of else [], {name: entry})
    change = Change(section.host.name, section.source.path, section.source.raw, section.source.encoded(text))
    for failure in apply([change], folders.state):
        raise Stop(Exit.ERROR, f"`{section.source.file}` could not be written, and is as it was: {failure.why}")


def _section(host: Host, folders: Folders) -> Section:
    """The client's own place for all folders: the first that has a file, else the first. Raises ConfigError, Stop."""
    problems: list[Problem] = []
    places = [found for found in sections_of(host, folders, os.environ, problems) if not found.workspace]
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))  # one file may hold several places
    if not places:
        raise Stop(Exit.CONFIG, f"it is not known where {host.title} keeps its file on this system")
    return next((place for place in places if place.source.raw is not None), places[0])


def _told(joined: _Joined, proof: Proof | str, folders: Folders, *, runs: bool, as_json: bool) -> int:
    path = joined.section.source.path
    if as_json:
        said = {"error": proof} if isinstance(proof, str) else proof.to_json()
        emit({"client": joined.section.host.name, "file": str(path), "changed": joined.changed, "proof": said})
    else:
        state = "changed" if joined.changed else "goes through Toolgate already"
        click.echo(f"{state}  {typed(path, folders.cwd, folders.home)}")
        _print(proof, runs=runs)
    if isinstance(proof, str):
        return Exit.OK if runs else Exit.UNREACHABLE
    return Exit.OK if proof.holds else Exit.ERROR


def _print(proof: Proof | str, *, runs: bool) -> None:
    if isinstance(proof, str):
        said = "it runs, and was not tried" if runs else "the gateway does not answer"
        click.echo(f"{said}: {visible(proof)}", err=True)
        return
    for line in aligned(proof_lines(proof)):
        click.echo(f"  {visible(line)}")
