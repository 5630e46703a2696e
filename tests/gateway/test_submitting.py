"""A run is queued for workers, without a server and without a model's key."""

import asyncio
from pathlib import Path

import pytest

from gateway.budget import Limits
from gateway.config import load_config
from gateway.errors import ConfigError, StoreError
from gateway.offline import open_offline
from gateway.store import Claim
from gateway.submitting import Submission, agent_of, submit
from tests.fixtures.project import Project

TOML = """
[models.big]
provider = "anthropic"
name = "claude-big"
[agents.desk]
model = "big"
[agents.desk.budgets]
turns = 9
tool_calls = 5
"""


def test_what_is_wanted_is_queued_and_ready_for_a_worker(tmp_path: Path) -> None:
    project = Project.of(tmp_path / "project", {}, TOML)

    async def scenario() -> None:
        with open_offline(load_config(project.folder, {})) as offline:
            who = offline.subject(agent="agent:desk")
            run_id = await submit(offline, Submission("count", who, limits=Limits(turns=3), priority=2))
            run = await offline.run(run_id)
            assert (run.status, run.model, run.limits.turns, run.limits.tool_calls) == ("queued", "big", 3, 5)
            (job,) = await offline.store.ready(Claim("w", 1.0), 10)
            assert (job.run_id, job.agent, job.model, job.priority) == (run_id, "desk", "big", 2)
            with pytest.raises(ConfigError, match="there is no agent `nobody`"):
                await submit(offline, Submission("count", offline.subject(agent="agent:nobody")))
            with pytest.raises(ConfigError, match="there is no model `none`"):
                await submit(offline, Submission("count", who, model="big,none"))
            with pytest.raises(StoreError, match=r"NUL character \(U\+0000\)"):
                await submit(offline, Submission("count\0", who))
            assert len(await offline.store.run_rows()) == 1

    asyncio.run(scenario())


def test_what_its_answer_must_fit_is_recorded_with_it(tmp_path: Path) -> None:
    project = Project.of(tmp_path / "project", {}, f'{TOML}[agents.desk.output_schema]\ntype = "object"\n')

    async def scenario() -> None:
        with open_offline(load_config(project.folder, {})) as offline:
            who = offline.subject(agent="agent:desk")
            own = await offline.run(await submit(offline, Submission("count", who)))
            given = await offline.run(await submit(offline, Submission("count", who, output_schema={"type": "array"})))
            assert (own.output_schema, given.output_schema) == ({"type": "object"}, {"type": "array"})
            with pytest.raises(ConfigError, match="the output schema is not a JSON Schema"):
                await submit(offline, Submission("count", who, output_schema={"type": "objekt"}))
            assert len(await offline.store.run_rows()) == 2

    asyncio.run(scenario())


def test_what_toolgate_toml_says_of_waiting_is_an_agents(tmp_path: Path) -> None:
    toml = '[models.big]\nprovider = "anthropic"\nname = "claude-big"\n[agents.desk]\nmay_wait = true\n[agents.other]\n'
    config = load_config(Project.of(tmp_path / "project", {}, toml).folder, {})
    assert (agent_of(config, "desk").may_wait, agent_of(config, "other").may_wait) == (True, False)


def test_where_no_agent_is_configured_there_is_one(tmp_path: Path) -> None:
    config = load_config(Project.of(tmp_path / "project", {}, "").folder, {})
    assert agent_of(config, "assistant").name == "assistant"
    with pytest.raises(ConfigError, match="configured: none"):
        agent_of(config, "desk")
