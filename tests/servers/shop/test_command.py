import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from servers.shop.command import main
from servers.shop.ledger import Ledger

ORDER = {"customer_id": "C-1", "sku": "OIL-CHAIN", "quantity": 1}
KEY: Any = {"toolgate/idempotency-key": "run-1/t1/call/c1"}


def _child(file: Path, *flags: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", "servers.shop", "--db", str(file), *flags])


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_shop_serves_both_eras_over_stdio_and_honours_keys(tmp_path: Path, mode: str, version: str) -> None:
    async def scenario() -> None:
        async with Client(_child(tmp_path / "new" / "shop.db"), mode=mode) as client:
            assert client.protocol_version == version
            assert len((await client.list_tools()).tools) == 6
            first = await client.call_tool("create_order", ORDER, meta=KEY)
            again = await client.call_tool("create_order", ORDER, meta=KEY)
            assert first.structured_content == again.structured_content
            assert (await client.call_tool("create_order", ORDER)).is_error  # no key, and nothing is left

    asyncio.run(scenario())


def test_two_servers_on_one_file_sell_the_last_item_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / "shop.db"
        async with Client(_child(file)) as one, Client(_child(file)) as two:
            calls = (client.call_tool("create_order", ORDER) for client in (one, two))
            results = await asyncio.gather(*calls)
            assert sorted(result.is_error for result in results) == [False, True]

    asyncio.run(scenario())


def _request(number: int, method: str, params: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


HELLO = _request(
    1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
) + (json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode() + b"\n")


def test_an_order_whose_server_is_killed_before_it_answers_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    shop, waiting = Ledger(file), threading.Event()
    command = [sys.executable, "-m", "servers.shop", "--db", str(file)]
    slow = os.environ | {"SHOP_DELAY_MS": "3600000"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=slow) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(
            HELLO + _request(2, "tools/call", {"name": "create_order", "arguments": ORDER, "_meta": KEY})
        )
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        for _ in range(600):
            if shop.customer("C-1").orders:
                break
            waiting.wait(0.05)
        assert shop.customer("C-1").orders == ("O-1001",)
        assert not select.select([server.stdout], [], [], 0)[0]  # committed, not answered: the gap
        server.send_signal(signal.SIGKILL)

    async def again() -> None:
        async with Client(_child(file)) as client:
            result = await client.call_tool("create_order", ORDER, meta=KEY)
            assert result.structured_content["order_id"] == "O-1001"

    asyncio.run(again())
    assert shop.customer("C-1").orders == ("O-1001",)
    assert shop.product("OIL-CHAIN").stock == 0


def test_a_server_whose_caller_is_gone_does_not_stay_behind_to_answer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "servers.shop", "--db", str(tmp_path / "shop.db"), "--delay-ms", "3600000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        call = _request(2, "tools/call", {"name": "create_order", "arguments": ORDER})
        server.communicate(HELLO + call, timeout=60)  # closes stdin, as a caller's death does
        assert server.returncode == 0


def test_a_file_that_is_no_shop_ends_with_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("not a database" * 100)
    with pytest.raises(SystemExit) as caught:
        main(["--db", str(tmp_path / "x")])
    assert caught.value.code == 1
    assert capsys.readouterr().err == f"--db `{tmp_path / 'x'}` can't be used: file is not a database\n"


@pytest.mark.parametrize("delay", ["-1", "soon"])
def test_a_delay_that_is_none_is_a_usage_error(
    delay: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_DELAY_MS", delay)
    with pytest.raises(SystemExit) as caught:
        main(["--db", "unused.db"])
    assert caught.value.code == 2
    assert "--delay-ms" in capsys.readouterr().err
