"""No file has a credential that the configuration names."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.errors import StoreError
from gateway.events import Cancelled, Queued
from gateway.offline import open_offline
from gateway.packing import packed

CONFIG = """
[endpoints.own]
base_url = "http://127.0.0.1:9"
api_key_env = "SOME_KEY"
"""


def test_a_credential_leaves_with_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOME_KEY", "s3cret-key-of-ours")
    (tmp_path / "toolgate.toml").write_text(CONFIG)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy.csv").write_text("p, user:ann, *, x/*, call, , allow, yes\n")
    shipped = Path(__file__).parents[2] / "policies" / "model.conf"
    (tmp_path / "policies" / "model.conf").write_text(shipped.read_text())
    config = load_config(tmp_path, {"HOME": str(tmp_path / "home"), "SOME_KEY": "s3cret-key-of-ours"})
    queued = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "use s3cret-key-of-ours")

    async def scenario() -> None:
        with open_offline(config) as offline:
            await offline.store.append("r-1", [queued], lease=None)
            with pytest.raises(StoreError, match=r"event 1 \(queued\) holds a credential of ours"):
                await packed(offline, "r-1")
            await offline.store.append("r-1", [Cancelled("user:ann")], lease=None)
            pack = await packed(offline, "r-1")
            assert pack["events"][0]["input"] == "use ***"

    asyncio.run(scenario())
