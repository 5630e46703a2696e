"""The same call through bridges and proxies that check nothing, as people run them: from HTTP to a server on stdio.

They are npm's (`bench/node`, fetched when this is first asked for), so `./dev bench` does this only when it is named.
"""

import asyncio
import contextlib
import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.load import Target
from bench.program import ROOT, Program, running, started
from bench.scale import Scale
from bench.served import served, url_of
from bench.systems import System, measured
from bench.table import Table

__all__ = ["bridges"]

NODE = ROOT / "bench" / "node"
PATIENCE = 30.0  # seconds until a bridge listens
_STDIO = (sys.executable, "-m", "bench.light_stdio")
_NOTES = (
    "Bridges, and the last two rows, have their server on stdio; the other rows over HTTP. Bridges check nothing, keep",
    "no record, and speak the handshake era only. CPU and RSS are without the processes that they start.",
)


def bridges(scale: Scale) -> Table:
    _install()
    with tempfile.TemporaryDirectory() as folder, _systems(Path(folder)) as systems:
        return asyncio.run(measured("A tools/call through what checks nothing", systems, scale, _NOTES))


@contextlib.contextmanager
def _systems(folder: Path) -> Iterator[Sequence[System]]:
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(running(["-m", "bench.light_server"]))
        url = upstream.first_line()
        sdk = stack.enter_context(running(["-m", "bench.sdk_server"]))
        over_http = stack.enter_context(served(folder / "http", {"type": "http", "url": url}))
        command = {"command": _STDIO[0], "args": list(_STDIO[1:]), "env": {"PYTHONPATH": str(ROOT)}}
        over_stdio = stack.enter_context(served(folder / "stdio", command))
        found = [stack.enter_context(_bridge(name, arguments)) for name, arguments in _BRIDGES]
        yield [
            System("direct", Target(url, "echo", "modern"), upstream.pid),
            System("MCP SDK's server, no gateway", Target(sdk.first_line(), "echo", "legacy"), sdk.pid),
            *found,
            *_ours("toolgate", over_http),
            *_ours("toolgate, server on stdio", over_stdio),
        ]


def _ours(label: str, program: Program) -> Sequence[System]:
    url = url_of(program)
    return [
        System(label, Target(url, "up__echo", "modern"), program.pid),
        System(f"{label}, handshake", Target(url, "up__echo", "legacy"), program.pid),
    ]


# With `{port}`: where it is to listen.
_BRIDGES: Sequence[tuple[str, Sequence[str]]] = (
    (
        "supergateway",
        ["--stdio", " ".join(_STDIO), "--outputTransport", "streamableHttp", "--stateful", "--port", "{port}"],
    ),
    ("mcp-proxy", ["--host", "127.0.0.1", "--port", "{port}", "--server", "stream", "--", *_STDIO]),
)


@contextlib.contextmanager
def _bridge(name: str, arguments: Sequence[str]) -> Iterator[System]:
    port = _free_port()
    command = [str(NODE / "node_modules" / ".bin" / name), *(each.format(port=port) for each in arguments)]
    with started(command) as program:
        _wait_for(port, name)
        yield System(name, Target(f"http://127.0.0.1:{port}/mcp", "echo", "legacy"), program.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, name: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{name} does not listen at port {port}")


def _install() -> None:
    """Exactly what the lock file says, once for each content of it; no package's own script runs."""
    if shutil.which("npm") is None:
        raise RuntimeError("the bridges are npm's: install Node 20 or newer with its npm")
    stamp = NODE / "node_modules" / ".toolgate-stamp"
    wanted = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=NODE, check=True, stdout=sys.stderr)
        stamp.write_text(wanted, encoding="utf-8")
