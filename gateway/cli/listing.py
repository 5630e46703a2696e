"""What `toolgate tools` shows: each tool, what its server says of it, and what the policy says to one subject."""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from gateway import gates
from gateway.call import Subject, Tool
from gateway.catalogue import Catalogue
from gateway.cli.columns import aligned
from gateway.cli.console import console
from gateway.cli.program import near
from gateway.config import Config
from gateway.pins.things import kind_of, named
from gateway.policy import Policy, Summary
from gateway.profile import WHOLE, Profile
from gateway.runtime import open_servers
from gateway.screens.finding import Finding
from gateway.visible import visible

__all__ = ["Doubt", "Listed", "Listing", "list_tools", "no_servers_hint", "print_listing"]

_WIDTH = 72  # of a description
_STYLES: Mapping[str, str] = {"allow": "green", "ask": "yellow", "deny": "red", "depends": "cyan", "held": "red"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool, its exposed name, and the answer of the policy. `hidden`: models and clients are not shown it.

    `held` says why it is not intact, if so; `findings` are what deceives in its definition, or may.
    """

    tool: Tool
    exposed: str
    policy: Summary
    hidden: bool
    held: str | None = None
    findings: Sequence[Finding] = ()

    @property
    def annotations(self) -> dict[str, bool] | None:
        """What holds of the tool; None where nobody vouches for the server, and so nothing is known."""
        tool = self.tool
        if not tool.trusted:
            return None
        return {
            "read_only": tool.read_only,
            "destructive": tool.destructive,
            "idempotent": tool.idempotent,
            "open_world": tool.open_world,
        }

    def to_json(self) -> dict[str, Any]:
        tool = self.tool
        return {
            "tool": tool.path,
            "server": tool.server,
            "exposed": self.exposed,
            "description": tool.description,
            "trusted": tool.trusted,
            "annotations": self.annotations,
            "policy": self.policy,
            "hidden": self.hidden,
            "pin": tool.pin,
            "held": self.held,
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Doubt:
    """Anything but a tool that is held, or in which something was found: a prompt, a server's instructions."""

    path: str
    held: str | None
    findings: Sequence[Finding]

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "held": self.held, "findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that was found. `missing` and `rejected` say why."""

    subject: Subject
    tools: Sequence[Listed]
    missing: Mapping[str, str]
    rejected: Mapping[str, str]
    servers: int
    doubts: Sequence[Doubt] = ()

    @property
    def answered(self) -> bool:
        """Whether a server could be reached, if there is one."""
        return self.servers == 0 or len(self.missing) < self.servers

    def to_json(self) -> dict[str, Any]:
        subject = self.subject
        return {
            "subject": {"user": subject.user, "agent": subject.agent, "tenant": subject.tenant},
            "tools": [listed.to_json() for listed in self.tools],
            "doubts": [doubt.to_json() for doubt in self.doubts],
            "missing": dict(self.missing),
            "rejected": dict(self.rejected),
        }


async def list_tools(config: Config, policy: Policy, subject: Subject, part: Profile = WHOLE) -> Listing:
    """Connects to the servers, pins what is seen for the first time, and asks the policy about each tool of this part
    of the gateway.
    """
    async with open_servers(config, learns=True) as upstream:
        catalogue = part.of(upstream.catalogue)
    servers = sum(not server.disabled and part.may_serve(name) for name, server in config.servers.items())
    listed = _listed(catalogue, policy, subject)
    return Listing(subject, listed, catalogue.missing, catalogue.rejected, servers, _doubts(catalogue, part))


def _doubts(catalogue: Catalogue, part: Profile) -> Sequence[Doubt]:
    paths = sorted(catalogue.held.keys() | catalogue.findings.keys())
    return [
        Doubt(path, catalogue.held.get(path), catalogue.findings.get(path, ()))
        for path in paths
        if _is_within(part, *path.partition("/"))
    ]


def _is_within(part: Profile, server: str, _slash: str, name: str) -> bool:
    """Not for tools, which are listed. What is about a server is there with the server."""
    kind = kind_of(name) if name else "server"
    if kind in ("server", "about"):
        return part.may_serve(server)
    return kind != "tool" and part.holds(f"{server}/{named(name)}")


def _listed(catalogue: Catalogue, policy: Policy, subject: Subject) -> Sequence[Listed]:
    now = datetime.now(UTC)
    return [
        Listed(
            tool,
            exposed=name,
            policy=policy.summary(subject, tool, now),
            hidden=not gates.listed(tool, catalogue, policy, subject, now),
            held=catalogue.held.get(tool.path),
            findings=catalogue.findings.get(tool.path, ()),
        )
        for name, tool in sorted(
            ((name, catalogue.tools[path]) for name, path in catalogue.names.items()), key=lambda found: found[1].path
        )
    ]


def print_listing(listing: Listing, folder: Path) -> None:
    """Tools to stdout; what is missing to stderr. `folder` is the project's."""
    paper = console()
    words = [_words(listed) for listed in listing.tools]
    for listed, text in zip(listing.tools, aligned(words) if words else (), strict=True):
        line = Text(text)
        word = _word(listed)
        line.stylize(_STYLES[word], 0, len(word))
        paper.print(line)
    for listed in listing.tools:
        _print_doubts(listed.tool.path, listed.held, listed.findings)
    for doubt in listing.doubts:
        _print_doubts(doubt.path, doubt.held, doubt.findings)
    for server, why in listing.missing.items():
        click.echo(f"missing {server}: {visible(why)}", err=True)
    for path, why in listing.rejected.items():
        click.echo(f"left out {visible(path)}: {visible(why)}", err=True)
    if not listing.servers:
        click.echo(f"no servers are configured; {no_servers_hint(folder)}", err=True)


def _print_doubts(path: str, held: str | None, findings: Sequence[Finding]) -> None:
    if held:
        click.echo(f"held {visible(path)}: {visible(held)}", err=True)
    for finding in findings:
        click.echo(f"found {visible(path)}: {visible(str(finding))}", err=True)


def _word(listed: Listed) -> str:
    return "held" if listed.held else listed.policy


def _words(listed: Listed) -> tuple[str, ...]:
    """What comes first decides; `!` marks a tool in whose definition something was found."""
    word = _word(listed)
    policy = f"{word} (hidden)" if listed.hidden and word not in ("deny", "held") else word
    policy += " !" if listed.findings else ""
    description = textwrap.shorten(visible(" ".join(listed.tool.description.split())), _WIDTH, placeholder=" …")
    return policy, visible(listed.tool.path), _traits(listed), description


def _traits(listed: Listed) -> str:
    annotations = listed.annotations
    if annotations is None:
        return "untrusted"
    if annotations["read_only"]:
        return "reads" + ("" if not annotations["open_world"] else ", open world")
    words = ["destroys" if annotations["destructive"] else "adds"]
    words += ["repeatable"] if annotations["idempotent"] else []
    words += ["open world"] if annotations["open_world"] else []
    return ", ".join(words)


def no_servers_hint(folder: Path) -> str:
    """What to do where no server is configured: another program may have left a description of some."""
    found = folder / ".vscode" / "mcp.json"
    if found.is_file():
        return f"found .vscode/mcp.json: use --mcp-config {shlex.quote(str(near(found)))}"
    return "describe one in .mcp.json, or `toolgate import` those of your clients, or `toolgate init`"
