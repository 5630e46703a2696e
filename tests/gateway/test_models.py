"""Which backend answers to a name, with what it is asked, and what all runs of a process share."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Price
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.models import Models
from gateway.resting import Rest, Rests
from providers import (
    Deadlines,
    Endpoint,
    Finished,
    Message,
    MovedOn,
    ProviderError,
    Reply,
    Retrying,
    ToolCall,
    Usage,
)
from providers.blotted import NO_ARGUMENTS
from providers.breaker import CircuitOpen
from providers.request import known_as
from providers.streamed import streamed
from tests.fixtures.acting import ASKED, Act, Acting, answer, clock, heard, timeless

KEY = "sk-ant-hunter2hunter2"
TABLES = """\
[prices]
unknown_models = "free"
[models.fast]
provider = "anthropic"
name = "claude-haiku-4-5"
max_output = 64
effort = "low"
[models.dear]
provider = "openai"
name = "gpt-x"
input_usd_per_million = 10
output_usd_per_million = 20
context_window = "1m"
[endpoints.lab]
base_url = "http://gpu.example:8000/v1"
profile = "vllm"
headers = { X-Team = "${TEAM}" }
extra = { temperature = 0.25, chat_template_kwargs = { thinking = false } }
retries = { attempts = 2 }
breaker = { failures = 2, rest = 10 }
deadlines = { first = 5, between = 6, total = 70 }
requests_per_minute = 30
"""
BROKEN = ProviderError("server", "broken")
LAB = known_as("lab", "compatible direct http://gpu.example:8000/v1")


class Backend(Acting):
    closed = False

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class World:
    """A project, and what each endpoint does that is connected to."""

    folder: Path
    acts: Mapping[str, list[Act]] = field(default_factory=dict)
    tables: str = TABLES
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)

    def models(self, **more: Any) -> Models:
        (self.folder / "toolgate.toml").write_text(self.tables)
        return Models(load_config(self.folder, {"HOME": str(self.folder)}), self._connect, clock=clock(), **more)

    def _connect(self, provider: str, endpoint: Endpoint) -> Backend:
        self.languages.append(provider)
        self.endpoints[endpoint.name] = endpoint
        self.backends[endpoint.name] = Backend(self.acts.get(endpoint.name, [answer()]))
        return self.backends[endpoint.name]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": "sk-open", "TEAM": "blue-team"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("name", "language", "endpoint", "model"),
    [
        ("anthropic:claude-x", "anthropic", "anthropic", "claude-x"),
        ("openai:gpt-x", "openai", "openai", "gpt-x"),
        ("compatible:qwen3@ollama", "compatible", "ollama", "qwen3"),
        ("compatible:qwen3@lab", "compatible", "lab", "qwen3"),
        ("fast", "anthropic", "anthropic", "claude-haiku-4-5"),
    ],
)
def test_a_name_is_asked_where_it_is_served(
    tmp_path: Path, name: str, language: str, endpoint: str, model: str
) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        opened = world.models().open(name)
        assert world.languages == []  # nothing is connected before it is asked
        assert isinstance((await heard(opened.provider))[-1], Finished)
        assert (world.languages, opened.name, opened.first.name) == ([language], model, name)
        assert [asked.model for asked in world.backends[endpoint].asked] == [model]

    with timeless() as runner:
        runner.run(scenario())


def test_an_endpoint_gets_its_key_its_headers_and_its_address_and_shows_none_of_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        models = world.models()
        for name in ("fast", "compatible:q@lab"):
            await heard(models.open(name).provider)
        assert world.endpoints["anthropic"] == Endpoint("anthropic", KEY)
        lab = world.endpoints["lab"]
        assert (lab.api_key, lab.base_url, dict(lab.headers), lab.profile) == (
            "", "http://gpu.example:8000/v1", {"X-Team": "blue-team"}, "vllm",
        )  # fmt: skip
        assert lab.extra == {"temperature": 0.25, "chat_template_kwargs": {"thinking": False}}
        assert "hunter2" not in f"{world.endpoints} {models.open('fast')}"

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(
    ("header", "hidden"),
    [
        ("X-Team", False),
        ("X-Title", False),
        ("X-Api-Key", True),
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("X-Auth-Token", True),
        ("Client-Secret", True),
        ("Cookie", True),
    ],
)
def test_only_a_header_that_is_called_so_holds_a_secret_and_no_call_is_rewritten(
    tmp_path: Path, header: str, hidden: bool
) -> None:
    call = ToolCall("c", "shop_stock", '{"sku": "shop-blue-team"}')
    message = Message("assistant", (call,))
    reply = Reply(message, "tool_calls", Usage(1, 1), "q")

    async def scenario() -> None:
        world = World(tmp_path, {"lab": [(*streamed(message), Finished(reply))]}, TABLES.replace("X-Team", header))
        last = (await heard(world.models().open("compatible:q@lab").provider))[-1]
        assert isinstance(last, Finished)
        assert last.reply.message.tool_calls == (replace(call, arguments=NO_ARGUMENTS) if hidden else call,)

    with timeless() as runner:
        runner.run(scenario())


def test_what_is_said_of_a_model_is_asked_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        models = world.models()
        await heard(models.open("fast").provider)
        (asked,) = world.backends["anthropic"].asked
        assert (asked.max_output_tokens, asked.effort) == (64, "low")
        lab = models.open("compatible:q@lab")
        assert lab.deadlines == Deadlines(5, 6, 70)
        assert lab.most_output == 4096
        assert (lab.first.system, lab.first.address, lab.first.port) == ("lab", "gpu.example", 8000)
        assert (models.open("fast").first.system, models.open("fast").first.effort) == ("anthropic", "low")

    with timeless() as runner:
        runner.run(scenario())


def test_each_model_has_its_price_and_its_window(tmp_path: Path) -> None:
    async def scenario() -> None:
        models = World(tmp_path).models()
        assert (models.open("dear").price, models.open("dear").window) == (Price(10_000, 20_000), 1_000_000)
        listed = models.open("fast")
        assert listed.price.input > 0
        assert listed.window == 200_000
        assert models.open("compatible:gpt-4o@ollama").price == Price()  # at home it costs nothing

    with timeless() as runner:
        runner.run(scenario())


def test_a_model_whose_price_nobody_knows_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        models = World(tmp_path, tables=TABLES.replace('"free"', '"refuse"')).models()
        with pytest.raises(ConfigError, match=r"nobody knows what the model `openai:nobody-9` .* costs"):
            models.open("openai:nobody-9")

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "ANTHROPIC_API_KEY",
            "",
            "environment ANTHROPIC_API_KEY: error: it is not set, and holds the key of the model",
        ),
        ("ANTHROPIC_API_KEY", f"{KEY}\n", "environment ANTHROPIC_API_KEY: error: what it holds is no key"),
    ],
)
def test_a_key_that_is_missing_or_no_key_is_said_with_what_to_do_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    async def scenario() -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(ConfigError) as wrong:
            World(tmp_path).models().open("fast", "--model")
        assert str(wrong.value).startswith(said)
        assert "hunter2" not in str(wrong.value)

    with timeless() as runner:
        runner.run(scenario())


def test_a_header_whose_variable_is_missing_is_said_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.delenv("TEAM")
        with pytest.raises(
            ConfigError, match=r"toolgate.toml:17:\d+: error: the environment variable `TEAM` is not set"
        ):
            World(tmp_path).models().open("compatible:q@lab")

    with timeless() as runner:
        runner.run(scenario())


def test_a_backend_that_repeats_its_key_or_a_header_is_not_repeated(tmp_path: Path) -> None:
    async def scenario() -> None:
        leaking = ProviderError("auth", f"no such key: {KEY}")
        told = await heard(World(tmp_path, {"anthropic": [leaking]}).models().open("fast").provider)
        assert str(told[-1]) == "no such key: ***"
        leaking = ProviderError("permission", "blue-team may not")
        secretive = TABLES.replace("X-Team", "X-Token")
        told = await heard(World(tmp_path, {"lab": [leaking]}, secretive).models().open("compatible:q@lab").provider)
        assert str(told[-1]) == "*** may not"

    with timeless() as runner:
        runner.run(scenario())


def test_a_model_is_asked_again_as_often_as_its_endpoint_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path, {"lab": [BROKEN]})
        events = await heard(world.models().open("compatible:q@lab").provider)
        assert [type(event).__name__ for event in events] == ["Retrying", "GaveUp"]
        assert len(world.backends["lab"].asked) == 2

    with timeless() as runner:
        runner.run(scenario())


def test_a_row_of_models_goes_on_with_the_next_and_knows_each_by_its_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path, {"lab": [BROKEN]})
        row = world.models().open("compatible:q@lab, fast,dear")
        events = await heard(row.provider)
        (moved,) = [event for event in events if isinstance(event, MovedOn)]
        assert moved.model == "fast"
        assert [backend.name for backend in row.backends] == ["compatible:q@lab", "fast", "dear"]
        assert row.backend("dear").price == Price(10_000, 20_000)

    with timeless() as runner:
        runner.run(scenario())


TERMS = """\
[prices]
unknown_models = "free"
[models.short]
provider = "anthropic"
name = "claude-haiku-4-5"
max_output_tokens = 300
context_window = "1m"
[models.long]
provider = "openai"
name = "gpt-x"
max_output_tokens = 3_000
max_output = 2_000
context_window = "90k"
[endpoints.anthropic]
deadlines = { first = 5, between = 6, total = 70 }
retries = { attempts = 1 }
[endpoints.openai]
deadlines = { first = 50, between = 60, total = 700 }
[endpoints.lab]
base_url = "http://gpu.example:8000/v1"
"""


def test_in_a_row_each_is_asked_on_its_own_terms(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path, {"anthropic": [BROKEN]}, TERMS)
        row = world.models().open("short,long")
        assert (row.deadlines, row.window, row.most_output) == (Deadlines(50, 60, 770), 90_000, 2_000)
        assert [backend.most_output for backend in row.backends] == [300, 2_000]
        assert [backend.seconds for backend in row.backends] == [70.0, 700.0]
        assert row.narrowest.name == "long"
        await heard(row.provider, replace(ASKED, max_output_tokens=2_000, deadlines=row.deadlines))
        ((first,), (second,)) = world.backends["anthropic"].asked, world.backends["openai"].asked
        assert (first.max_output_tokens, second.max_output_tokens) == (300, 2_000)
        assert (first.deadlines, second.deadlines) == (Deadlines(5, 6, 70), Deadlines(50, 60, 700))

    with timeless() as runner:
        runner.run(scenario())


def test_what_the_agent_says_of_the_length_comes_before_what_is_said_of_the_model(tmp_path: Path) -> None:
    async def scenario() -> None:
        models = World(tmp_path, tables=TERMS).models()
        row = models.open("short,long", most=2_500)
        assert [backend.most_output for backend in row.backends] == [2_500, 2_000]  # more than that it can't give
        assert models.open("short,long", most=2_500) is row
        assert models.open("short,long") is not row

    with timeless() as runner:
        runner.run(scenario())


def test_a_model_of_a_row_of_which_nobody_knows_the_window_counts_as_one_of_usual_size(tmp_path: Path) -> None:
    async def scenario() -> None:
        models = World(tmp_path, tables=TERMS).models()
        assert models.open("short,compatible:q@lab").window == 128_000
        assert models.open("long,compatible:q@lab").window == 90_000
        assert models.open("compatible:q@lab").window is None

    with timeless() as runner:
        runner.run(scenario())


def test_all_models_of_an_endpoint_share_its_circuit_and_one_that_rests_is_passed_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path, {"lab": [BROKEN]})
        models = world.models()
        await heard(models.open("compatible:q@lab").provider)
        row = models.open("compatible:other@lab,fast")
        events = await heard(row.provider)
        assert isinstance(events[0], MovedOn)  # at once: it was not asked, and not waited for
        assert "failed too often" in str(events[0].error)
        assert isinstance(events[-1], Finished)
        assert len(world.backends["lab"].asked) == 2
        alone = await heard(models.open("compatible:other@lab").provider)
        assert isinstance(alone[0], Retrying)  # nobody follows: it is waited for
        assert isinstance(alone[0].error, CircuitOpen)

    with timeless() as runner:
        runner.run(scenario())


def test_the_next_process_knows_which_endpoint_rests(tmp_path: Path) -> None:
    async def scenario() -> None:
        rests = Rests(tmp_path / "endpoints.json")
        await heard(World(tmp_path, {"lab": [BROKEN]}).models(rests=rests).open("compatible:q@lab").provider)
        ((lab, rest),) = rests.read().items()
        assert (lab, rest.kind) == (LAB, "server")
        rests.write(lab, Rest(rest.until + 1000, 3, "server"))
        later = World(tmp_path)
        events = await heard(later.models(rests=rests).open("compatible:q@lab,fast").provider)
        assert isinstance(events[0], MovedOn)
        assert later.languages == ["anthropic"]

    with timeless() as runner:
        runner.run(scenario())


def test_another_place_under_the_same_name_is_another_endpoint(tmp_path: Path) -> None:
    """An alias with an address of its own may be called as an endpoint is."""

    async def scenario() -> None:
        rests = Rests(tmp_path / "endpoints.json")
        tables = f'{TABLES}[models.lab]\nprovider = "compatible"\nbase_url = "http://other.example/v1"\n'
        world = World(tmp_path, {"lab": [BROKEN]}, tables)
        models = world.models(rests=rests)
        await heard(models.open("compatible:q@lab").provider)
        world.acts = {"lab": [answer()]}
        assert isinstance((await heard(models.open("lab").provider))[-1], Finished)
        here, elsewhere = (models.choose(name, "").served for name in ("lab", "compatible:q@lab"))
        assert here is not None
        assert elsewhere is not None
        assert (models.breaker(here).name, models.breaker(elsewhere).name) == ("closed", "open")
        assert set(rests.read()) == {LAB}  # that one is well says nothing of the other
        moved = TABLES.replace("gpu.example", "gpu2.example")
        later = World(tmp_path, tables=moved).models(rests=rests)
        assert not any(
            isinstance(event, MovedOn) for event in await heard(later.open("compatible:q@lab,fast").provider)
        )
        assert set(rests.read()) == {LAB}

    with timeless() as runner:
        runner.run(scenario())


def test_all_runs_of_a_process_share_the_rate_of_an_endpoint(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        models = world.models()
        names = ["compatible:a@lab", "compatible:b@lab"] * 16
        await asyncio.gather(*(heard(models.open(name).provider) for name in names))
        at = world.backends["lab"].at
        assert len([None for time in at if time < 1.0]) <= 30

    with timeless() as runner:
        runner.run(scenario())


def test_what_was_connected_is_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        models = world.models()
        await heard(models.open("fast").provider, ASKED)
        models.open("dear")
        await models.aclose()
        assert world.backends["anthropic"].closed
        assert "openai" not in world.backends

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fasst", "--model: error: there is no model `fasst` (did you mean `fast`?)"),
        ("antropic:x", "--model: error: there is no provider `antropic` (did you mean `anthropic`?)"),
        ("fast,compatible:x", "--model: error: `compatible:x` does not say where it is served"),
    ],
)
def test_a_name_that_means_nothing_is_answered_where_it_was_said(tmp_path: Path, name: str, said: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigError) as wrong:
            World(tmp_path).models().open(name, "--model")
        assert str(wrong.value).startswith(said)

    with timeless() as runner:
        runner.run(scenario())


def test_no_sdk_is_loaded_before_its_model_is_asked(tmp_path: Path) -> None:
    """In a process of its own: what this one has loaded counts for nothing."""
    (tmp_path / "toolgate.toml").write_text(f'{TABLES}[endpoints.anthropic]\nbase_url = "http://127.0.0.1:9"\n')
    environ = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": "sk-open", "TEAM": "blue-team", "HOME": str(tmp_path)}
    script = """\
import asyncio, sys
from pathlib import Path
from gateway.config import load_config
from gateway.models import Models
from providers import Request
import gateway.loop, gateway.runtime

SDKS = {"anthropic", "openai"}
models = Models(load_config(Path(sys.argv[1]), {"HOME": sys.argv[1]}))
row = models.open("fast,dear,compatible:q@lab")
print(sorted(SDKS & set(sys.modules)))
assert asyncio.run(row.first.count(Request("x", "", []))) is None  # nobody is there
print(sorted(SDKS & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, env=environ
    )
    assert done.stdout.splitlines() == ["[]", "['anthropic']"]


def test_what_an_endpoint_says_of_its_limits_is_kept_to_by_all_that_ask_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path)
        models = world.models()
        await heard(models.open("fast").provider)
        told = world.endpoints["anthropic"].heard
        assert told is not None
        left = {"limit": "60", "remaining": "0", "reset": "2999-01-01T00:00:00Z"}
        told({f"anthropic-ratelimit-requests-{name}": value for name, value in left.items()})
        (late,) = await heard(models.open("anthropic:claude-sonnet-4-5").provider)
        assert isinstance(late, ProviderError)
        assert (late.kind, "may be asked again in" in str(late)) == ("rate_limit", True)

    with timeless() as runner:
        runner.run(scenario())
