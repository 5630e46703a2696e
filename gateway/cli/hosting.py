"""What `toolgate import` and `connect` share: which clients, which gateway, how it is started, the way back."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.call import Tool
from gateway.cli.exits import Exit, Stop
from gateway.cli.options import emit
from gateway.cli.program import absolute, typed
from gateway.cli.proof import Proof, prove
from gateway.config import Config, load_config
from gateway.config.folders import PROJECT_FILE, Folders
from gateway.errors import UpstreamUnavailable
from gateway.hosts.changes import Undone, undo
from gateway.hosts.dialects import key_variable
from gateway.hosts.home import Home, find_home
from gateway.hosts.naming import Gateway
from gateway.hosts.table import HOSTS, Host
from gateway.policy import load
from gateway.wording import did_you_mean

__all__ = ["chosen_home", "gateway_of", "give_back", "launch", "load_home", "named_hosts", "prove_entry"]


def named_hosts(clients: Sequence[str]) -> Sequence[Host]:
    """The hosts of these names; all without any. Raises UsageError for a name that is none."""
    known = {host.name: host for host in HOSTS}
    for name in clients:
        if name not in known:
            raise click.UsageError(f"there is no client `{name}`; {did_you_mean(name, known)}")
    return tuple(known[name] for name in dict.fromkeys(clients)) or HOSTS


def chosen_home(folders: Folders, folder: Path | None) -> Home:
    """The gateway at hand. Raises Stop when `--project` names a folder that has none."""
    home = find_home(folders)
    if folder is not None and home.own and folder.resolve() != home.folder.resolve():
        raise Stop(Exit.CONFIG, f"there is no {PROJECT_FILE} in `{folder}`; make one with `toolgate init {folder}`")
    return home


def load_home(home: Home, folders: Folders) -> Config:
    """The configuration of this gateway; that of the current folder, as long as it is not made. Raises ConfigError."""
    return load_config(home.folder if home.exists else folders.cwd, os.environ)


def gateway_of(home: Home, config: Config) -> Gateway:
    """How an entry for this gateway is known."""
    return Gateway(home.folder, config.serve.host, config.serve.port)


def launch(home: Home) -> tuple[str, ...]:
    """The command that starts this gateway from any folder, and by whomever it is started."""
    return (*absolute(), "serve", "--stdio", "--project", str(home.folder))


async def prove_entry(home: Home, folders: Folders, entry: Mapping[str, Any], hidden: Sequence[Tool]) -> Proof | str:
    """Starts what an entry says, with what a client would give it, and proves it; or why it does not answer.

    A key in a variable is taken from here, which may be another environment than the client's.
    """
    from gateway.upstream import Http, Stdio

    config = load_home(home, folders)
    address = next((entry[key] for key in ("url", "httpUrl", "serverUrl") if key in entry), None)
    env = {name: os.environ[name] for name in [*entry.get("env", {}), *entry.get("env_vars", ())] if name in os.environ}
    variable = key_variable(entry)
    key = os.environ.get(variable) if variable else None
    headers, secrets = ({"Authorization": f"Bearer {key}"}, (key,)) if key else ({}, ())
    there = (
        Http(address, headers, secrets=secrets)
        if address
        else Stdio(entry["command"], tuple(entry["args"]), env, str(folders.home))
    )
    try:
        return await prove(config, load(config.policy.model, config.policy.files), there, hidden)
    except UpstreamUnavailable as error:
        return error.why


def give_back(folders: Folders, hosts: Sequence[str], *, force: bool, as_json: bool) -> int:
    """Undoes, and tells what became of each file."""
    done = undo(folders.state, hosts, force=force)
    if as_json:
        emit({"undone": [_row(one) for one in done]})
    for one in done if not as_json else ():
        where = typed(one.path, folders.cwd, folders.home)
        click.echo(f"{one.state}  {where}" + (f"  {one.why}" if one.why else ""))
    if not done and not as_json:
        click.echo("there is nothing to undo", err=True)
    return Exit.ERROR if any(one.state == "refused" for one in done) else Exit.OK


def _row(one: Undone) -> dict[str, str | None]:
    return {"owner": one.owner, "file": str(one.path), "state": one.state, "why": one.why or None}
