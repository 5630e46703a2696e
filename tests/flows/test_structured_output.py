"""A run that must end in data, over real sockets: each wire format is given the form, and the answer is held to it."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.conversation import AnswerRejected
from gateway.errors import ConfigError
from gateway.run import Run
from gateway.runtime import Runtime, open_runtime
from providers.fake import FakeModel
from tests.fixtures import nursery
from tests.fixtures.project import Project

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"sum": {"type": "number"}, "of": {"type": "array", "items": {"type": "number"}}},
    "required": ["sum", "of"],
    "additionalProperties": False,
}
RIGHT = '{"sum": 3, "of": [1, 2]}'
CALLS = "  - call: {tool: echo/add, args: {a: 1, b: 2}}\n"
TABLES = """\
[identity]
user = "user:ann"
[prices]
unknown_models = "free"
[endpoints.anthropic]
base_url = "{url}"
[endpoints.openai]
base_url = "{url}/v1"
[endpoints.lab]
base_url = "{url}/v1"
[endpoints.plain]
base_url = "{url}/v1"
[models.plain]
provider = "compatible"
name = "c"
endpoint = "plain"
lacks = ["output_schema"]
[agents.adder]
{agent}
"""
MODELS = {"anthropic": "anthropic:a", "openai": "openai:gpt-b", "lab": "compatible:c@lab"}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setenv("OPENAI_API_KEY", "any")


def says(*texts: str) -> str:
    return "".join(f"  - say: {json.dumps(text)}\n" for text in texts)


def within(
    folder: Path,
    steps: str,
    work: Callable[[Runtime, FakeModel], Coroutine[Any, Any, None]],
    agent: str = "",
) -> None:
    """Runs `work` in a project whose models are one fake model that plays these steps."""

    async def scenario() -> None:
        script = folder / "script.yaml"
        script.write_text(f"steps:\n{steps}")
        async with FakeModel.from_file(script).listening() as fake:
            tables = TABLES.format(url=fake.url, agent=agent)
            project = Project.of(folder / "project", {"echo": nursery.entry("echo_server.py", "stdio")}, tables)
            async with open_runtime(load_config(project.folder, {"HOME": str(folder)})) as runtime:
                await work(runtime, fake)

    asyncio.run(scenario())


async def added(runtime: Runtime, model: str, schema: Mapping[str, Any] | None = None) -> Run:
    run_id = await runtime.submit("Add.", runtime.subject_for(None), model=model, output_schema=schema)
    return await runtime.drive(run_id)


def form_in(body: Mapping[str, Any]) -> Any:
    """The schema that a request gives, wherever its format has it."""
    match body:
        case {"output_config": {"format": {"schema": schema}}}:
            return schema
        case {"text": {"format": {"schema": schema}}}:
            return schema
        case {"response_format": {"json_schema": {"schema": schema}}}:
            return schema
    return None


@pytest.mark.parametrize("name", MODELS)
def test_a_run_ends_in_the_data_after_its_calls_and_each_question_has_the_form(tmp_path: Path, name: str) -> None:
    async def work(runtime: Runtime, fake: FakeModel) -> None:
        run = await added(runtime, MODELS[name], SCHEMA)
        assert (run.status, run.output) == ("succeeded", RIGHT), run.cause
        assert [form_in(heard.body) for heard in fake.heard] == [SCHEMA, SCHEMA]

    within(tmp_path, CALLS + says(RIGHT), work)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_told_once_what_does_not_fit_and_may_mend_it(tmp_path: Path, name: str) -> None:
    async def work(runtime: Runtime, fake: FakeModel) -> None:
        run = await added(runtime, MODELS[name], SCHEMA)
        assert (run.status, run.output) == ("succeeded", RIGHT), run.cause
        events = [recorded.event for recorded in await runtime.offline.store.events(run.id)]
        told = "this text is not of type 'number'"
        assert [event for event in events if isinstance(event, AnswerRejected)] == [AnswerRejected(1, "of[1]", told)]
        assert f"at `of[1]`: {told}" in json.dumps(fake.heard[-1].body)

    within(tmp_path, says('{"sum": 3, "of": [1, "2"]}', RIGHT), work)


@pytest.mark.parametrize("name", MODELS)
def test_a_second_answer_that_does_not_fit_is_the_end_and_is_not_repeated(tmp_path: Path, name: str) -> None:
    async def work(runtime: Runtime, fake: FakeModel) -> None:
        run = await added(runtime, MODELS[name], SCHEMA)
        why = "the answer does not fit the schema that it must fit: at `sum`: this text is not of type 'number'"
        assert (run.status, run.output, run.cause) == ("failed", "", f"output: {why}")
        assert len(fake.heard) == 2

    within(tmp_path, says("It is 3.", '{"sum": "a secret", "of": []}', RIGHT), work)


def test_a_model_that_takes_no_form_is_asked_in_words(tmp_path: Path) -> None:
    async def work(runtime: Runtime, fake: FakeModel) -> None:
        run = await added(runtime, "plain", SCHEMA)
        assert (run.status, run.output) == ("succeeded", RIGHT), run.cause
        (heard,) = fake.heard
        assert form_in(heard.body) is None
        assert heard.body["messages"][0]["content"].endswith(json.dumps(SCHEMA))

    within(tmp_path, says(f"```json\n{RIGHT}\n```"), work)


def test_an_agent_has_a_schema_of_its_own_that_is_recorded_with_its_run(tmp_path: Path) -> None:
    """Whoever takes the run up later asks the same, whatever has become of the file."""

    async def work(runtime: Runtime, fake: FakeModel) -> None:
        file = tmp_path / "sum.json"
        file.write_text(json.dumps(SCHEMA))
        run_id = await runtime.submit("Add.", runtime.subject_for(None), model=MODELS["openai"])
        file.unlink()
        run = await runtime.drive(run_id)
        assert (run.status, run.output) == ("succeeded", RIGHT), run.cause
        assert run.output_schema == SCHEMA
        with pytest.raises(ConfigError, match="the output schema can't be read"):
            await runtime.submit("Add.", runtime.subject_for(None))

    within(tmp_path, says(RIGHT), work, agent='output_schema = "../sum.json"\nmodel = "openai:gpt-b"')


def test_what_is_given_comes_before_what_the_agent_says_and_must_be_a_schema(tmp_path: Path) -> None:
    async def work(runtime: Runtime, fake: FakeModel) -> None:
        run = await added(runtime, MODELS["lab"], {"type": "array"})
        assert (run.status, run.output) == ("succeeded", "[1]"), run.cause
        with pytest.raises(ConfigError, match=r"has a `\$ref` to `http://127\.0\.0\.1:1`"):
            await added(runtime, MODELS["lab"], {"$ref": "http://127.0.0.1:1"})

    within(tmp_path, says("[1]"), work, agent='output_schema = {type = "object"}')
