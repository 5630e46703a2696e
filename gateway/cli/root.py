"""The list of commands, and how each of them ends: an exit code, and on failure one message on stderr."""

import asyncio
import importlib
import json
import sys
from collections.abc import Mapping, Sequence

import click

from gateway.cli.exits import Exit, exit_of_error
from gateway.errors import ConfigError, ToolgateError
from gateway.guard import check

__all__ = ["COMMANDS", "toolgate"]

# name -> (module below gateway.cli, one line of help); a name with a space is a command of a group
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("start", "Write a commented starter: configuration, policies, tests for them."),
    "demo": ("demo", "See everything at work in a few seconds, offline and without a key."),
    "doctor": ("doctor", "Check the whole set-up, with a mend for each finding."),
    "run": ("run", "Let an agent work on a task."),
    "resume": ("run", "Go on with a run that waits, is paused, or lost its worker."),
    "cancel": ("runs", "End a run."),
    "resolve": ("runs", "Say what became of a call that nobody knows about."),
    "runs": ("runs", "List runs; `runs show RUN` prints a timeline."),
    "approvals": ("approvals", "List the calls that wait for a person."),
    "approve": ("approvals", "Let a call that waits happen, exactly as shown."),
    "deny": ("approvals", "Refuse a call that waits."),
    "tools": ("tools", "List every tool, and what the policy says about it."),
    "call": ("tools", "Call one tool through the gateway."),
    "serve": ("serve", "Be an MCP server for editors and agents, over HTTP or stdio."),
    "policy": ("policy", "Check, test and explain the policy."),
    "config": ("config", "Show the configuration and where each value comes from."),
}

_EPILOG = (
    "Exit codes: 0 ok, 1 error, 2 usage, 3 configuration, 4 unreachable, 5 tool error, 6 denied, 7 waiting for a"
    " person, 8 budget spent, 130 interrupted."
)


class _Lazy(click.Group):
    """A group that imports a command when it is called, and lists all of them without."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError:
            context.fail(_unknown(args[0]))


@click.command(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="toolgate", message="%(prog)s %(version)s")
def _root() -> None:
    """A gateway between language models and tools: policies, approvals and budgets before any call."""


def toolgate(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Nothing that a user can cause ends in a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        check()
        result = _root.main(args=arguments, prog_name="toolgate", standalone_mode=False)
        return int(result or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except ToolgateError as error:
        _report(error, as_json="--json" in arguments)
        return exit_of_error(error)
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        return Exit.INTERRUPTED
    except BrokenPipeError:  # `toolgate runs | head`
        sys.stderr.close()
        return Exit.OK


def _report(error: ToolgateError, *, as_json: bool) -> None:
    if as_json:
        problems = [
            {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}
            for problem in (error.problems if isinstance(error, ConfigError) else ())
        ]
        body = {"code": type(error).__name__, "message": str(error)} | ({"problems": problems} if problems else {})
        click.echo(json.dumps({"error": body}), err=True)
    else:
        click.echo(f"toolgate: {error}", err=True)


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"there is no command `{name}`" + (f"; did you mean `{close[0]}`?" if close else "")
