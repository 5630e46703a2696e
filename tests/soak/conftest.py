"""A schema for each test."""

from collections.abc import Iterator

import pytest

from tests.fixtures.postgres import Server


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.schema() as url:
        yield url
