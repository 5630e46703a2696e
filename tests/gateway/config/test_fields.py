from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import pytest

from gateway.config.fields import field_type, from_text, neighbours
from gateway.config.settings import ServeConfig, Settings, StoreConfig


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("serve",), ServeConfig),
        (("serve", "port"), int),
        (("store", "path"), Path),
        (("servers", "anything", "trusted"), bool),
        (("agents", "x", "budgets", "tokens"), int),
        (("models", "x", "script"), Path),
        (("telemetry", "headers", "X-Any"), str),
        (("serve", "prot"), None),
        (("serve", "port", "deeper"), None),
        (("nothing",), None),
    ],
)
def test_the_models_know_the_type_of_every_key(path: tuple[str, ...], kind: Any) -> None:
    assert field_type(Settings, path) == kind


def test_a_table_of_any_names_is_known_as_such() -> None:
    assert get_origin(field_type(Settings, ("models",))) is Mapping


def test_neighbours_are_the_keys_that_may_stand_there() -> None:
    assert set(neighbours(Settings, ("store", "paht"))) == set(StoreConfig.model_fields)
    assert neighbours(Settings, ("models", "any")) == ()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, " 8080 ", 8080),
        (int, "80x", "80x"),
        (int, "²", "²"),
        (int, "9" * 5000, "9" * 5000),
        (bool, "True", True),
        (bool, "0", False),
        (bool, "perhaps", "perhaps"),
        (tuple[str, ...], "a, b,", ["a", "b"]),
        (tuple[str, ...], "", []),
        (str, " kept ", " kept "),
        (Path, "x", "x"),
    ],
)
def test_text_becomes_what_a_file_would_give_or_stays_text_to_be_refused(kind: Any, text: str, value: object) -> None:
    assert from_text(kind, text) == value
