"""The list of commands, and how each of them ends: an exit code, and on failure one message on stderr."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from gateway.cli.exits import Exit, Stop, ends, exit_of_error
from gateway.cli.lazy import Lazy
from gateway.cli.logs import log_to_stderr
from gateway.errors import ConfigError, StoreError, ToolgateError
from gateway.guard import check
from gateway.visible import visible, visible_lines

__all__ = ["COMMANDS", "toolgate"]

# name -> (module below gateway.cli, one line of help); a name with a space is a command of a group
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("start", "Write a commented starter: configuration, policies, tests for them."),
    "import": ("importing", "Move the MCP servers of your clients behind the gateway; --undo."),
    "connect": ("connecting", "Add the gateway to a client; --undo."),
    "demo": ("demo", "See everything at work in a few seconds, offline and without a key."),
    "doctor": ("doctor", "Check the whole set-up, with a mend for each finding."),
    "run": ("run", "Let an agent work on a task."),
    "submit": ("submit", "Queue a task for workers; prints the run's id at once."),
    "worker": ("worker", "Drive the runs that were submitted; as many workers as you like."),
    "schedules": ("schedules", "List the runs that are submitted by the clock."),
    "chat": ("chat", "Talk with an agent; --resume goes on with an earlier conversation."),
    "resume": ("run", "Go on with a run that waits, is paused, or lost its worker."),
    "cancel": ("runs.stopping", "End a run."),
    "runs": ("runs", "List runs; show, pause, fork, move, delete one; settle a call in doubt."),
    "sessions": ("sessions", "List conversations that go on from run to run; show one, delete one."),
    "budgets": ("budgets", "Show what is left of the budgets."),
    "approvals": ("approvals", "List the calls that wait for a person."),
    "approve": ("answering", "Let a call that waits happen, exactly as shown."),
    "deny": ("answering", "Refuse a call that waits."),
    "tools": ("tools", "List every tool, and what the policy says about it."),
    "call": ("tools", "Call one tool through the gateway."),
    "login": ("login", "Log in to a server that acts for each user; `--list` lists log-ins."),
    "logout": ("login", "Forget a log-in."),
    "pins": ("pins", "Show what is pinned and what is held; `pins accept` takes a change."),
    "serve": ("serve", "Be an MCP server for editors and agents, over HTTP or stdio."),
    "keys": ("keys", "Make, list and revoke API keys for `serve`."),
    "store": ("store", "Show where everything is kept; back it up, restore it, prune it."),
    "models": ("models", "Show which models there are, what they cost, whether they answer."),
    "fake-model": ("fake_model", "Serve a model that plays a script, for tests of clients."),
    "policy": ("policy", "Check, test and explain the policy."),
    "config": ("config", "Show the configuration and where each value comes from."),
}


@click.command(cls=Lazy, table=COMMANDS, epilog=ends(*Exit), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="toolgate", message="%(prog)s %(version)s")
def _root() -> None:
    """A gateway between language models and tools: policies, approvals and budgets before any call."""


def toolgate(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Nothing that a user can cause ends in a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    log_to_stderr(os.environ.get("TOOLGATE_LOG") or ("error" if "--json" in arguments else "warning"))
    try:
        check()
        result = _root.main(args=arguments, prog_name="toolgate", standalone_mode=False)
        return int(result or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except click.ClickException as error:
        return _report(Stop(Exit.USAGE, _usage(error)), arguments)
    except ToolgateError as error:
        return _report(error, arguments)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except OSError as error:  # a full disk, a file that may not be read
        place = f"`{error.filename}`: " if error.filename else ""
        return _report(Stop(Exit.ERROR, f"{place}{error.strerror or error}"), arguments)


def _report(error: ToolgateError, arguments: Sequence[str]) -> int:
    """One line for each thing that is wrong, or one of JSON. Returns the exit code."""
    code = exit_of_error(error)
    if "--json" in arguments:
        body = {"code": code.name.lower(), "message": str(error)} | _details(error)
        click.echo(json.dumps({"error": body}), err=True)
    elif isinstance(error, ConfigError):  # each begins with its file, so that editors can go there
        click.echo(visible_lines(str(error)), err=True)
    else:
        one_line = isinstance(error, StoreError)  # it may name what is in a file or a row
        click.echo(f"toolgate: {(visible if one_line else visible_lines)(str(error))}", err=True)
    return code


def _details(error: ToolgateError) -> dict[str, Any]:
    match error:
        case Stop():
            return error.details
        case ConfigError():
            return {"problems": [asdict(problem) for problem in error.problems]}
    return {}


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "toolgate"
    said = " ".join(error.format_message().split()).removesuffix(".")
    return f"{said} (see `{command} --help`)"
