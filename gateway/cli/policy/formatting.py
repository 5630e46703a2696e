"""`toolgate policy fmt`: the columns of policy files, aligned."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from gateway.policy.files import Source

__all__ = ["fmt_command"]


@click.command("fmt", epilog=ends(error="with --check, a file would change"))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 when a file would change.")
@as_json
@located
def fmt_command(files: tuple[Path, ...], check: bool, as_json: bool, caller: Caller) -> int:
    """Align the columns of FILES, or of the project's policy. Comments, lines and their meaning stay.

    A file with an error in it is not touched, and neither is any other.
    """
    from gateway.policy.files import read_sources
    from gateway.policy.formatting import formatted

    config = caller.config()
    (model,) = read_sources(config.policy.model)
    sources = [source for path in files or (config.policy.files,) for source in read_sources(path)]
    made = [(source, formatted(source, model)) for source in sources]
    changed = [source.file for source, content in made if content != source.content]
    if not check:
        for source, content in made:
            _write(source, content)
    if as_json:
        emit({"ok": not (check and changed), "files": len(sources), "changed": changed, "written": not check})
    else:
        for name in changed:
            click.echo(name)
        click.echo(f"{counted(len(changed), 'file')} {'would change' if check else 'changed'}", err=True)
    return Exit.ERROR if check and changed else Exit.OK


def _write(source: "Source", content: bytes) -> None:
    """In one step. What somebody else has saved meanwhile is not overwritten. Raises ConfigError."""
    from gateway.errors import ConfigError
    from gateway.replacing import replace_file

    path = Path(source.file)
    if content == source.content:
        return
    try:
        if path.read_bytes() != source.content:
            raise ConfigError.at(source.file, "it was changed while this was going on; do it again")
        replace_file(path, content)
    except OSError as error:
        raise ConfigError.at(source.file, f"can't be written: {error.strerror or error}") from None
