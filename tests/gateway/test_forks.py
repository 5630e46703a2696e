"""Who may take up a run anew; what comes of it is shown by the command (`tests/gateway/cli/runs/test_forking.py`)."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.errors import ConfigError, StoreError, UnknownRun
from gateway.events import Cancelled
from gateway.forking import Fork
from gateway.forks import Taken, begin
from gateway.offline import open_offline
from tests.builders import CLIENT, QUEUED


def test_a_clients_run_has_no_conversation_to_go_on_with(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "policies" / "model.conf"
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "model.conf").write_text(shipped.read_text())
    (tmp_path / "policies" / "policy.csv").write_text("p, user:ann, *, */*, call, , allow, ann may\n")

    async def scenario() -> None:
        with open_offline(load_config(tmp_path, {"HOME": str(tmp_path)})) as offline:
            await offline.store.append("r-1", [CLIENT], lease=None)
            with pytest.raises(StoreError, match="an MCP client's"):
                await begin(offline, "r-1", Fork("t0", "hi"), Taken())
            await offline.store.append("r-3", [QUEUED], lease=None)
            with pytest.raises(StoreError, match="NUL"):
                await begin(offline, "r-3", Fork("t0", "h\0"), Taken(offline.subject("user:ann", "acme")))
            gone = Cancelled("user:ann", "moved to there.json", "there.json")
            await offline.store.append("r-4", [QUEUED, gone], lease=None)
            with pytest.raises(StoreError, match=r"moved to there\.json"):
                await begin(offline, "r-4", Fork("t0", "hi"), Taken(offline.subject("user:ann", "acme")))
            with pytest.raises(ConfigError, match="there is no agent `support`"):
                await begin(offline, "r-3", Fork("t0", "hi"), Taken(offline.subject("user:ann", "acme")))
            with pytest.raises(UnknownRun):
                await begin(offline, "r-2", Fork("t0", "hi"), Taken())

    asyncio.run(scenario())
