"""What is logged while a command works: our own warnings go to stderr, one line each; what libraries log goes nowhere.

A library may log anything, also what a server or a client sent. `TOOLGATE_LOG=debug` shows more of ours.
"""

import logging

import click

from gateway.visible import visible

__all__ = ["log_to_stderr", "say_nothing_of_servers"]

_SERVERS = logging.getLogger("toolgate.upstream")


def log_to_stderr(level: str) -> None:
    """Shows our own records from `level` on (`warning`, `debug`, ...); an unknown level shows warnings."""
    ours, everybody = logging.getLogger("toolgate"), logging.getLogger()
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    ours.setLevel(number)
    _SERVERS.setLevel(logging.NOTSET)
    if not any(isinstance(handler, _Stderr) for handler in ours.handlers):
        ours.addHandler(_Stderr())
        everybody.addHandler(logging.NullHandler())  # else Python prints what nobody takes


def say_nothing_of_servers() -> None:
    """For a command that says itself which servers are down: told twice is once too often. A debug log says it all."""
    if logging.getLogger("toolgate").level >= logging.WARNING:
        _SERVERS.setLevel(logging.ERROR)


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        broken = f": {record.exc_info[1]!r}" if record.exc_info else ""
        click.echo(f"toolgate: {visible(record.getMessage() + broken)}", err=True)
