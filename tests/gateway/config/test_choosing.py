"""What the name of a model means, by the tables about models and endpoints."""

from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.config.choosing import Chosen, chosen
from gateway.errors import ConfigError

TABLES = """\
[models.fast]
provider = "anthropic"
name = "claude-fast"
effort = "low"
[models.mine]
provider = "compatible"
base_url = "http://gpu:8000/v1"
[models.theirs]
provider = "openai"
name = "gpt-x"
api_key_env = "THEIR_KEY"
headers = { X-Team = "${TEAM}" }
[models.local]
provider = "compatible"
name = "qwen3:8b"
endpoint = "ollama"
[models.play]
provider = "scripted"
script = "talk.yaml"
[endpoints.azure]
provider = "openai"
base_url = "https://x.example/openai/v1"
api_key_env = "AZURE_KEY"
"""


def choose(folder: Path, name: str, tables: str = TABLES) -> Chosen:
    (folder / "toolgate.toml").write_text(tables)
    return chosen(name, load_config(folder, {"HOME": str(folder)}).settings)


@pytest.mark.parametrize(
    ("name", "model", "endpoint", "key"),
    [
        ("fast", "claude-fast", "anthropic", "ANTHROPIC_API_KEY"),
        ("mine", "mine", "mine", None),
        ("theirs", "gpt-x", "theirs", "THEIR_KEY"),
        ("local", "qwen3:8b", "ollama", "OLLAMA_API_KEY"),
        ("anthropic:claude-x", "claude-x", "anthropic", "ANTHROPIC_API_KEY"),
        ("openai:gpt-x@azure", "gpt-x", "azure", "AZURE_KEY"),
        ("compatible:qwen3@vllm", "qwen3", "vllm", "VLLM_API_KEY"),
    ],
)
def test_a_name_is_a_model_at_an_endpoint(tmp_path: Path, name: str, model: str, endpoint: str, key: str) -> None:
    found = choose(tmp_path, name)
    assert found.served is not None
    assert (found.name, found.model, found.served.name, found.served.key) == (name, model, endpoint, key)


def test_a_model_with_a_key_or_an_address_of_its_own_is_an_endpoint_of_its_own(tmp_path: Path) -> None:
    theirs, mine = choose(tmp_path, "theirs").served, choose(tmp_path, "mine").served
    assert theirs is not None
    assert mine is not None
    assert (theirs.key_needed, theirs.table, dict(theirs.said.headers)) == (
        True, ("models", "theirs"), {"X-Team": "${TEAM}"},
    )  # fmt: skip
    assert (mine.provider, mine.base_url, mine.key_needed) == ("compatible", "http://gpu:8000/v1", False)


def test_a_script_is_played_and_served_nowhere(tmp_path: Path) -> None:
    assert choose(tmp_path, "play").served is None
    assert choose(tmp_path, "scripted:a.yaml").script == Path("a.yaml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fats", "there is no model `fats`; did you mean `fast`?"),
        ("quite-another", "configured: `fast`, `mine`, `theirs`, `local`, `play`; or write `anthropic:NAME`"),
        ("compatible:x@nowhere", "there is no endpoint `nowhere`"),
    ],
)
def test_a_name_that_means_nothing_is_answered(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match="there is no") as wrong:
        choose(tmp_path, name)
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            '[models.a]\nprovider = "compatible"\nendpoint = "olama"\n',
            "toolgate.toml:26:1: error: there is no endpoint `olama` (did you mean `ollama`?)",
        ),
        (
            '[models.a]\nprovider = "compatible"\nendpoint = "azure"\n',
            "toolgate.toml:26:1: error: the endpoint `azure` speaks `openai`, and the model `a` does not (write",
        ),
        (
            '[agents.a]\nmodel = ["fast", "antropic:x"]\n',
            "toolgate.toml:25:1: error: the agent `a`: there is no provider `antropic` (did you mean `anthropic`?)",
        ),
        (
            "[endpoints.x]\nextra = { temperature = 0.5, max_tokens = 7 }\n",
            "toolgate.toml:25:30: error: the gateway itself says `max_tokens` in its requests (leave it out;",
        ),
        (
            '[endpoints.azure2]\nprovider = "anthropic"\nextra = { mcp_servers = [] }\n',
            "toolgate.toml:26:11: error: `mcp_servers` would go round the gateway (leave it out;",
        ),
        ("[agents.a]\nmodel = []\n", "toolgate.toml:25:1: error: `agents.a.model`: it is empty"),
        (
            '[endpoints.x]\nbase_ur = "http://x"\n',
            "toolgate.toml:25:1: error: there is no key `base_ur` in `[endpoints.x]` (did you mean `base_url`?)",
        ),
        (
            "[endpoints.x]\nretries = { attempts = 0 }\n",
            "toolgate.toml:25:13: error: `endpoints.x.retries.attempts` must be greater than or equal to 1",
        ),
    ],
)
def test_what_is_wrong_between_the_tables_is_said_with_its_place(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        choose(tmp_path, "fast", TABLES + more)
    assert str(wrong.value).startswith(said)


NIGHTLY = '[schedules.nightly]\ncron = "30 2 * * *"\ntext = "count"\n'


@pytest.mark.parametrize(
    ("before", "more", "said"),
    [
        (TABLES, 'agent = "gone"', "28:1: error: the schedule `nightly`: there is no agent `gone` (known: `mut`"),
        (TABLES, 'agent = "mud"', "28:1: error: the schedule `nightly`: there is no agent `mud` (did you mean `mut`?"),
        (
            TABLES,
            'model = "fats"',
            "28:1: error: the schedule `nightly`: there is no model `fats` (did you mean `fast`?",
        ),
        (TABLES, 'model = "fast, nope"', "28:1: error: the schedule `nightly`: there is no model `nope` (configured"),
        ("", "", "2:12: error: the schedule `nightly` has no model, nor has the agent `mut` (say `model`"),
    ],
)
def test_a_schedule_that_could_never_fire_is_said_when_the_file_is_read(
    tmp_path: Path, before: str, more: str, said: str
) -> None:
    tables = f"{before}[agents.mut]\n{NIGHTLY}{more}\n"
    with pytest.raises(ConfigError) as wrong:
        choose(tmp_path, "openai:x", tables)
    assert str(wrong.value).startswith(f"toolgate.toml:{said}")
    assert choose(tmp_path, "openai:x", f"{tables}disabled = true\n").name == "openai:x"


def test_a_schedule_needs_no_agent_in_a_table_where_there_is_none(tmp_path: Path) -> None:
    assert choose(tmp_path, "openai:x", f'{NIGHTLY}model = "openai:x"\n').name == "openai:x"
    assert choose(tmp_path, "openai:x", f'{NIGHTLY}agent = "assistant"\nmodel = "openai:x"\n').name == "openai:x"


def test_an_agent_may_name_models_that_no_table_describes(tmp_path: Path) -> None:
    tables = (
        f'{TABLES}[agents.a]\nmodel = ["anthropic:claude-x", "local"]\n[agents.b]\nmodel = "anthropic:x, openai:y"\n'
    )
    (tmp_path / "toolgate.toml").write_text(tables)
    agents = load_config(tmp_path, {"HOME": str(tmp_path)}).agents
    assert agents["a"].model == ("anthropic:claude-x", "local")
    assert agents["b"].model == ("anthropic:x", "openai:y")


def test_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text("")
    environ = {"HOME": str(tmp_path), "TOOLGATE_ENDPOINTS__OLLAMA__BASE_URL": "http://gpu:1/v1"}
    found = chosen("compatible:q@ollama", load_config(tmp_path, environ).settings)
    assert found.served is not None
    assert found.served.base_url == "http://gpu:1/v1"
