"""A server's JSON-RPC error reaches its client as the server wrote it, with what nobody knows of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.peer import exact
from tests.fixtures.served import EVERYTHING, FIXTURES, Gateway, Place, Wire, hostile, request

ODD = (
    '{"retryable":true,"code":4001,"message":"no bikes","data":{"z":1.0,"a":[{"y":null,"b":1e2}],"\\u00e9":[]},'
    '"details":{"z":1,"a":2.50}}'
)
PLAIN = '{"code": 4002, "message": "none"}'


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    """Over HTTP, in both eras."""
    command = [sys.executable, str(FIXTURES / "mirror_http.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, mirror: str) -> Iterator[Gateway]:
    made = Place(tmp_path_factory.mktemp("shared"))
    made.policy(EVERYTHING)
    servers = {
        "modern": {"url": mirror, "era": "modern"},
        "legacy": {"url": mirror, "era": "legacy"},
        "stdio": hostile("mirror"),
    }
    with made.serve(servers) as gateway:
        yield gateway


def error_in(text: str) -> Any:
    """The error of a response, plain or as an event: each member of it with its order and its numbers."""
    (line,) = (line.removeprefix("data: ") for line in text.splitlines() if '"jsonrpc"' in line)
    return dict(dict(exact(line))["error"])


def refused(client: Wire, server: str, error: str, **more: Any) -> Any:
    params = {"name": f"{server}__act", "arguments": {"error": error}, **more}
    return error_in(client.post(request("tools/call", params, client.era, next(client.numbers))).text)


@pytest.mark.parametrize("error", [ODD, PLAIN])
@pytest.mark.parametrize("meta", [{}, {"progressToken": "t"}], ids=["directly", "by the SDK"])
@pytest.mark.parametrize("server", ["modern", "legacy", "stdio"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_an_error_goes_through_as_it_was_written(
    shared: Gateway, era: str, server: str, meta: dict[str, Any], error: str
) -> None:
    with shared.client(era) as client:
        assert refused(client, server, error, _meta=meta) == dict(exact(error))


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_over_stdio_too(tmp_path: Path, era: str) -> None:
    place = Place(tmp_path)
    place.policy(EVERYTHING)
    with place.pipe({"stdio": hostile("mirror")}) as pipe:
        pipe.open(era)
        pipe.send(request("tools/call", {"name": "stdio__act", "arguments": {"error": ODD}}, era, 7))
        while (line := pipe.stdout.readline()) and json.loads(line).get("id") != 7:
            pass
        assert error_in(line.decode()) == dict(exact(ODD))
