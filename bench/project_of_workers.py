"""A project of the benchmarks whose one agent plays a script, with a server over stdio; and how runs are submitted."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.program import ROOT
from bench.project import make_project
from gateway.call import Subject
from gateway.config import load_config
from gateway.offline import open_offline
from gateway.submitting import Submission, submit

__all__ = ["make_workplace", "submit_runs"]

AT_ONCE = 100  # runs that are submitted together
_AGENT = "p, agent:desk, *, up/*, call, , allow, the desk may what its user may\n"


def make_workplace(folder: Path, script: str, *, store: str = "", more: str = "") -> Mapping[str, str]:
    """Writes it; returns its environment. `store` is a URL, if it is not a file in the project."""
    environment = make_project(folder, "", "normal")
    with (folder / "policies" / "policy.csv").open("a", encoding="utf-8") as policy:
        policy.write(_AGENT)
    (folder / "script.yaml").write_text(script, encoding="utf-8")
    stdio = {"command": sys.executable, "args": ["-m", "bench.light_stdio"], "env": {"PYTHONPATH": str(ROOT)}}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"up": stdio}}), encoding="utf-8")
    place, played = store or f"sqlite:///{folder}/toolgate.db", f"scripted:{folder}/script.yaml"
    said = f'store = "{place}"\n[identity]\nuser = "user:bench"\ntenant = "acme"\n[queue]\nconcurrency = 8\n{more}\n'
    said += f'[agents.desk]\nmodel = "{played}"\nmay_wait = true\n'
    (folder / "toolgate.toml").write_text(said, encoding="utf-8")
    return environment


def submit_runs(folder: Path, environment: Mapping[str, str], count: int) -> None:
    asyncio.run(_submitted(folder, environment, count))


async def _submitted(folder: Path, environment: Mapping[str, str], count: int) -> None:
    who = Subject("user:bench", "acme", "agent:desk")
    with open_offline(load_config(folder, {**os.environ, **environment})) as offline:
        for first in range(0, count, AT_ONCE):
            some = range(first, min(count, first + AT_ONCE))
            await asyncio.gather(*(submit(offline, Submission("Go.", who)) for _ in some))
