"""The loop that serves."""

import asyncio
import sys
from types import ModuleType

import pytest

from gateway.serve.running import run


async def kind_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop on Windows")
def test_it_is_uvloops() -> None:
    assert run(kind_of_loop()).startswith("uvloop")


def test_without_uvloop_it_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: dict[str, ModuleType | None] = {"uvloop": None}
    for name, module in missing.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert run(kind_of_loop()).startswith("asyncio")
