from pathlib import Path

import pytest

from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.model_list import known_models, names_of
from gateway.models import Models
from gateway.resting import Rest, Rests

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
    rests.write("ollama", Rest(2.0**40, 1, "server"))
    (local,) = known_models(Models(config, rests=rests), ["compatible:q@ollama"])
    assert (local.circuit, local.rests > 0) == ("open", True)


def test_a_name_that_means_nothing_is_an_error(config: Config) -> None:
    with pytest.raises(ConfigError, match="there is no model `pla`"):
        known_models(Models(config), ["pla"])
