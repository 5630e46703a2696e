"""Options that many commands share, and what they make of the configuration."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.config import Config, Flag, load_config

__all__ = ["Caller", "as_json", "caller", "emit", "project"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Where, and as whom, a command is given."""

    folder: Path
    user: str | None = None
    tenant: str | None = None
    mcp_config: Path | None = None

    def config(self, *flags: Flag) -> Config:
        """The configuration with these options on top. Raises ConfigError."""
        own = (Flag("--as", "identity.user", self.user), Flag("--tenant", "identity.tenant", self.tenant))
        return load_config(self.folder, os.environ, (*own, *flags), mcp_config=self.mcp_config)


def project(function: F) -> F:
    """`--project` and `--mcp-config`, gathered with the others into `caller`."""
    function = click.option(
        "--mcp-config", type=click.Path(path_type=Path, dir_okay=False), help="Read servers from this file."
    )(function)
    return click.option(
        "--project", "folder", type=click.Path(path_type=Path, file_okay=False), help="The project's folder."
    )(function)


def caller(function: F) -> Callable[..., Any]:
    """Gives the command a `Caller` in place of --as, --tenant, --project and --mcp-config."""
    import functools

    @functools.wraps(function)
    def gathered(
        *args: Any,
        user: str | None,
        tenant: str | None,
        folder: Path | None,
        mcp_config: Path | None,
        **options: Any,
    ) -> Any:
        return function(*args, caller=Caller(folder or Path.cwd(), user, tenant, mcp_config), **options)

    with_project: Callable[..., Any] = project(gathered)
    with_tenant: Callable[..., Any] = click.option("--tenant", help="The organisation.")(with_project)
    named: Callable[..., Any] = click.option("--as", "user", metavar="WHO", help="Who is asking: `user:ann`.")(
        with_tenant
    )
    return named


def as_json(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(function)


def emit(value: Any) -> None:
    """One JSON value on a line of stdout: data."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, default=str))
