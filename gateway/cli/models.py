"""`toolgate models`: which models there are, what they cost, and whether they could be asked. No server is started."""

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located
from gateway.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.budget import Price
    from gateway.config import Config
    from gateway.events import Recorded
    from gateway.model_list import Known

__all__ = ["models_command"]


@click.command(
    "models",
    epilog=ends(config="with --check: a key is missing", unreachable="with --check: an endpoint does not answer"),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Ask each endpoint for its list of models, which costs nothing.")
@as_json
@located
def models_command(names: tuple[str, ...], check: bool, as_json: bool, caller: Caller) -> int:
    """Which models there are: where they are served, what they cost, and whether they could be asked.

    NAME is an alias of toolgate.toml, or `anthropic:NAME`, `openai:NAME`, `compatible:NAME@ENDPOINT`; without one, all
    that toolgate.toml names.
    """
    found = asyncio.run(_found(caller.config(), names, check=check))
    if as_json:
        emit({"models": [known.to_json() for known in found]})
    else:
        _print(found)
    return _exit(found) if check else Exit.OK


async def _found(config: "Config", names: "Sequence[str]", *, check: bool) -> "Sequence[Known]":
    from gateway.model_list import checked, known_models, names_of
    from gateway.models import Models

    async def recorded(run_id: str) -> "Sequence[Recorded]":
        raise StoreError(f"run `{run_id}` is not looked for here")  # nothing is played

    models = Models(config, recorded=recorded)
    try:
        found = known_models(models, names or names_of(config))
    except ConfigError as error:
        raise click.UsageError(f"{error.problems[0].message} ({error.problems[0].hint})") from None
    try:
        return await checked(models, found) if check else found
    finally:
        await models.aclose()


def _exit(found: "Sequence[Known]") -> Exit:
    if any(known.problem for known in found):
        return Exit.CONFIG
    return Exit.UNREACHABLE if any(known.bad for known in found) else Exit.OK


def _print(found: "Sequence[Known]") -> None:
    from gateway.cli.columns import aligned

    for line in aligned([_row(known) for known in found]) if found else ():
        click.echo(line)
    if not found:
        hint = "write [models.ALIAS] in toolgate.toml, or name one: toolgate run --model anthropic:NAME TEXT"
        click.echo(f"no model is configured: {hint}", err=True)
    for known in found:
        if known.problem is not None:
            click.echo(f"{known.problem}", err=True)


def _row(known: "Known") -> "Sequence[str]":
    from gateway.visible import visible

    found, served = known.found, known.found.served
    where = f"{found.model} at {served.name}" if served else "a script" if found.recording is None else "a recording"
    window = f"{known.window:,} tokens" if known.window else ""
    return [visible(found.name), visible(where), _price(known.price), window, visible(known.seen)]


def _price(price: "Price | None") -> str:
    from gateway.budget import usd

    if price is None:
        return "no price"
    if not (price.input or price.output):
        return "free"
    read, written = (f"${usd(nanos * 1_000_000).normalize():f}" for nanos in (price.input, price.output))
    return f"{read} in, {written} out a million"
