"""What is kept for a connection is kept as long as it lasts, and is nobody else's."""

import asyncio
from pathlib import Path
from typing import Any

from mcp import Client

from gateway.serve.connected import connected, when_it_ends
from tests.fixtures.gateway_app import Setup, opened
from tests.fixtures.near import near


def test_a_connection_keeps_what_is_its_own_and_its_end_is_heard(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")
    keys: list[str] = []
    ended: list[str] = []

    async def work() -> None:
        async with opened(setup) as app:

            async def spying(ctx: Any, call_next: Any) -> Any:
                if ctx.method == "tools/list":
                    key = connected(ctx).key
                    keys.append(key)

                    async def end() -> None:
                        ended.append(key)

                    when_it_ends(ctx, end)
                return await call_next(ctx)

            app.server.middleware.insert(0, spying)
            for _ in range(2):
                async with Client(near(app.server), mode="legacy", cache=None) as client:
                    await client.list_tools()
                    await client.list_tools()

    asyncio.run(work())
    assert (keys[0], keys[2]) == (keys[1], keys[3])
    assert keys[0] != keys[2]
    assert ended == keys
