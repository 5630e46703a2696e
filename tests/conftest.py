"""What holds for every test, and what many of them need."""

import contextlib
import gc
import logging
import os
import random
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from gateway.store.sqlite import SqliteStore
from tests.builders import Clock
from tests.fixtures.told import tell, told

if TYPE_CHECKING:
    from tests.fixtures.postgres import Server

Report = pytest.CollectReport

# The machine may be busy: how long an example takes says nothing about whether it is right.
# In CI the same examples each time: what is landed is what was tried. Everywhere else others each time.
settings.register_profile(
    "toolgate",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("toolgate")

for _name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[_name]  # no test sends spans to whoever runs it


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is loaded to find the tests is there until the end: it is old at once. It is not left frozen: a policy that
    is loaded would not be old at once then, and the collector would walk all that thousands of tests have left.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Each worker reads the files in an order of its own: most of them it finds compiled by another one."""
    report = yield
    if isinstance(collector, pytest.Directory) and (worker := _worker(collector.config)):
        random.Random(worker).shuffle(report.result)  # noqa: S311 - the same order each time
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All workers must have the tests in one order, in whichever they were named."""
    if _worker(config):
        items.sort(key=lambda item: item.path.parts)


def _worker(config: pytest.Config) -> str:
    """Its name; empty where there are no workers."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the tests of one of several workers have to say, the process that writes the summary says."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = told()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist's
def pytest_xdist_auto_num_workers() -> int:
    """For each core one, and one more: for a third of their time tests wait for something."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


@pytest.hookimpl(optionalhook=True)  # as above
def pytest_testnodedown(node: Any, error: object) -> None:
    for line in getattr(node, "workeroutput", {}).get("told", ()):
        tell(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in told():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def sdk_servers() -> Iterator[None]:
    """Servers on the official SDK start quickly, if any test that was found can start one; and so does `toolgate`."""
    with contextlib.ExitStack() as stack:
        for name in ("tests.fixtures.nursery", "tests.fixtures.forked"):
            if name in sys.modules:
                stack.enter_context(sys.modules[name].opened())
        yield


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
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forked in other tests is started here, as people start it."""
    monkeypatch.setenv("FORKED", "no")


@pytest.fixture(scope="session")
def postgres() -> Iterator["Server"]:
    """A PostgreSQL for all tests of this process that ask for one."""
    from tests.fixtures.postgres import running

    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Twice: None for a file, or else the URL of a store in PostgreSQL, which is emptied with each call."""
    if request.param == "sqlite":
        return lambda: None
    server: Server = request.getfixturevalue("postgres")
    return server.emptied


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
    from tests.fixtures.stores import sqlite_at

    opened = sqlite_at(store_path, clock=clock)
    yield opened
    opened.close()
