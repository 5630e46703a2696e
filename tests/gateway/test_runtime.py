import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Price
from gateway.call import Arguments, Call, Subject, Unsent
from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.events import ModelAsked
from gateway.models import Models
from gateway.runtime import (
    DEFAULT_AGENT,
    Runtime,
    call_settings,
    open_runtime,
    open_servers,
    server_spec,
)
from gateway.telemetry import Silent
from gateway.upstream import Http, Stdio
from gateway.upstream.spec import redacted
from tests.fixtures import nursery

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODEL = Path(__file__).parents[2] / "policies" / "model.conf"
CONFIG = """\
[identity]
user = "user:ann"
[models.demo]
provider = "scripted"
script = "talk.yaml"
input_usd_per_million = 3
output_usd_per_million = 15
[models.other]
provider = "scripted"
script = "talk.yaml"
[agents.desk]
instructions = "Be brief."
model = "demo"
budgets = { turns = 3 }
[agents.plain]
"""
POLICY = "p, user:ann, *, */*, call, , allow, ann may\np, agent:desk, *, */*, call, , allow, the desk may\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "toolgate.toml").write_text(CONFIG)
    (tmp_path / "talk.yaml").write_text("steps:\n  - say: Done.\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy.csv").write_text(POLICY)
    (tmp_path / "policies" / "model.conf").write_text(MODEL.read_text())
    return tmp_path


def config(project: Path, **environ: str) -> Config:
    return load_config(project, {"HOME": str(project), **environ})


def within(project: Path, work: Callable[[Runtime], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` in a runtime of this project."""

    async def scenario() -> None:
        async with open_runtime(config(project)) as runtime:
            await work(runtime)

    asyncio.run(scenario())


# ---- what is opened


def test_who_only_passes_calls_on_loads_nothing_of_what_models_need(project: Path) -> None:
    """In a process of its own: what this one has loaded counts for nothing."""
    script = """\
import asyncio, sys
from pathlib import Path
from gateway.config import load_config
from gateway.runtime import open_runtime

async def main():
    async with open_runtime(load_config(Path(sys.argv[1]), {"HOME": sys.argv[1]})) as runtime:
        print({"gateway.models", "gateway.loop", "providers.failover"} & set(sys.modules))
        print(runtime.models is runtime.models, "gateway.models" in sys.modules)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script, str(project)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "True True"]


def test_telemetry_is_off_without_an_endpoint(project: Path) -> None:
    async def work(runtime: Runtime) -> None:
        assert isinstance(runtime.telemetry, Silent)

    within(project, work)


def test_a_server_that_is_switched_off_is_not_started(project: Path) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"off": {"command": "no-such-program", "disabled": true}}}')

    async def scenario() -> None:
        async with open_servers(config(project)) as upstream:
            assert upstream.status() == []
            assert upstream.catalogue.missing == {}

    asyncio.run(scenario())


def test_one_broken_server_leaves_the_others(project: Path) -> None:
    servers = {
        "echo": nursery.entry("echo_server.py", "stdio"),
        "gone": {"command": "no-such-program"},
    }
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))

    async def work(runtime: Runtime) -> None:
        catalogue = runtime.upstream.catalogue
        assert "echo/echo" in catalogue.tools
        assert set(catalogue.missing) == {"gone"}
        call = Call("r", "k", Subject("user:ann", "default"), "gone/x", Arguments.parse("{}"))
        assert isinstance(await runtime.upstream.forward(call, timeout=0.1, meta={}), Unsent)

    within(project, work)


# ---- servers


def a_spec(project: Path, entry: object, **environ: str) -> Any:
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"it": entry}}))
    return server_spec(config(project, **environ).servers["it"])


def test_a_servers_secrets_are_expanded_when_it_is_started_and_not_before(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = a_spec(project, {"command": "x", "args": ["-v"], "env": {"TOKEN": "${IT_TOKEN}"}})
    with pytest.raises(ConfigError, match="IT_TOKEN"):
        spec.resolve()
    monkeypatch.setenv("IT_TOKEN", "secret")
    assert spec.resolve() == Stdio("x", ("-v",), {"TOKEN": "secret"}, str(project), ("secret",))
    assert "secret" not in repr(spec)


def test_what_variables_gave_to_a_server_is_never_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IT_TOKEN", "hunter2hunter2")
    for entry in ({"command": "x", "args": ["--token=${IT_TOKEN}"]}, {"url": "http://localhost/${IT_TOKEN}"}):
        transport = a_spec(project, entry).resolve()
        assert transport.secrets == ("hunter2hunter2",)
        assert redacted("can't use hunter2hunter2", transport) == "can't use ***"


def test_a_server_elsewhere_is_an_address_with_headers(project: Path) -> None:
    spec = a_spec(project, {"url": "http://127.0.0.1:1/mcp", "headers": {"X": "y"}})
    assert spec.resolve() == Http("http://127.0.0.1:1/mcp", {"X": "y"}, False)


def test_the_admins_word_goes_with_the_server(project: Path) -> None:
    word = '[servers.it]\ntrusted = true\nera = "legacy"\ncall_timeout = 7\nconnect_timeout = 3\nprefix = false\n'
    (project / "toolgate.toml").write_text(CONFIG + word + 'max_answer = "1MB"\n')
    spec = a_spec(project, {"command": "x"})
    assert (spec.trusted, spec.era, spec.call_timeout, spec.connect_timeout) == (True, "legacy", 7.0, 3.0)
    assert spec.max_answer == 1024 * 1024
    assert not spec.prefix


# ---- models and agents


def test_how_many_questions_a_run_may_have_open_is_the_admins_word(project: Path) -> None:
    (project / "toolgate.toml").write_text(f"{CONFIG}[approvals]\nquestions = 3\n")
    assert call_settings(config(project)).questions == 3


def test_a_model_is_opened_once_with_its_price(project: Path) -> None:
    models = Models(config(project))
    assert models.open("demo") is models.open("demo")
    assert models.open("demo").price.of(1, 1) == 18_000


def priced(project: Path, name: str, prices: str = "") -> Price:
    text = re.sub(r"(in|out)put_usd_per_million.*\n", "", CONFIG)
    named = text.replace('provider = "scripted"', f'provider = "scripted"\nname = "{name}"', 1)
    (project / "toolgate.toml").write_text(f"{named}\n{prices}")
    return Models(config(project)).open("demo").price


def test_without_a_price_of_its_own_a_model_costs_what_the_list_says(project: Path) -> None:
    assert priced(project, "gpt-4o").of(1_000_000, 0) > 0


def test_a_model_whose_price_nobody_knows_is_refused_counted_or_free_as_the_admin_says(project: Path) -> None:
    with pytest.raises(ConfigError, match="nobody knows what the model `demo` \\(`nobody-9`\\) costs"):
        priced(project, "nobody-9")
    rate = '[prices]\nunknown_models = "rate"\ninput_usd_per_million = 3\noutput_usd_per_million = "$15"'
    assert priced(project, "nobody-9", rate) == Price(3_000, 15_000)
    assert priced(project, "nobody-9", '[prices]\nunknown_models = "free"') == Price()


def test_a_script_can_be_named_instead_of_a_model(project: Path) -> None:
    assert Models(config(project)).open(f"scripted:{project / 'talk.yaml'}").name.startswith("scripted:")


@pytest.mark.parametrize(
    ("name", "said"), [("nobody", "configured: `demo`, `other`"), ("scripted:none", "can't be read")]
)
def test_a_model_that_is_not_there_is_said(name: str, said: str, project: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        Models(config(project)).open(name)


def test_a_script_with_a_mistake_is_named_with_its_line(project: Path) -> None:
    (project / "talk.yaml").write_text("steps:\n  - saay: hello\n")
    with pytest.raises(ConfigError) as raised:
        Models(config(project)).open("demo")
    assert raised.value.problems[0].line == 2


def test_who_asks_is_the_configured_user_through_the_first_agent(project: Path) -> None:
    async def work(runtime: Runtime) -> None:
        assert runtime.subject_for(None) == Subject("user:ann", "default", "agent:desk")
        assert runtime.subject_for("plain").agent == "agent:plain"
        assert runtime.offline.subject("user:bob", "acme") == Subject("user:bob", "acme")

    within(project, work)


def test_without_agents_the_assistant_works(project: Path) -> None:
    (project / "toolgate.toml").write_text(CONFIG.partition("[agents.desk]")[0])

    async def work(runtime: Runtime) -> None:
        assert runtime.subject_for(None).agent == f"agent:{DEFAULT_AGENT}"
        with pytest.raises(ConfigError, match="no agent `other`"):
            await runtime.submit("hi", runtime.subject_for("other"))

    within(project, work)


# ---- runs


def test_a_run_is_submitted_driven_and_found_again(project: Path) -> None:
    async def work(runtime: Runtime) -> None:
        run_id = await runtime.submit("hi", runtime.subject_for(None))
        assert (await runtime.offline.run(run_id)).status == "queued"
        run = await runtime.drive(run_id)
        assert (run.status, run.output) == ("succeeded", "Done.")
        assert await runtime.offline.run(run_id[:6]) == run

    within(project, work)


def test_the_stricter_limit_counts_and_a_flag_replaces_it(project: Path) -> None:
    (project / "policies" / "budgets.toml").write_text("[run]\nturns = 10\ntool_calls = 4\n")

    async def work(runtime: Runtime) -> None:
        run_id = await runtime.submit("hi", runtime.subject_for(None), limits=Limits(tool_calls=7))
        limits = (await runtime.offline.run(run_id)).limits
        assert (limits.turns, limits.tool_calls) == (3, 7)  # the agent's own three turns

    within(project, work)


def test_an_agent_without_a_model_has_the_first(project: Path) -> None:
    async def work(runtime: Runtime) -> None:
        run_id = await runtime.submit("hi", runtime.subject_for("plain"))
        assert (await runtime.offline.run(run_id)).model == "demo"
        other = await runtime.submit("hi", runtime.subject_for("plain"), model="other")
        assert (await runtime.offline.run(other)).model == "other"

    within(project, work)


@pytest.mark.parametrize(("agent", "longest"), [("", 300), ("max_output_tokens = 200", 200)])
def test_the_longest_answer_is_that_of_the_agent_else_of_the_model_that_is_asked(
    project: Path, agent: str, longest: int
) -> None:
    said = CONFIG.replace('script = "talk.yaml"\n[agents', 'script = "talk.yaml"\nmax_output_tokens = 300\n[agents')
    (project / "toolgate.toml").write_text(said.replace("[agents.desk]", f"[agents.desk]\n{agent}"))

    async def work(runtime: Runtime) -> None:
        run_id = await runtime.submit("Go.", runtime.subject_for(None), model="other")
        await runtime.drive(run_id)
        events = [recorded.event for recorded in await runtime.offline.events(run_id)]
        (asked,) = [event for event in events if isinstance(event, ModelAsked)]
        assert asked.reserved["output_tokens"] == longest

    within(project, work)


def test_nothing_is_queued_for_an_agent_or_a_model_that_is_not_there(project: Path) -> None:
    async def work(runtime: Runtime) -> None:
        with pytest.raises(ConfigError, match="no agent `nobody`"):
            await runtime.submit("hi", runtime.subject_for("nobody"))
        with pytest.raises(ConfigError, match="no model `nothing`"):
            await runtime.submit("hi", runtime.subject_for(None), model="nothing")
        assert await runtime.offline.store.run_rows() == []

    within(project, work)
