"""The JSON Schema that a run's answer must fit, as an admin or a user writes it: in a file, or within toolgate.toml."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.config.jsonc import parse_jsonc
from gateway.errors import ConfigError
from gateway.output import MAX_SCHEMA, unusable

__all__ = ["checked", "plain", "read_output_schema"]

_READ = 4 * MAX_SCHEMA  # bytes of a file: comments and blanks are no part of a schema


def read_output_schema(path: Path, file: str) -> Mapping[str, Any]:
    """Reads a file of JSON, which may have comments. Raises ConfigError for one that no answer can be held against."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(_READ + 1)
    except OSError as error:
        raise ConfigError.at(file, f"the output schema can't be read: {error.strerror}") from None
    if len(raw) > _READ:
        raise ConfigError.at(file, f"the output schema is larger than {MAX_SCHEMA // 1024} KB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError.at(file, "the output schema is not UTF-8 text") from None
    schema, _places = parse_jsonc(text, file)
    return checked(schema, file)


def checked(schema: Any, where: str) -> Mapping[str, Any]:
    """The same. Raises ConfigError for a schema that no answer can be held against."""
    flaw = unusable(schema)
    if flaw is not None:
        raise ConfigError.at(where, f"the output schema {flaw}")
    found: Mapping[str, Any] = schema
    return found


def plain(value: object) -> Any:
    """A value of a TOML file as JSON has it: its numbers are read as Decimals."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value
