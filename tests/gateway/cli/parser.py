"""The whole parser: every command that can be typed, and the exit codes that its help names."""

import re
from collections.abc import Iterator, Sequence

import click

from gateway.cli.root import _root

__all__ = ["codes_of", "every_command"]


def every_command() -> Iterator[tuple[str, click.Command]]:
    """`policy check` and its command; `` is the program itself."""
    yield from _below("", _root)


def _below(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield typed, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, f"{typed} lists `{name}`, and has it not"
            yield from _below(f"{typed} {name}".strip(), found)


def codes_of(arguments: Sequence[str]) -> set[int]:
    """The exit codes that the help of the command that was typed names."""
    command: click.Command = _root
    for word in arguments:
        context = click.Context(command)
        if not isinstance(command, click.Group) or word not in command.list_commands(context):
            break
        command = command.get_command(context, word) or command
    return named_in(command.epilog or "")


def named_in(text: str) -> set[int]:
    """`Exit codes: 0 ok, 1 error (or 5 things fail), 2 usage.` -> 0, 1, 2."""
    told = re.sub(r"\([^)]*\)", "", text.partition("Exit codes: ")[2])
    return {int(code) for code in re.findall(r"\d+", told)}
