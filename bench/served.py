"""`toolgate serve` in front of any one server: the project of the benchmarks, all gates on."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.program import Program, running
from bench.project import gateway_arguments, make_project

__all__ = ["served", "url_of"]


@contextlib.contextmanager
def served(folder: Path, server: Mapping[str, Any]) -> Iterator[Program]:
    """`server` is its entry in `.mcp.json`; it is called `up`. The folder may hold what an earlier start has left."""
    folder.mkdir(exist_ok=True)
    environment = make_project(folder, "", "normal")
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"up": server}}), encoding="utf-8")
    with running(gateway_arguments, folder, environment) as program:
        yield program


def url_of(program: Program) -> str:
    """Waits until it listens."""
    url: str = json.loads(program.first_line())["url"]
    return url
