"""One suite over both databases: a test that asks for `store`, or for its `place`, runs over SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.database import DatabaseStore
from tests.builders import Clock
from tests.fixtures.stores import Place, store_at


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where an empty store is, or is to be."""
    sqlite: bool = request.param == "sqlite"
    return tmp_path / "data" / "toolgate.db" if sqlite else request.getfixturevalue("postgres").emptied()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where no store is yet."""
    if request.param == "sqlite":
        yield tmp_path / "data" / "toolgate.db"
        return
    with request.getfixturevalue("postgres").schema() as url:
        yield url


@pytest.fixture
def store(place: Place, clock: Clock) -> Iterator[DatabaseStore]:
    """An empty store, closed at the end."""
    opened = store_at(place, clock=clock)
    yield opened
    opened.close()
