"""One table in or out of a TOML text. Pure.

Textual, on the tables that have a header of their own (`[mcp_servers.x]` and those below it), which is how people and
`codex mcp add` write them; no library that rewrites the whole file. The caller reads what comes out and compares it
with what it must say: a table that is written in another way (`x = {...}`, dotted keys) makes that comparison fail.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config.places import KeyPath
from gateway.config.toml_lines import toml_blocks
from gateway.hosts.text import newline_of

__all__ = ["with_table", "without_tables"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def without_tables(text: str, parent: KeyPath, names: Sequence[str]) -> str:
    """The text without these tables and the tables in them. Comments above a header and behind a last line stay."""
    paths = [(*parent, name) for name in names]
    inside = [block for block in toml_blocks(text) if block.path[: len(parent) + 1] in paths]
    for block in reversed(inside):
        start = text.rfind("\n", 0, block.start) + 1
        end = text.find("\n", block.end)
        text = text[:start] + ("" if end < 0 else text[end + 1 :])
    return text


def with_table(text: str, parent: KeyPath, name: str, value: Mapping[str, Any]) -> str:
    """The text with one more table at its end. `value` holds texts, lists of texts, and tables of texts."""
    newline, path = newline_of(text), (*parent, name)
    lines = [f"[{'.'.join(_key(str(part)) for part in path)}]"]
    lines += [f"{_key(key)} = {_value(item)}" for key, item in value.items() if not isinstance(item, Mapping)]
    for below, table in value.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{'.'.join(_key(str(part)) for part in (*path, below))}]"]
            lines += [f"{_key(key)} = {_value(item)}" for key, item in table.items()]
    gap = "" if not text or text.endswith(newline * 2) else newline if text.endswith("\n") else newline * 2
    return text + gap + newline.join(lines) + newline


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: Any) -> str:
    """JSON's texts, lists and truths are TOML's, too (TOML 1.0, basic strings)."""
    return json.dumps(value, ensure_ascii=False)
