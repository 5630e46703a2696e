"""Options that many commands share, and what they make of the configuration.

Nothing of the gateway is imported before it is needed: `toolgate COMMAND --help` must not wait for it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from gateway.cli.discretion import blotted, know
from gateway.cli.exits import Exit

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.offline import Offline
    from gateway.runtime import Runtime

__all__ = ["Caller", "as_json", "caller", "emit", "located", "only_behind", "os_user", "through", "usage_of"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Where, and as whom, a command is given."""

    folder: Path
    user: str | None = None
    tenant: str | None = None
    mcp_config: Path | None = None

    def config(self, *flags: tuple[str, str, str | None]) -> "Config":
        """The configuration with these options on top, each `(--flag, its key, its value)`. Raises ConfigError."""
        from gateway.config import Flag, load_config

        own = (("--as", "identity.user", self.user), ("--tenant", "identity.tenant", self.tenant))
        given = [Flag(*flag) for flag in (*own, *flags)]
        extra = self.mcp_config.absolute() if self.mcp_config else None  # as seen from here, not from the project
        found = load_config(self.folder, os.environ, given, mcp_config=extra)
        know(found)
        return found

    def tenant_option(self) -> Callable[[str], str]:
        """Says what to add to a command that is given without our options, for it to be given in that tenant."""
        from dataclasses import replace

        usual = replace(self, tenant=None).config().identity.tenant
        return lambda tenant: "" if tenant == usual else f" --tenant {tenant}"

    def offline(self, *, as_it_is: bool = False) -> AbstractContextManager["Offline"]:
        """What needs no server; who only looks takes the store `as_it_is`.

        Raises ConfigError, PolicyError, StoreError.
        """
        from gateway.offline import open_offline

        return open_offline(self.config(), as_it_is=as_it_is)

    def runtime(self) -> AbstractAsyncContextManager["Runtime"]:
        """Everything, with the servers connected. Raises ConfigError, PolicyError, StoreError."""
        from gateway.runtime import open_runtime

        given = click.get_current_context(silent=True)
        return open_runtime(self.config(), (given and given.info_name) or "command")


def located(function: F) -> Callable[..., Any]:
    """Gives the command a `Caller` in place of --project and --mcp-config, for a command that nobody asks for."""
    import functools

    @functools.wraps(function)
    def gathered(*args: Any, folder: Path | None, mcp_config: Path | None, **options: Any) -> Any:
        return function(*args, caller=Caller(folder or Path.cwd(), mcp_config=mcp_config), **options)

    return _project(gathered)


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

    with_tenant = click.option("--tenant", metavar="NAME", help="The organisation.")(_project(gathered))
    return click.option("--as", "user", metavar="WHO", help="Who is asking: `user:ann`.")(with_tenant)


def _project(function: Callable[..., Any]) -> Callable[..., Any]:
    servers = click.Path(path_type=Path, dir_okay=False, exists=True)
    folder = click.Path(path_type=Path, file_okay=False, exists=True)
    with_servers = click.option("--mcp-config", type=servers, metavar="FILE", help="Read servers from this file, too.")
    with_folder = click.option("--project", "folder", type=folder, metavar="FOLDER", help="The project's folder.")
    return with_folder(with_servers(function))


def as_json(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(function)


def emit(value: Any) -> None:
    """One JSON value on a line of stdout: data. No credential of ours is in it."""
    import json

    click.echo(json.dumps(blotted(value), default=str))  # ASCII: no character in it can steer a terminal


def os_user() -> str:
    """Who the operating system says is at the keyboard; his number, where it has no name for him."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def only_behind(context: click.Context, usage: str) -> int:
    """For a group that is a command, too: an option in front of its subcommand would be lost, so it is a mistake.

    `usage` says where it would stand, with the subcommand as `{name}`. Returns exit code 0.
    """
    name, given = context.invoked_subcommand, context.get_parameter_source
    if any(given(param) is ParameterSource.COMMANDLINE for param in context.params):
        raise click.UsageError(f"options of `{name}` stand behind it: `{usage.format(name=name)}`", context)
    return Exit.OK


def through(agent: str | None) -> str | None:
    """`support` or `agent:support` -> `agent:support`. Raises BadParameter for what is no name: a role, a pattern."""
    from gateway.config.settings import NAME

    if agent is None:
        return None
    name = agent.removeprefix("agent:")
    if not NAME.fullmatch(name):
        raise click.BadParameter(f"`{ascii(name)[1:-1]}` is not an agent's name", param_hint="--agent")
    return f"agent:{name}"


@contextmanager
def usage_of(option: str) -> Iterator[None]:
    """A ValueError inside is a mistake in how `option` was written: exit code 2."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None
