"""`toolgate fake-model`: a local server that plays a script in the wire formats of model backends."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import as_json, emit, usage_of

if TYPE_CHECKING:
    from providers.fake import FakeModel

__all__ = ["fake_model_command"]

_FORMATS = {
    "messages": "Anthropic Messages",
    "responses": "OpenAI Responses",
    "chat/completions": "OpenAI Chat Completions",
}


@click.command("fake-model", epilog=ends())
@click.argument("script", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="NUMBER", help="0, as usual, takes a free one."
)
@click.option("--fault", metavar="TEXT", help="What befalls every request: `cut after=3`, `429 retry_after=2 times=1`.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="A name in the list of models; any is answered.")
@click.option("--faults", is_flag=True, help="List the faults that there are, and end.")
@as_json
def fake_model_command(
    script: Path | None, port: int, fault: str | None, models: tuple[str, ...], faults: bool, as_json: bool
) -> int:
    """Serve a model that plays SCRIPT, for tests of clients: in the formats of Anthropic and OpenAI, on loopback.

    Without SCRIPT it says one sentence to whatever it is asked. stdout has its URL. A request with the header
    `x-fake-fault` meets that fault; `/fake/requests` lists what was asked. Ctrl-C ends it.
    """
    if faults:
        return _list(as_json=as_json)
    served = _fake(script, fault, models)
    try:
        asyncio.run(_serve(served, port, as_json=as_json))
    except OSError as error:
        raise Stop(Exit.ERROR, f"can't listen on port {port}: {error.strerror or error}") from None
    return Exit.OK


def _list(*, as_json: bool) -> int:
    from providers.scripted.faults import KINDS

    if as_json:
        emit([{"name": name, "what": what, "settings": list(settings)} for name, (what, settings) in KINDS.items()])
    else:
        for name, (what, _) in KINDS.items():
            click.echo(f"{name:<16} {what}")
    return Exit.OK


def _fake(script: Path | None, fault: str | None, models: tuple[str, ...]) -> "FakeModel":
    from providers.fake import FakeModel, greeting
    from providers.scripted import ScriptedProvider, ScriptError
    from providers.scripted.faults import parsed

    with usage_of("--fault"):
        befalls = parsed(fault) if fault else None
    try:
        provider = ScriptedProvider.from_file(script) if script else greeting()
    except ScriptError as error:
        raise Stop(Exit.CONFIG, str(error)) from None
    return FakeModel(provider, fault=befalls, models=models or ("fake-model",))


async def _serve(fake: "FakeModel", port: int, *, as_json: bool) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for end in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(end, ended.set)
    async with fake.listening(port=port):
        _announce(fake.url, as_json=as_json)
        await ended.wait()


def _announce(url: str, *, as_json: bool) -> None:
    """The URL as data, at once; how to point clients at it as talk."""
    if as_json:
        paths = {path.partition("/")[0]: f"{url}/v1/{path}" for path in _FORMATS}
        emit({"url": url, **paths, "requests": f"{url}/fake/requests"})
        return
    click.echo(url)
    told = [
        "A fake model listens. Point clients at it, with any key:",
        f"  export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=any",
        f"  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=any",
        f"It speaks {', '.join(_FORMATS.values())}. What it was asked: {url}/fake/requests",
    ]
    click.echo("\n".join(told), err=True)
