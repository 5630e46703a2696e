"""`toolgate policy lsp`: help for editors while somebody writes a policy. Speaks LSP on stdin and stdout."""

import importlib.util
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, located

if TYPE_CHECKING:
    from gateway.call import Tool
    from gateway.config import Config

__all__ = ["lsp_command"]


@click.command("lsp", epilog=ends())
@click.option("--stdio", is_flag=True, help="As editors say it; there is no other way.")
@as_json
@located
def lsp_command(stdio: bool, as_json: bool, caller: Caller) -> int:
    """Serve an editor: findings as one types, completion and hover. docs/policy-editors.md says how to set it up."""
    del stdio, as_json  # it is JSON anyway; what goes wrong before it begins is told as such
    if importlib.util.find_spec("pygls") is None:
        raise Stop(Exit.ERROR, "`toolgate policy lsp` needs the extra `lsp`: pip install 'toolgate[lsp]'")
    from gateway.cli.policy.diagnosing import Desk
    from gateway.cli.policy.language_server import serve

    config = caller.config()
    serve(Desk(config.policy.model, config.policy.files, lambda: known_tools(config)))
    return Exit.OK


def known_tools(config: "Config") -> "list[Tool]":
    """The tools of toolgate.lock; none, while it can't be used: `toolgate pins` says what is wrong with it."""
    from gateway.cli.policy.knowing import pinned
    from gateway.errors import ConfigError

    try:
        return [*pinned(config).catalogue.tools.values()]
    except ConfigError:
        return []
