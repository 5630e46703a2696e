"""A Toolgate project in a temporary folder: one server, a policy of 1,000 rules, every budget limited."""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.program import ROOT
from bench.rules import write_policies

__all__ = ["RULES", "gateway_arguments", "make_project"]

RULES = 1000

gateway_arguments = ("-m", "gateway.cli", "serve", "--port", "0", "--json")


def make_project(folder: Path, upstream_url: str, synchronous: str) -> Mapping[str, str]:
    """Writes it; returns the environment that keeps the user's own configuration out."""
    write_policies(folder / "policies", RULES, ROOT / "policies" / "model.conf")
    settings = f'[identity]\nuser = "user:bench"\ntenant = "acme"\n[store]\nsynchronous = "{synchronous}"\n'
    (folder / "toolgate.toml").write_text(settings, encoding="utf-8")
    servers = {"mcpServers": {"up": {"type": "http", "url": upstream_url}}}
    (folder / ".mcp.json").write_text(json.dumps(servers), encoding="utf-8")
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
