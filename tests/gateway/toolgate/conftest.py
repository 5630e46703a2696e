"""A project with a real server and a scripted model, for programs that embed Toolgate."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TALLY = ROOT / "tests" / "fixtures" / "tally_server.py"

CONFIG = """\
[identity]
user = "user:ann"
tenant = "acme"
[models.talk]
provider = "scripted"
script = "talk.yaml"
[models.look]
provider = "scripted"
script = "look.yaml"
[models.send]
provider = "scripted"
script = "send.yaml"
[models.hold]
provider = "scripted"
script = "hold.yaml"
[models.fail]
provider = "scripted"
script = "fail.yaml"
[agents.clerk]
model = "talk"
[agents.other]
model = "talk"
[servers.desk]
trusted = true
era = "legacy"
"""
POLICY = """\
p, user:ann,    *, desk/*,    call,    , allow, ann works here
p, user:cleo,   *, desk/*,    call,    , allow, so does cleo
p, agent:clerk, *, desk/*,    call,    , allow, the clerk may
p, *,           *, desk/send, call,    , ask,   what is sent is read first
p, *,           *, desk/fail, call,    , deny,  nobody fails here
p, user:bob,    *, desk/*,    approve, , allow, bob decides
"""
SCRIPTS = {
    "talk": "steps:\n  - say: One.\n  - say: Two.\n  - say: Three.\n",
    "look": "steps:\n  - call: {tool: desk/look, args: {}}\n  - say: I looked.\n",
    "send": "steps:\n  - call: {tool: desk/send, args: {word: b}}\n  - say: Sent.\n",
    "fail": "steps:\n  - fail: {kind: auth, message: the key is wrong}\n    say: Here.\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Callable[[], str | None]) -> Path:
    """A folder that is the current one, with its store in either database."""
    for name in [name for name in os.environ if name.startswith(("TOOLGATE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    (folder / "policies").mkdir(parents=True)
    url = database()
    (folder / "toolgate.toml").write_text((f'store = "{url}"\n' if url else "") + CONFIG)
    (folder / "policies" / "policy.csv").write_text(POLICY)
    (folder / "policies" / "model.conf").write_text((ROOT / "policies" / "model.conf").read_text())
    desk = {"command": sys.executable, "args": ["-S", str(TALLY), str(folder / "arrivals.jsonl")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"desk": desk}}))
    for name, text in SCRIPTS.items():
        (folder / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(folder)
    return folder
