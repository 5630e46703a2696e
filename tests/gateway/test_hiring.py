"""What a configuration makes of a worker and its engine."""

import asyncio
from pathlib import Path

import pytest

from gateway import hiring
from gateway.config import Config, load_config
from gateway.engine import Hands
from gateway.engine.dispatched import Dispatched
from gateway.engine.embedded import Embedded
from gateway.errors import ConfigError
from gateway.hiring import at_work, engine_of, terms_of, within
from gateway.job import Slots
from gateway.runtime import open_runtime
from gateway.store.waiting import until
from gateway.submitting import Submission, submit
from tests.fixtures.project import Project

PATIENCE = 60.0
SCRIPTED = """
[models.demo]
provider = "scripted"
script = "talk.yaml"
[agents.desk]
model = "demo"
"""
DBOS = '[queue]\nengine = "dbos"\n'


def config(folder: Path, toml: str) -> Config:
    return load_config(Project.of(folder / "project", {}, toml).folder, {})


def test_a_worker_works_as_the_configuration_says_and_for_the_agents_that_it_has(tmp_path: Path) -> None:
    said = config(tmp_path, "[queue]\nconcurrency = 9\ntenant = 2\nmodels = {big = 1}\n[agents.desk]\n[agents.clerk]\n")
    terms = terms_of(said)
    assert (terms.concurrency, terms.agents) == (9, frozenset({"desk", "clerk"}))
    assert terms.slots == Slots(tenant=2, models={"big": 1})
    assert within(terms, None, 1, until_idle=True).concurrency == 9
    assert within(terms, 3, 1, until_idle=True).concurrency == 3


def test_a_gateway_that_serves_may_be_a_worker_too(tmp_path: Path) -> None:
    said = config(tmp_path, SCRIPTED)
    (said.folders.cwd / "talk.yaml").write_text("steps:\n  - say: Four bells.\n")

    async def scenario() -> None:
        async with open_runtime(said) as runtime, at_work(runtime, 2):
            offline = runtime.offline
            run_id = await submit(offline, Submission("count", offline.subject(agent="agent:desk")))

            async def ended() -> bool:
                return (await offline.store.run_row(run_id)).status == "succeeded"

            async with asyncio.timeout(PATIENCE):
                await until(offline.store, ended)
        async with open_runtime(said) as runtime, at_work(runtime, None):
            await submit(runtime.offline, Submission("count", runtime.offline.subject(agent="agent:desk")))
            assert await runtime.offline.store.coming() == 0  # nobody is hired

    asyncio.run(scenario())


def test_a_worker_that_breaks_ends_what_it_works_beside_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = config(tmp_path, SCRIPTED)

    class Broken(Embedded):
        async def serve(self, worker: Hands) -> None:
            raise OSError("the queue is gone")

    monkeypatch.setattr(hiring, "Embedded", Broken)

    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), open_runtime(said) as runtime:
            with pytest.raises(OSError, match="the queue is gone"):
                async with at_work(runtime, 1):
                    await asyncio.Event().wait()

    with caplog.at_level("ERROR", logger="toolgate.worker"):
        asyncio.run(scenario())
    assert "the worker broke" in caplog.text


def test_what_goes_wrong_beside_a_worker_is_raised_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_runtime(config(tmp_path, SCRIPTED)) as runtime:
            with pytest.raises(ZeroDivisionError):
                async with at_work(runtime, 1):
                    raise ZeroDivisionError

    asyncio.run(scenario())


def test_an_engine_that_can_not_be_had_is_told_before_anything_is_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_runtime(config(tmp_path, SCRIPTED + DBOS)) as runtime:
            with pytest.raises(ConfigError, match="DBOS needs a store in PostgreSQL"):
                async with at_work(runtime, 1):
                    pytest.fail("it was served")

    asyncio.run(scenario())


def test_without_a_word_the_store_itself_is_the_queue(tmp_path: Path) -> None:
    assert isinstance(engine_of(config(tmp_path, "")), Embedded)


def test_dbos_needs_a_store_in_postgresql_and_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="DBOS needs a store in PostgreSQL"):
        engine_of(config(tmp_path, DBOS))
    said = config(tmp_path / "other", f'store = "postgresql://here/db"\n{DBOS}')
    assert isinstance(engine_of(said), Dispatched)
    assert vars(engine_of(said, 1))["_concurrency"] == 1  # `worker --concurrency` counts before `[queue]`
    assert vars(engine_of(said))["_concurrency"] == said.queue.concurrency
    monkeypatch.setattr(hiring, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'toolgate\[dbos\]'"):
        engine_of(said)
