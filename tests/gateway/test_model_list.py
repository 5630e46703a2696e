import asyncio
from pathlib import Path

import pytest

from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.events import Recorded
from gateway.model_list import checked, known_models, names_of
from gateway.models import Models
from gateway.resting import Rest, Rests
from providers import ProviderError
from providers.request import known_as

TABLES = """\
[models.play]
provider = "scripted"
script = "talk.yaml"
[models.nobody]
provider = "compatible"
base_url = "http://127.0.0.1:9/v1"
[agents.a]
model = ["play", "compatible:q@ollama"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "toolgate.toml").write_text(TABLES)
    (tmp_path / "talk.yaml").write_text("steps:\n  - say: Hi.\n")
    return load_config(tmp_path, {"HOME": str(tmp_path)})


def test_every_model_is_listed_that_anybody_names(config: Config) -> None:
    assert names_of(config) == ("play", "nobody", "compatible:q@ollama")


def test_what_is_known_is_told_without_asking(config: Config) -> None:
    play, nobody, local = (one.to_json() for one in known_models(Models(config), names_of(config)))
    assert (play["provider"], play["price"]["input"], play["circuit"], play["problem"]) == ("scripted", "0", None, None)
    assert nobody["price"] is None
    assert "nobody knows what the model `nobody` costs" in nobody["problem"]
    assert (local["endpoint"], local["key"], local["circuit"]) == (
        "ollama", {"variable": "OLLAMA_API_KEY", "set": False}, "closed",
    )  # fmt: skip
    assert local["price"] == {"input": "0", "output": "0", "cache_read": None, "cache_write": None}


def test_an_endpoint_that_is_left_alone_says_so(config: Config, tmp_path: Path) -> None:
    rests = Rests(tmp_path / "rests.json", lambda: 0.0)
    rests.write(known_as("ollama", "compatible direct http://localhost:11434/v1"), Rest(2.0**40, 1, "server"))
    (local,) = known_models(Models(config, rests=rests), ["compatible:q@ollama"])
    assert (local.circuit, local.rests > 0) == ("open", True)


def test_a_name_that_means_nothing_is_an_error(config: Config) -> None:
    with pytest.raises(ConfigError, match="there is no model `pla`"):
        known_models(Models(config), ["pla"])


@pytest.mark.parametrize(
    ("came", "seen", "bad"),
    [
        (frozenset({"q"}), "answers, and lists it", False),
        (frozenset({"q:latest", "q:7b"}), "answers, and lists it", False),
        (frozenset({"other", "q:7b"}), "answers, but lists no such model", False),
        (None, "answers, but has no list of models", False),
        (ProviderError("auth", "it does not take the key"), "answers, but it does not take the key", True),
        (ProviderError("protocol", "what it answers is no list"), "answers, but what it answers is no list", True),
        (ProviderError("timeout", "no answer within 10 s"), "unreachable: no answer within 10 s", True),
    ],
)
def test_what_was_seen_is_said_and_nothing_more(
    config: Config, monkeypatch: pytest.MonkeyPatch, came: frozenset[str] | ProviderError | None, seen: str, bad: bool
) -> None:
    async def reach(_models: Models, _found: object) -> frozenset[str] | None:
        if isinstance(came, ProviderError):
            raise came
        return came

    monkeypatch.setattr(Models, "reach", reach)

    async def recorded(_run: str) -> list[Recorded]:
        raise AssertionError("it was read")

    models = Models(config, recorded=recorded)
    names = ["compatible:q@ollama", "play", "nobody", "replay:r-1"]
    local, play, nobody, replay = asyncio.run(checked(models, known_models(models, names)))
    assert (local.seen, local.bad) == (seen, bad)
    assert (play.seen, play.bad, play.reachable) == ("not checked: a script", False, None)
    assert (nobody.seen, nobody.reachable) == ("not ready", None)
    assert replay.seen == "not checked: a recording, which is read when it is played"
