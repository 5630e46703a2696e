"""JSON Schema of `toolgate.toml` and `budgets.toml`, for editors: made from the models that read them. Pure.

What a schema can't say (which keys need each other, that a name exists) it leaves to Toolgate: whatever Toolgate takes,
the schema takes too. Nothing is required, because another layer may have said it.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gateway.config.budgets import BudgetsFile
from gateway.config.settings import Settings
from gateway.config.table import Table

__all__ = ["SCHEMAS", "schema"]

SCHEMAS: Mapping[str, type[Table]] = {"toolgate": Settings, "budgets": BudgetsFile}

_DIALECT = "http://json-schema.org/draft-07/schema#"  # which editors of TOML know best
_ABOUT = {"toolgate": "Toolgate's settings: toolgate.toml", "budgets": "What runs may spend: budgets.toml"}
_LEFT_OUT = ("required", "title", "default")
_NULL = {"type": "null"}


def schema(name: str) -> dict[str, Any]:
    """The schema of `toolgate.toml` or of `budgets.toml`. Raises KeyError for another name."""
    made = SCHEMAS[name].model_json_schema(mode="validation", schema_generator=_Generator)
    said = _without(made)
    if name == "toolgate":
        said["$defs"]["StoreConfig"]["type"] = ["object", "string"]  # `stores` says what the text means
    return {"$schema": _DIALECT, "title": _ABOUT[name], **said}


class _Generator(GenerateJsonSchema):
    """Says nothing about defaults that JSON can't hold: they are left out anyway."""

    def emit_warning(self, kind: str, detail: str) -> None:
        del kind, detail


def _without(part: Any, *, names: bool = False) -> Any:
    """Without what editors would show and nobody needs, and without null, which TOML does not have. `names`: the keys
    are names that people gave, not keywords.
    """
    if isinstance(part, list):
        return [_without(item) for item in part if item != _NULL]
    if not isinstance(part, dict):
        return part
    kept = part if names else {key: value for key, value in part.items() if key not in _LEFT_OUT}
    made = {key: _without(value, names=key in ("properties", "$defs") and not names) for key, value in kept.items()}
    match made:
        case {"anyOf": [only], **rest} if not names:
            return {**rest, **only}
    return made
