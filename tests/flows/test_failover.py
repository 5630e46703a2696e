"""A run that begins with one provider and ends with another, over real sockets: nothing is lost, and all is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.events import ModelAnswered, ModelAsked, ModelFailed, Returned
from gateway.models import connected
from gateway.runtime import Runtime, open_runtime
from providers import Endpoint, ToolSpec
from providers.fake import FakeModel
from tests.fixtures import nursery
from tests.fixtures.acting import ASKED, heard
from tests.fixtures.project import Project

KEY = "sk-ant-hunter2hunter2"
FIRST = """\
steps:
  - say: I look.
    call: {tool: echo/echo, args: {text: hi}}
  - fail: {kind: overloaded, times: 9}
    say: never
  - fail: {kind: overloaded, times: 9}
    say: never
"""
SECOND = """\
steps:
  - call: {tool: echo/add, args: {a: 1, b: 2}}
  - expect: [{call: 0, contains: hi}]
    say: I go on.
    call: {tool: echo/add, args: {a: 1, b: 2}}
  - expect: [{call: 0, contains: "3"}]
    say: It was hi, and 3.
"""
TABLES = """\
[identity]
user = "user:ann"
[prices]
unknown_models = "free"
[endpoints.{first}]
base_url = "{first_url}"
retries = {{ attempts = 1 }}
[endpoints.{second}]
base_url = "{second_url}"
"""
LANGUAGES = {"anthropic": "anthropic:a", "openai": "openai:gpt-b", "lab": "compatible:c@lab"}
PAIRS = [("anthropic", "openai"), ("openai", "lab"), ("lab", "anthropic")]


@asynccontextmanager
async def playing(folder: Path, name: str, script: str) -> AsyncIterator[FakeModel]:
    file = folder / f"{name}.yaml"
    file.write_text(script)
    async with FakeModel.from_file(file).listening() as fake:
        yield fake


def played(
    folder: Path,
    first: str,
    second: str,
    work: Callable[[Runtime, FakeModel, FakeModel], Coroutine[Any, Any, None]],
    budgets: str = "",
) -> None:
    async def scenario() -> None:
        async with playing(folder, "first", FIRST) as one, playing(folder, "second", SECOND) as other:
            urls = [
                fake.url if name == "anthropic" else f"{fake.url}/v1" for name, fake in ((first, one), (second, other))
            ]
            tables = TABLES.format(first=first, second=second, first_url=urls[0], second_url=urls[1])
            project = Project.of(folder / "project", {"echo": nursery.entry("echo_server.py", "stdio")}, tables)
            (project.folder / "policies" / "budgets.toml").write_text(budgets)
            async with open_runtime(load_config(project.folder, {"HOME": str(folder)})) as runtime:
                await work(runtime, one, other)

    asyncio.run(scenario())


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_run_goes_on_with_another_provider_and_its_calls_and_results(tmp_path: Path, first: str, second: str) -> None:
    async def work(runtime: Runtime, one: FakeModel, other: FakeModel) -> None:
        row = f"{LANGUAGES[first]},{LANGUAGES[second]}"
        run_id = await runtime.submit("Go.", runtime.subject_for(None), model=row)
        run = await runtime.drive(run_id)
        assert (run.status, run.output) == ("succeeded", "It was hi, and 3."), run.cause
        events = [recorded.event for recorded in await runtime.offline.store.events(run_id)]
        assert [event.model for event in events if isinstance(event, ModelAsked)] == [
            LANGUAGES[first], LANGUAGES[first], LANGUAGES[second], LANGUAGES[first], LANGUAGES[second],
        ]  # fmt: skip
        failures = [event for event in events if isinstance(event, ModelFailed)]
        assert [(failure.kind, failure.then) for failure in failures] == [("overloaded", LANGUAGES[second])] * 2
        assert len([event for event in events if isinstance(event, Returned)]) == 2
        assert len([event for event in events if isinstance(event, ModelAnswered)]) == 3
        assert run.reserved.amounts == (0,) * len(run.reserved.amounts)

    played(tmp_path, first, second, work)


def test_a_budget_of_one_model_counts_only_that_one(tmp_path: Path) -> None:
    async def work(runtime: Runtime, one: FakeModel, other: FakeModel) -> None:
        row = f"{LANGUAGES['anthropic']},{LANGUAGES['openai']}"
        run = await runtime.drive(await runtime.submit("Go.", runtime.subject_for(None), model=row))
        assert (run.status, run.budget_spent, run.turn) == ("paused", "model_calls", 3)  # its second question

    budget = '[budgets.other]\nmodel = "openai:*"\nmodel_calls = 1\n'
    played(tmp_path, "anthropic", "openai", work, budget)


def test_no_key_is_in_the_store_nor_beside_it(tmp_path: Path) -> None:
    async def work(runtime: Runtime, one: FakeModel, other: FakeModel) -> None:
        row = f"{LANGUAGES['anthropic']},{LANGUAGES['openai']}"
        run_id = await runtime.submit("Go.", runtime.subject_for(None), model=row)
        assert (await runtime.drive(run_id)).status == "succeeded"

    played(tmp_path, "anthropic", "openai", work)
    written = [path for path in (tmp_path / "project").rglob("*") if path.is_file()]
    assert any(path.name == "toolgate.db" for path in written)
    assert [path for path in written if b"hunter2" in path.read_bytes()] == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_headers_of_each_backend_are_heard(tmp_path: Path, name: str) -> None:
    """Over a real socket, through each SDK: also those of a refusal."""
    told: list[Mapping[str, str]] = []

    async def scenario() -> None:
        async with playing(tmp_path, "first", FIRST) as fake:
            url = fake.url if name == "anthropic" else f"{fake.url}/v1"
            provider = name if name in ("anthropic", "openai") else "compatible"
            late = connected(provider, Endpoint(name, KEY, url, heard=told.append))
            await heard(
                late, replace(ASKED, model="fake-model", tools=[ToolSpec("echo__echo", "", {"type": "object"})])
            )
            await late.aclose()

    asyncio.run(scenario())
    assert [each["content-type"].partition(";")[0] for each in told] == ["text/event-stream"]
