"""Where the store is, however it is said."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gateway.config import load_config
from gateway.config.documents import toml_document
from gateway.config.layers import Layer, environment_layer, file_layer, merged
from gateway.config.schemas import schema
from gateway.config.showing import origins
from gateway.errors import ConfigError

HOME, CWD = Path("/u/ann"), Path("/w")
URL = "postgresql://ann:s3cret@db/toolgate"


def file(text: str, folder: str = "/p") -> Layer:
    return file_layer(toml_document(text, "toolgate.toml", Path(folder)), HOME)


def environment(name: str, value: str) -> Layer:
    return environment_layer({f"TOOLGATE_STORE__{name}": value}, CWD, HOME)


def said(*layers: Layer) -> tuple[Any, Any]:
    store = merged(layers)[0]["store"]
    return store.get("path"), store.get("url")


@pytest.mark.parametrize(
    ("layer", "path", "url"),
    [
        (file(f'store = "{URL}"'), None, URL),
        (file(f'[store]\nurl = "{URL}"'), None, URL),
        (file('store = "sqlite:///data/x.db"'), Path("/p/data/x.db"), None),
        (file('store = "sqlite:////var/x.db"'), Path("/var/x.db"), None),
        (file('[store]\nurl = "sqlite:///~/x.db"\nsynchronous = "full"'), HOME / "x.db", None),
        (file('[store]\npath = "x.db"'), Path("/p/x.db"), None),
        (environment("URL", URL), None, URL),
        (environment("URL", "sqlite:///x.db"), CWD / "x.db", None),
    ],
)
def test_a_url_says_a_file_or_a_database(layer: Layer, path: Path | None, url: str | None) -> None:
    assert said(layer) == (path, url)
    assert layer.problems == ()


def test_of_two_layers_the_stronger_one_counts_whichever_it_says() -> None:
    assert said(file(f'store = "{URL}"'), environment("PATH", "x.db")) == (CWD / "x.db", None)
    assert said(file("store.path = 'x.db'"), environment("URL", URL)) == (Path("/p/x.db"), URL)
    assert said(file(f'store = "{URL}"'), file("store.synchronous = 'full'")) == (None, URL)


def test_both_in_one_place_is_an_error_there() -> None:
    (problem,) = file(f"[store]\npath = 'x.db'\nurl = '{URL}'").problems
    assert str(problem).startswith("toolgate.toml:3:1: error: `store.path` and `store.url` both say where the store is")
    assert "s3cret" not in str(problem)


def loaded(folder: Path, text: str) -> Any:
    (folder / "toolgate.toml").write_text(text)
    return load_config(folder, {"HOME": str(folder)})


@pytest.mark.parametrize("url", ["mysql://ann:s3cret@db/x", "sqlite:x.db", "s3cret", ""])
def test_what_is_neither_is_refused_without_being_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"toolgate\.toml:1:1: .*`sqlite:///PATH` or `postgresql://") as found:
        loaded(tmp_path, f'store = "{url}"')
    assert "s3cret" not in str(found.value)


def test_a_password_may_come_from_the_environment_and_is_in_nothing_that_is_shown(tmp_path: Path) -> None:
    config = loaded(tmp_path, 'store = "postgresql://ann:${PASSWORD}@db/toolgate"')
    assert config.store_url({"PASSWORD": "s3cret"}) == URL
    with pytest.raises(ConfigError, match=r"toolgate\.toml:1:1: .*PASSWORD"):
        config.store_url({})
    assert "postgresql" not in repr(config)
    (shown,) = [row.shown for row in origins(loaded(tmp_path, f'store = "{URL}?host=h"')) if row.key == "store.url"]
    assert shown == "postgresql://***@db/toolgate?host=***"
    assert loaded(tmp_path, "").store_url({}) is None


def test_the_whole_url_may_come_from_the_environment(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'store = "${DATABASE_URL}"').store_url({"DATABASE_URL": URL}) == URL


def test_what_is_only_of_this_machine_stays_beside_the_usual_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, f'store = "{URL}"').store.path == tmp_path / ".toolgate" / "toolgate.db"


def test_editors_are_told_of_both() -> None:
    complaints = [*Draft7Validator(schema("toolgate")).iter_errors({"store": URL})]
    assert complaints == []
    (complaint,) = Draft7Validator(schema("toolgate")).iter_errors({"store": {"paht": "x"}})
    assert "'paht' was unexpected" in complaint.message
