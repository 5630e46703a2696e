"""`Mcp-Param-*`: a server gets those that its own schema names, made of the arguments that were judged."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mcp_types as types
import pytest

from tests.fixtures.served import EVERYTHING, FIXTURES, Gateway, Place, answer_of, request, text_of

ARGUMENTS = {"region": "eu", "n": 1}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """In front of a server that answers with the headers that it was sent; it wants `region` in one."""
    place = Place(tmp_path)
    place.policy(EVERYTHING)
    command = [sys.executable, str(FIXTURES / "mirror_http.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            with place.serve({"mirror": {"url": process.stdout.readline().strip()}}) as gateway:
                yield gateway
        finally:
            process.kill()


def test_one_that_no_schema_names_goes_no_further(gateway: Gateway) -> None:
    message = request("tools/call", {"name": "mirror__act", "arguments": ARGUMENTS}, "modern")
    said = {"mcp-param-region": "eu", "mcp-param-n": "2", "mcp-param-admin": "true", "x-own": "1"}
    with gateway.client("modern") as client:
        answer = answer_of(client.post(message, headers=said))
    sent, body = json.loads(text_of(answer["result"]))
    mirrored = {name.lower(): value for name, value in sent.items() if name.lower().startswith(("mcp-param", "x-"))}
    assert mirrored == {"mcp-param-region": "eu"}
    assert json.loads(body)["params"]["arguments"] == ARGUMENTS


def test_one_that_says_something_else_than_its_argument_is_refused(gateway: Gateway) -> None:
    message = request("tools/call", {"name": "mirror__act", "arguments": ARGUMENTS}, "modern")
    with gateway.client("modern") as client:
        answer = client.post(message, headers={"mcp-param-region": "us"})
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (400, types.HEADER_MISMATCH)


def test_a_client_of_the_older_era_which_knows_none_has_it_made_for_him(gateway: Gateway) -> None:
    with gateway.client("legacy") as client:
        sent, _ = json.loads(text_of(client.call("mirror__act", ARGUMENTS)))
    assert {name.lower(): value for name, value in sent.items()}["mcp-param-region"] == "eu"
