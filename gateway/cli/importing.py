"""`toolgate import`: what the clients on this computer use, moved behind the gateway; and back again."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import as_json

if TYPE_CHECKING:
    from gateway.cli.takeover import Answer, Plan
    from gateway.config import Config
    from gateway.config.folders import Folders
    from gateway.hosts.home import Home
    from gateway.hosts.naming import Found

__all__ = ["import_command"]

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("import", epilog=ends(Exit.UNREACHABLE))
@click.argument("clients", metavar="[CLIENT ...]", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Start the servers once and say what would be done; change no file.")
@click.option("--keep", is_flag=True, help="Leave the clients' own entries beside the gateway's.")
@click.option("--undo", is_flag=True, help="Give the clients' files back, to the byte.")
@click.option("--force", is_flag=True, help="With --undo: also those that were changed since.")
@click.option("--project", "folder", type=_FOLDER, metavar="FOLDER", help="The project whose gateway takes them.")
@as_json
def import_command(
    clients: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    keep: bool,
    undo: bool,
    force: bool,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Move the MCP servers of your clients behind the gateway, after starting each of them once.

    CLIENT is claude-code, claude-desktop, cursor, vscode, windsurf, codex, gemini or zed; without one, all of them.
    Only servers that answer are moved. Nothing is replaced, every file is backed up, and --undo gives it back.
    """
    from gateway.cli.hosting import chosen_home, give_back, named_hosts
    from gateway.config.folders import find_folders

    if force and not undo:
        raise click.UsageError("--force goes with --undo only")
    hosts = [host.name for host in named_hosts(clients)] if clients else []
    folders = find_folders(folder or Path.cwd(), os.environ)
    if undo:
        return give_back(folders, hosts, force=force, as_json=as_json)
    return _Import(folders, chosen_home(folders, folder), as_json=as_json, keep=keep).go(
        hosts, yes=yes, dry_run=dry_run
    )


class _Import:
    """One import, from the first look to the proof."""

    def __init__(self, folders: "Folders", home: "Home", *, as_json: bool, keep: bool) -> None:
        from gateway.cli.takeover_view import Report

        self.folders, self.home, self.keep = folders, home, keep
        self.report = Report(home, folders, as_json=as_json)

    def go(self, hosts: Sequence[str], *, yes: bool, dry_run: bool) -> int:
        """Returns the exit code. Raises ConfigError for what is wrong with the gateway's own files."""
        wanted, config = self._look(hosts)
        if not wanted:
            return self.report.end("there is nothing to move")
        if not (yes or dry_run) and not self._agreed(len(wanted)):
            return self.report.end("nothing was changed; with --yes it is done, with --dry-run it is tried")
        if not dry_run:
            config = self._made()
        return asyncio.run(self._take(wanted, config, dry_run=dry_run))

    def _look(self, hosts: Sequence[str]) -> "tuple[list[Found], Config]":
        """What could be moved; everything that was found is told."""
        from gateway.cli.hosting import gateway_of, load_home, named_hosts
        from gateway.cli.takeover import readable
        from gateway.hosts.home import is_read_elsewhere, known_servers
        from gateway.hosts.naming import find_servers, named
        from gateway.hosts.sections import find_sections

        config = load_home(self.home, self.folders)
        sections = find_sections(self.folders, os.environ, named_hosts(hosts))
        gateway = gateway_of(self.home, config)
        found = [one for section in sections.found for one in find_servers(section, gateway, self.folders.home)]
        found = readable(named(found, known_servers(self.home, self.folders)), config)
        self.report.found(found, sections.found, sections.problems)
        if is_read_elsewhere(self.home, self.folders):
            self.report.read_elsewhere()
        return [one for one in found if one.entry is not None], config

    def _agreed(self, count: int) -> bool:
        if self.report.as_json or not sys.stdin.isatty():
            return False
        which = "this server" if count == 1 else f"these {count} servers"
        where = self.report.near(self.home.folder)
        return click.confirm(f"Start {which} once, and move what answers to {where}?", err=True)

    def _made(self) -> "Config":
        from gateway.cli.hosting import load_home
        from gateway.hosts.home import make_home
        from gateway.identity import local_user

        self.report.made(make_home(self.home, local_user()))
        return load_home(self.home, self.folders)

    async def _take(self, wanted: "Sequence[Found]", config: "Config", *, dry_run: bool) -> int:
        from gateway.cli.hosting import gateway_of, launch
        from gateway.cli.takeover import ask_servers, planned
        from gateway.policy import load

        say_nothing_of_servers()
        policy = load(config.policy.model, config.policy.files) if self.home.exists else None
        answers = await ask_servers(wanted, config, policy, learns=not dry_run)
        self.report.answered(wanted, answers, judged=policy is not None)
        ready = [one for one in wanted if answers[one.here].ready]
        gateway = gateway_of(self.home, config)
        plan = planned(ready, self.home, config, launch(self.home), gateway=gateway, keep=self.keep)
        self.report.planned(plan, dry_run=dry_run, keep=self.keep)
        if not plan.changes:
            return self.report.end("nothing has to be changed", unreached=not ready)
        if not dry_run:
            self.report.wrote(plan, plan.write(self.folders.state))
            await self._prove(plan, answers)
        return self.report.end("")

    async def _prove(self, plan: "Plan", answers: "Mapping[str, Answer]") -> None:
        """With the first client that was pointed to the gateway: what its file says now is started."""
        from gateway.cli.hosting import prove_entry

        if plan.connected and not self.report.failed:
            hidden = [tool for answer in answers.values() for tool in answer.tools]
            section, entry = plan.connected[0]
            self.report.proved(section, await prove_entry(self.home, self.folders, entry, hidden))
