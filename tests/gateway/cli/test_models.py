"""`toolgate models`, against a fake model behind a real network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.fake import FakeModel
from tests.fixtures.afar import afar
from tests.gateway.cli.conftest import Command

KEY = "sk-ant-hunter2hunter2"


@pytest.fixture
def fake(bare: Path) -> Iterator[FakeModel]:
    with afar(bare / "talk.yaml", models=("claude-opus-4-5",)) as serving:
        described = f"""
[endpoints.anthropic]
base_url = "{serving.url}"
requests_per_minute = 50
[endpoints.lab]
base_url = "{serving.url}/v1"
free = true
[models.opus]
provider = "anthropic"
name = "claude-opus-4-5"
max_output = "32k"
lacks = ["files"]
"""
        (bare / "toolgate.toml").write_text((bare / "toolgate.toml").read_text() + described)
        yield serving


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def test_each_model_is_a_line_with_its_place_its_price_and_its_state(fake: FakeModel, toolgate: Command) -> None:
    said = toolgate("models")
    assert said.code == 0
    demo, opus = said.out.splitlines()
    assert demo.split() == ["demo", "a", "script", "free", "configured"]
    assert opus.startswith("opus  claude-opus-4-5 at anthropic  $5 in, $25 out a million  200,000 tokens  configured")
    assert fake.record.heard == ()  # nothing was asked


def test_programs_read_everything_but_the_key(fake: FakeModel, toolgate: Command) -> None:
    said = toolgate("models", "opus", "--json")
    (opus,) = said.json["models"]
    assert opus["key"] == {"variable": "ANTHROPIC_API_KEY", "set": True}
    assert opus["price"] == {"input": "5", "output": "25", "cache_read": "0.5", "cache_write": "6.25"}
    assert (opus["context_window"], opus["max_output"], opus["lacks"]) == (200_000, 32_000, ["files"])
    assert (opus["requests_per_minute"], opus["circuit"], opus["reachable"]) == (50, "closed", None)
    assert "hunter2" not in said.out + said.err


def test_whether_a_model_answers_is_looked_up_when_asked_for(fake: FakeModel, toolgate: Command) -> None:
    said = toolgate("models", "--check")
    assert said.code == 0
    demo, opus = said.out.splitlines()
    assert demo.endswith("not checked: a script")
    assert opus.endswith("answers, and lists it")
    said = toolgate("models", "--check", "compatible:qwen3@lab")
    assert (said.code, "answers, but lists no such model" in said.out) == (0, True)  # not all of them list everything


CLOUDS = """
[endpoints.aws]
provider = "anthropic"
host = "bedrock"
free = true
options = { aws_region = "eu-west-1" }
"""


def test_what_was_not_asked_is_not_said_to_answer(fake: FakeModel, toolgate: Command, bare: Path) -> None:
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + CLOUDS)
    said = toolgate("models", "--check", "anthropic:claude-x@aws")
    assert (said.code, said.out.strip().rpartition("  ")[2]) == (
        0, "not checked: bedrock has no list of models that is free to ask for",
    )  # fmt: skip
    (aws,) = toolgate("models", "--check", "anthropic:claude-x@aws", "--json").json["models"]
    assert (aws["reachable"], aws["listed"], aws["seen"]) == (None, None, aws["why"])


def test_an_endpoint_without_a_list_is_said_to_have_none(fake: FakeModel, toolgate: Command, bare: Path) -> None:
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + f'[endpoints.bare]\nbase_url = "{fake.url}/elsewhere"\nfree = true\n')
    said = toolgate("models", "--check", "compatible:x@bare")
    assert (said.code, said.out.strip().endswith("answers, but has no list of models")) == (0, True)


def test_an_address_that_ends_in_its_version_is_asked_once_for_it(
    fake: FakeModel, toolgate: Command, bare: Path
) -> None:
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text().replace(f'base_url = "{fake.url}"', f'base_url = "{fake.url}/v1/"'))
    assert toolgate("models", "--check", "opus").out.strip().endswith("answers, and lists it")


def test_an_endpoint_that_does_not_answer_is_unreachable(fake: FakeModel, toolgate: Command, bare: Path) -> None:
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + '[endpoints.gone]\nbase_url = "http://127.0.0.1:9/v1"\nfree = true\n')
    said = toolgate("models", "--check", "compatible:x@gone", "--json")
    assert said.code == 4
    (gone,) = said.json["models"]
    assert (gone["reachable"], gone["why"]) == (False, "it can't be reached (ConnectError)")


def test_a_missing_key_is_said_with_what_to_do(
    fake: FakeModel, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    said = toolgate("models")
    assert (said.code, said.out.splitlines()[1].endswith("not ready")) == (0, True)
    assert "export ANTHROPIC_API_KEY=..." in said.err
    assert toolgate("models", "--check").code == 3


def test_a_name_that_means_nothing_is_a_mistake_of_whoever_typed_it(fake: FakeModel, toolgate: Command) -> None:
    said = toolgate("models", "opsu")
    assert said.code == 2
    assert "did you mean `opus`?" in said.err


def test_without_any_model_it_is_said_how_to_name_one(folder: Path, toolgate: Command) -> None:
    said = toolgate("models")
    assert (said.code, said.out) == (0, "")
    assert "no model is configured" in said.err


def test_several_models_in_a_row_are_several_lines(fake: FakeModel, toolgate: Command) -> None:
    assert len(toolgate("models", "opus,compatible:q@lab").out.splitlines()) == 2
