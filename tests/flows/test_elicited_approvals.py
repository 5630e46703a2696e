"""People approve and refuse through the forms of clients that we did not write, one of each era and more: the official
SDKs for Python and TypeScript, against `toolgate serve` as a process. Also over a restart, and with two gateways.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mcp
import mcp_types as types
import pytest

from gateway.form import APPROVAL
from tests.fixtures import node
from tests.fixtures.served import (
    FIXTURES,
    LEGACY,
    MODERN,
    PATIENCE,
    Gateway,
    Place,
    Wire,
    approval_in,
    request,
    text_of,
)
from tests.fixtures.serving import Project

Json = dict[str, Any]

POLICY = (
    "p, *, *, tally/*, call, , allow, for all",
    "p, *, *, tally/send, call, , ask, a person looks at it",
    "p, user:ann, *, tally/*, approve, subject.is_requester or not subject.is_requester, allow, alone here",
)
APPROVE: Json = {"action": "accept", "content": {"decision": "approve"}}
REFUSE: Json = {"action": "accept", "content": {"decision": "deny", "reason": "not on a Friday"}}
SEND: Json = {"call": "tally__send", "arguments": {"word": "a"}}
FORMS: Json = {"elicitation": {"form": {}}}
VERSIONS = {"auto": MODERN, "legacy": LEGACY}
ERAS = {"auto": "modern", "legacy": "legacy"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(*POLICY)
    return made


def tally(place: Place) -> Mapping[str, Any]:
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(place.folder / "calls")]
    return {"tally": {"command": sys.executable, "args": arguments, "era": "legacy"}}


@contextlib.contextmanager
def served(place: Place, *more: str) -> Iterator[Gateway]:
    with place.serve(tally(place), "--asks", *more) as gateway:
        yield gateway


def arrived(place: Place) -> list[Json]:
    file = place.folder / "calls"
    return [json.loads(line)["arguments"] for line in file.read_text().splitlines()] if file.exists() else []


def python(mode: str, gateway: Gateway, said: Json) -> tuple[str, Json, list[str]]:
    """The official SDK for Python: its version, the result, and what its user was asked."""
    asked: list[str] = []

    async def form(context: Any, params: Any) -> types.ElicitResult:
        del context
        asked.append(params.message)
        return types.ElicitResult.model_validate(said)

    async def work() -> tuple[str, Json, list[str]]:
        async with mcp.Client(gateway.url, mode=mode, cache=None, elicitation_callback=form) as client:
            result = await client.call_tool(SEND["call"], SEND["arguments"])
            return str(client.protocol_version), result.model_dump(by_alias=True, mode="json"), asked

    return asyncio.run(work())


def typescript(mode: str, gateway: Gateway, said: Json) -> tuple[str, Json, list[str]]:
    """The official SDK for TypeScript."""
    done = subprocess.run(
        node.client(mode, [gateway.url]),
        input=json.dumps([SEND]),
        env={**os.environ, "ELICIT": json.dumps(said)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    told = json.loads(done.stdout)
    return told["version"], told["results"][0], told["asked"]


clients = pytest.mark.parametrize("client", [python, typescript])
modes = pytest.mark.parametrize("mode", VERSIONS)


@modes
@clients
def test_a_person_approves_his_own_call_in_his_client_where_a_line_lets_him(
    place: Place, client: Any, mode: str
) -> None:
    with served(place) as gateway:
        version, result, asked = client(mode, gateway, APPROVE)
    assert version == VERSIONS[mode]
    (question,) = asked
    assert question.startswith("[Toolgate approval A-")
    assert 'with: word = "a"' in question
    assert text_of(result) == "send done"
    assert arrived(place) == [{"word": "a"}]


@modes
@clients
def test_a_person_refuses_it_there(place: Place, client: Any, mode: str) -> None:
    with served(place) as gateway:
        _, result, _ = client(mode, gateway, REFUSE)
    assert "user:ann denied this call: not on a Friday" in text_of(result)
    assert arrived(place) == []


def modern(wire: Wire, **more: Any) -> Json:
    """The answer to the call by a modern client that shows forms."""
    params = {"name": SEND["call"], "arguments": SEND["arguments"], **more}
    answer: Json = wire.ask("tools/call", {**params, "_meta": {types.CLIENT_CAPABILITIES_META_KEY: FORMS}})
    return answer


def back(asked: Json) -> Json:
    return {"requestState": asked["result"]["requestState"], "inputResponses": {APPROVAL: APPROVE}}


def test_a_question_outlives_the_gateway_that_asked_it(place: Place) -> None:
    with served(place) as gateway, gateway.client("modern") as wire:
        asked = modern(wire)
        gateway.kill()
    with served(place) as gateway, gateway.client("modern") as wire:
        assert text_of(modern(wire, **back(asked))["result"]) == "send done"
        assert "has been used" in modern(wire, **back(asked))["error"]["message"]
    assert arrived(place) == [{"word": "a"}]


def test_of_two_gateways_that_get_the_same_answer_one_takes_it(place: Place) -> None:
    with served(place) as one, served(place) as two, one.client("modern") as here, two.client("modern") as there:
        asked = modern(here)
        assert text_of(modern(there, **back(asked))["result"]) == "send done"
        assert modern(here, **back(asked))["error"]["code"] == types.INVALID_PARAMS
    assert arrived(place) == [{"word": "a"}]


def test_a_client_that_dies_in_the_middle_leaves_its_question_to_the_command_line(place: Place) -> None:
    """One of the handshake era, whose connection ends while it is asked."""
    with served(place) as gateway:
        with gateway.client("legacy") as wire:
            hello = {"protocolVersion": LEGACY, "capabilities": FORMS, "clientInfo": {"name": "wire", "version": "1"}}
            wire.session = None
            wire.session = wire.post(request("initialize", hello)).headers["mcp-session-id"]
            wire.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
            message = request("tools/call", {"name": SEND["call"], "arguments": SEND["arguments"]}, number=7)
            with wire.http.stream("POST", wire.url, json=message, headers=wire.headers(message)) as stream:
                lines = (line for line in stream.iter_lines() if line.startswith("data: {"))
                question = json.loads(next(lines).removeprefix("data: "))
                assert question["method"] == "elicitation/create"
        approval = question["params"]["_meta"][APPROVAL]["id"]
        place.decide(approval)
        with gateway.client("legacy") as wire:
            result = wire.call(SEND["call"], SEND["arguments"])
            assert text_of(result) == "send done"
    assert arrived(place) == [{"word": "a"}]


def test_a_client_without_forms_is_told_as_ever_what_waits(place: Place) -> None:
    with served(place) as gateway:
        for era in ("modern", "legacy"):
            with gateway.client(era) as wire:
                result = wire.call(SEND["call"], SEND["arguments"])
                assert approval_in(result) in text_of(result)


@pytest.mark.parametrize(("client", "mode"), [(python, "legacy"), (typescript, "auto")])
def test_by_the_front_door_people_approve_refuse_and_answer_on_the_command_line(
    tmp_path: Path, client: Any, mode: str
) -> None:
    """`toolgate serve` as an admin sets it up, clients of two makes and eras, `toolgate approve` as a process."""
    project = Project(tmp_path)
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(tmp_path / "calls")]
    settings = '[identity]\nuser = "user:ann"\n[approvals]\nask_clients = true\n'
    bob = "p, user:bob, *, tally/*, approve, , allow, bob decides"
    project.write(settings, {"tally": {"command": sys.executable, "args": arguments}}, *POLICY, bob)
    with project.serve() as gateway:
        version, approved, (question,) = client(mode, gateway, APPROVE)
        _, refused, _ = client(mode, gateway, {"action": "decline"})
        with gateway.client(ERAS[mode]) as wire:  # it shows no forms
            still = wire.call("tally__send", {"word": "b"})
            said = project.give("approve", approval_in(still), "--as", "user:bob")
            assert (said.returncode, "approved by user:bob: tally/send" in said.stderr) == (0, True), said.stderr
            assert text_of(wire.call("tally__send", {"word": "b"})) == "send done"
    assert (version, text_of(approved)) == (VERSIONS[mode], "send done")
    assert question.startswith("[Toolgate approval A-")
    assert "user:ann denied this call" in text_of(refused)
    calls = [json.loads(line)["arguments"] for line in (tmp_path / "calls").read_text().splitlines()]
    assert calls == [{"word": "a"}, {"word": "b"}]
