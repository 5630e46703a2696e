"""`toolgate store`: where the store is, its version, a copy of it, and a store from such a copy."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.pruning import prune_command

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["store_command"]


@click.group("store", epilog=ends())
def store_command() -> None:
    """Where runs, approvals, spend and keys are kept: a file, or a database in PostgreSQL."""


@store_command.command("status", epilog=ends())
@as_json
@located
def status_command(as_json: bool, caller: Caller) -> int:
    """Say where the store is, and how much is in it."""
    from gateway.store.opening import is_made, open_record

    config = caller.config()
    if not is_made(config):
        raise Stop(Exit.ERROR, f"there is no store yet: `{config.store.path}` is made when it is needed")
    place = _place(config)
    with open_record(config) as record:
        version = record.version()
        rows = {table: sum(1 for _ in record.rows(table, columns[:1])) for table, columns in record.tables().items()}
    if as_json:
        emit({"place": place, "version": version, "rows": rows})
        return Exit.OK
    click.echo(f"{place}: version {version}")
    for table, count in rows.items():
        click.echo(f"{count:>12,}  {table}")
    return Exit.OK


@store_command.command("migrate", epilog=ends())
@as_json
@located
def migrate_command(as_json: bool, caller: Caller) -> int:
    """Make the store, or bring it to the version of this Toolgate: as whoever opens it does."""
    from gateway.store.migrations import SCHEMA_VERSION
    from gateway.store.opening import open_store

    store = open_store(caller.config())
    store.close()
    said = f"{store.place}: version {SCHEMA_VERSION}"
    return _told(said, {"place": store.place, "version": SCHEMA_VERSION}, as_json)


@store_command.command("backup", epilog=ends())
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@located
def backup_command(file: Path, as_json: bool, caller: Caller) -> int:
    """Write everything into FILE, as it is at this moment, while others go on. Only its owner may read it."""
    from gateway.store.copying import write
    from gateway.store.opening import is_made, open_record

    config = caller.config()
    if not is_made(config):
        raise Stop(Exit.ERROR, f"there is no store yet at `{config.store.path}`")
    place = _place(config)
    try:
        with open_record(config) as record, os.fdopen(_new(file), "w", encoding="utf-8") as out:
            rows = write(record, out)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise Stop(Exit.ERROR, f"`{file}` can't be written: {error.strerror}") from None
    return _told(f"{rows:,} rows of {place} are in {file}", {"place": place, "file": str(file), "rows": rows}, as_json)


@store_command.command("restore", epilog=ends())
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@located
def restore_command(file: Path, as_json: bool, caller: Caller) -> int:
    """Put a back-up into the store, which must be empty; also one of the other kind."""
    from gateway.store.opening import open_store

    store = open_store(caller.config())
    try:
        rows = asyncio.run(store.fill(file))
    finally:
        store.close()
    told = {"place": store.place, "file": str(file), "rows": rows}
    return _told(f"{rows:,} rows of {file} are in {store.place}", told, as_json)


store_command.add_command(prune_command)


def _told(text: str, told: dict[str, object], as_json: bool) -> int:
    if as_json:
        emit(told)
    else:
        click.echo(text, err=True)
    return Exit.OK


def _place(config: "Config") -> str:
    """Of a store that is there, as it is. Raises StoreError for one that can't be used."""
    from gateway.store.opening import open_store

    store = open_store(config, as_it_is=True)
    store.close()
    return store.place


def _new(file: Path) -> int:
    """What is there is never written over."""
    return os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
