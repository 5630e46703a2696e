"""The record in PostgreSQL; what holds for both kinds is shown in ../test_record.py."""

import asyncio
import contextlib

import pytest

from gateway.errors import StoreError
from gateway.store.postgres.record import opened
from gateway.store.postgres.store import PostgresStore
from gateway.store.record import Period
from tests.builders import CLIENT, STARTED


def test_it_is_as_it_was_when_it_was_opened(url: str) -> None:
    with contextlib.closing(PostgresStore(url)) as store:
        asyncio.run(store.append("r-1", [CLIENT, STARTED], lease=None))
        with opened(url) as record:
            asyncio.run(store.append("r-2", [CLIENT, STARTED], lease=None))
            for run_id in record.runs(Period()):
                assert [event["event"] for _, event in record.events(run_id)] == ["queued", "started"]
            assert [*record.runs(Period())] == ["r-1"]


def test_a_database_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"can't be read: relation .runs. does not exist"), opened(url):
        pass
