"""A group of commands that loads one of them when it is called, and lists all of them without."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["Lazy"]


class Lazy(click.Group):
    """`table` is name -> (module below gateway.cli, one line of help); the module has `NAME_command`."""

    def __init__(self, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._table = table

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in self._table:
            return None
        module = importlib.import_module(f"gateway.cli.{self._table[name][0]}")
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError:
            context.fail(self._unknown(args[0]))

    def _unknown(self, name: str) -> str:
        import difflib

        close = difflib.get_close_matches(name, self._table, n=1)
        return f"there is no command `{name}`" + (f"; did you mean `{close[0]}`?" if close else "")
