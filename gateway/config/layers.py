"""Flags before environment before project before user before defaults: values, and who said each. Pure.

A table is merged key by key; anything else is replaced whole by the layer above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.fields import field_type, from_text
from gateway.config.folders import Folders
from gateway.config.places import DEFAULT, Document, KeyPath, Place
from gateway.config.settings import Settings
from gateway.config.stores import store_of_layer
from gateway.errors import Problem
from gateway.wording import did_you_mean

__all__ = ["Flag", "Layer", "default_layer", "environment_layer", "file_layer", "flag_layer", "merged"]

PREFIX = "TOOLGATE_"

# Whatever says one of these says it relative to itself. `*` stands for any name.
_PATHS: Sequence[KeyPath] = (
    ("store", "path"),
    ("policy", "model"),
    ("policy", "files"),
    ("policy", "budgets"),
    ("models", "*", "script"),
    ("agents", "*", "output_schema"),
)


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of the command line that sets a key: `Flag("--tenant", "identity.tenant", "acme")`. None sets nothing."""

    name: str
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says. `value` is nested as in toolgate.toml."""

    value: Mapping[str, Any] = field(repr=False)
    places: Mapping[KeyPath, Place] = field(repr=False)
    problems: tuple[Problem, ...] = ()


def file_layer(document: Document, home: Path) -> Layer:
    """A file; its relative paths start at its folder."""
    value, places, problems = store_of_layer(document.value, document.places)
    return Layer(_anchored(value, document.folder, home), places, problems)


def default_layer(user: str, folders: Folders) -> Layer:
    """The defaults that depend on where and by whom Toolgate is started. The others stand in the models."""
    policies = folders.workspace / "policies"
    value: dict[str, dict[str, Any]] = {
        "store": {"path": folders.private / "toolgate.db"},
        "policy": {
            "model": policies / "model.conf",
            "files": policies / "policy.csv",
            "budgets": policies / "budgets.toml",
        },
        "identity": {"user": user},
    }
    return Layer(value, {(table, key): DEFAULT for table, keys in value.items() for key in keys})


def environment_layer(environ: Mapping[str, str], cwd: Path, home: Path) -> Layer:
    """`TOOLGATE_STORE__PATH=...` is `store.path`. A name without `__` is no setting, and nobody else's concern."""
    names = sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
    said = [
        (Place(f"environment {name}"), tuple(name.removeprefix(PREFIX).lower().split("__")), environ[name])
        for name in names
    ]
    return _said(said, cwd, home)


def flag_layer(flags: Sequence[Flag], cwd: Path, home: Path) -> Layer:
    """The flags that were given."""
    given = [(Place(f"flag {flag.name}"), tuple(flag.key.split(".")), flag.value) for flag in flags]
    return _said([(place, path, value) for place, path, value in given if value is not None], cwd, home)


def merged(layers: Sequence[Layer]) -> tuple[Mapping[str, Any], Mapping[KeyPath, Place]]:
    """All layers in one, the last one strongest, and the place of each key that counts."""
    value: dict[str, Any] = {}
    places: dict[KeyPath, Place] = {}
    for layer in layers:
        value = _over(value, layer.value)
        replaced = tuple(path for path in layer.places if not isinstance(_at(layer.value, path), Mapping))
        places = {path: place for path, place in places.items() if not any(_below(path, top) for top in replaced)}
        places |= layer.places
    return value, places


def _said(said: Sequence[tuple[Place, tuple[str, ...], str]], cwd: Path, home: Path) -> Layer:
    """Single keys, each with the text that somebody gave it."""
    value: Mapping[str, Any] = {}
    places: Mapping[KeyPath, Place] = {}
    problems: list[Problem] = []
    for place, path, text in said:
        kind = field_type(Settings, path)
        if kind is None or isinstance(_at(value, path), Mapping):
            problems.append(_unknown(place, path))
            continue
        value = _over(value, _nested(path, from_text(kind, text)))
        places = {**places, **{path[:end]: place for end in range(1, len(path) + 1)}}
    value, places, wrong = store_of_layer(value, places)
    return Layer(_anchored(value, cwd, home), places, (*problems, *wrong))


def _unknown(place: Place, path: tuple[str, ...]) -> Problem:
    """Says which part of the path is the first that does not exist."""
    wrong = next((end for end in range(1, len(path) + 1) if field_type(Settings, path[:end]) is None), len(path))
    hint = did_you_mean(path[wrong - 1], _children(path[: wrong - 1]))
    return place.problem(f"there is no setting `{'.'.join(path)}`", hint)


def _children(path: KeyPath) -> Sequence[str]:
    return tuple(getattr(field_type(Settings, path), "model_fields", ()))


def _nested(path: Sequence[str], value: object) -> Mapping[str, Any]:
    return {path[0]: _nested(path[1:], value) if path[1:] else value}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
    }
    return {**below, **above, **both}


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _below(path: KeyPath, top: KeyPath) -> bool:
    return path[: len(top)] == top


def _anchored(value: Mapping[str, Any], folder: Path, home: Path, path: KeyPath = ()) -> dict[str, Any]:
    """The same with each relative path made absolute, so that it means the same whoever reads it."""
    return {key: _anchored_item(item, folder, home, (*path, key)) for key, item in value.items()}


def _anchored_item(item: Any, folder: Path, home: Path, path: KeyPath) -> Any:
    if isinstance(item, Mapping):
        return _anchored(item, folder, home, path)
    if isinstance(item, str) and item and any(_matches(path, pattern) for pattern in _PATHS):
        return _expanded(item, folder, home)
    return item


def _matches(path: KeyPath, pattern: KeyPath) -> bool:
    return len(path) == len(pattern) and all(want in ("*", part) for part, want in zip(path, pattern, strict=True))


def _expanded(text: str, folder: Path, home: Path) -> Path:
    return home / text.removeprefix("~/") if text.startswith("~/") else folder / text
