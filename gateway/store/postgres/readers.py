"""Connections that only read, a few of them, and threads that have the time to wait for them.

A connection that was lost while nobody looked is found out by the next who reads, and replaced for him.
"""

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from gateway.errors import StoreError
from gateway.store.postgres.address import Address
from gateway.store.postgres.session import Session

__all__ = ["Readers"]

T = TypeVar("T")
MOST = 4


class Readers:
    """Close it at the end: who reads then is told so."""

    def __init__(self, connect: Callable[[], Session], address: Address) -> None:
        self._connect, self._address = connect, address
        self._idle: queue.LifoQueue[Session] = queue.LifoQueue()
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="toolgate-store-read")
        self._closed = False

    async def apart(self, look: Callable[[], T]) -> T:
        """What it returns, in a thread."""
        if self._closed:
            raise StoreError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    def read(self, sql: str, parameters: Any) -> list[Any]:
        """Rows, in this thread. Raises StoreError."""
        if self._closed:
            raise StoreError("the store is closed")
        try:
            return self._read(sql, parameters)
        except (psycopg.DataError, UnicodeEncodeError):  # no text that can be kept: it is nobody's name
            return []
        except psycopg.Error as error:
            text = self._address.explained(error)
            raise StoreError(f"the store `{self._address.shown}` can't be read: {text}") from None

    def _read(self, sql: str, parameters: Any) -> list[Any]:
        session = self._session()
        try:
            rows = session.execute(sql, parameters).fetchall()
        except psycopg.Error:
            if not session.lost:
                raise
            session = self._connect()
            rows = session.execute(sql, parameters).fetchall()
        finally:
            self._put_back(session)
        return rows

    def _session(self) -> Session:
        while True:
            try:
                session = self._idle.get_nowait()
            except queue.Empty:
                return self._connect()
            if not session.lost:
                return session

    def _put_back(self, session: Session) -> None:
        if self._closed or self._idle.qsize() >= MOST:
            session.close()
        elif not session.lost:
            self._idle.put(session)

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=True)
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return
