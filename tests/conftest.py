"""What holds for every test, and what many of them need."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.store.sqlite import SqliteStore
from tests.builders import Clock

# The machine may be busy: how long an example takes says nothing about whether it is right.
settings.register_profile("toolgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("toolgate")

for _name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[_name]  # no test sends spans to whoever runs it


@pytest.fixture(autouse=True)
def our_logs() -> Iterator[None]:
    """Our loggers as they are in a fresh process: what one test sets, no other may hear."""
    names = ["toolgate", *(name for name in logging.root.manager.loggerDict if name.startswith("toolgate."))]
    logging.disable(logging.NOTSET)
    for logger in map(logging.getLogger, names):
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.disabled = True, False
    ours = logging.getLogger("toolgate")
    handlers = list(ours.handlers)
    yield
    ours.handlers[:] = handlers


@pytest.fixture
def clock() -> Clock:
    """The time of `store`; it stands still until a test lets it tick."""
    return Clock()


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "toolgate.db"


@pytest.fixture
def store(store_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    """An empty store, closed at the end."""
    opened = SqliteStore(store_path, clock=clock)
    yield opened
    opened.close()
