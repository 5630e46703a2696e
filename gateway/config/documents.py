"""The two kinds of file that are read, TOML and JSON, each into a `Document` that knows where everything stands."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from gateway.config.jsonc import parse_jsonc
from gateway.config.places import Document
from gateway.config.toml_lines import toml_places
from gateway.errors import ConfigError

__all__ = ["read_json", "read_toml", "toml_document"]

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")

# What `tomllib` says -> what we say, and what to do.
_MENDS: Mapping[str, tuple[str, str]] = {
    "Cannot overwrite a value": ("this key stands twice, or is both a key and a table", "keep one of the two"),
    "Cannot declare": ("this table stands twice", "put what belongs to it below one heading"),
    "Invalid value": (
        "there is no value here that TOML knows",
        "text stands in straight double quotes, `true` and `false` in small letters",
    ),
    "Invalid statement": ("a line must be a key with its value, or a heading", "write `key = value` or `[table]`"),
    "Expected '=' after a key": ("a `=` must stand here", "write `key = value`, with an odd name in quotes"),
    "Illegal character '\\n'": ("a text is not closed in its line", 'close it with `"`'),
    "Unescaped '\\'": ("a `\\` in a text", "write it twice, or put the text in single quotes"),
}


def read_toml(path: Path, file: str) -> Document:
    """Reads a TOML file; its floats are Decimals. Raises ConfigError if it can't be read or isn't TOML."""
    return toml_document(_text(path, file), file, path.parent)


def toml_document(text: str, file: str, folder: Path) -> Document:
    """TOML text as a document. Raises ConfigError with line and column."""
    text = text.replace("\r\n", "\n")
    try:
        value = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), text, file) from None
    except (ValueError, ArithmeticError):
        raise ConfigError.at(file, "a number in it is too large to read") from None
    except RecursionError:
        raise ConfigError.at(file, "it is nested too deeply") from None
    return Document(file, folder, value, toml_places(text, file))


def read_json(path: Path, file: str) -> Document:
    """Reads a JSON file, with comments and trailing commas. Raises ConfigError unless it holds an object."""
    value, places = parse_jsonc(_text(path, file), file)
    if not isinstance(value, dict):
        raise ConfigError.at(file, "the file must hold a JSON object", 1, 1, 'write `{"mcpServers": {}}`')
    return Document(file, path.parent, value, places)


def _text(path: Path, file: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        raise ConfigError.at(file, "the file is not UTF-8 text", *_end(before), "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError.at(file, f"the file can't be read: {error.strerror}") from None


def _end(text: str) -> tuple[int, int]:
    """Line and column of what would follow this text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _not_toml(message: str, text: str, file: str) -> ConfigError:
    """`tomllib` says where only within its message."""
    found = _POSITION.search(message)
    line, column = _end(text) if found is None or found[1] is None else (int(found[1]), int(found[2]))
    words = _POSITION.sub("", message)
    said, mend = next((told for begin, told in _MENDS.items() if words.startswith(begin)), (words, ""))
    return ConfigError.at(file, f"not TOML: {said[:1].lower()}{said[1:]}", line, column, mend)
