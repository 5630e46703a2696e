"""The store that is configured: a file, or a database in PostgreSQL. Who keeps a file loads no driver."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec

from gateway.config import Config
from gateway.errors import ConfigError
from gateway.store import record
from gateway.store.database import DatabaseStore
from gateway.store.record import Record
from gateway.store.sqlite import SqliteStore

__all__ = ["is_made", "open_record", "open_store"]


def open_store(config: Config, environ: Mapping[str, str] = os.environ, *, as_it_is: bool = False) -> DatabaseStore:
    """Opens it, brings it to this version, and makes it where it is missing; the caller closes it. `as_it_is` is for
    who only looks: nothing in a store that is there is changed by that, and what an older Toolgate did not keep can't
    be read in it. Raises ConfigError and StoreError, of which TooOld for one that is empty.
    """
    url = config.store_url(environ)
    as_it_is = as_it_is and is_made(config)
    if url is None:
        return SqliteStore(config.store.path, synchronous=config.store.synchronous, as_it_is=as_it_is)
    _check_driver(config)
    from gateway.store.postgres.store import PostgresStore

    return PostgresStore(url, as_it_is=as_it_is)


def open_record(config: Config, environ: Mapping[str, str] = os.environ) -> AbstractContextManager[Record]:
    """What was recorded, to be read from end to end. Raises ConfigError and StoreError."""
    url = config.store_url(environ)
    if url is None:
        return record.opened(config.store.path)
    _check_driver(config)
    from gateway.store.postgres.record import opened

    return opened(url)


def is_made(config: Config) -> bool:
    """Whether there is one: a project that has not run anything has no file. A database is there, or can't be asked."""
    return config.store.url is not None or config.store.path.exists()


def _check_driver(config: Config) -> None:
    if find_spec("psycopg") is None:
        place = config.places["store", "url"]
        raise ConfigError([place.problem("a store in PostgreSQL needs its driver", "pip install 'toolgate[postgres]'")])
