"""Servers that we did not write, behind the served gateway: from PyPI and from npm, in either era on either side."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import node
from tests.fixtures.served import Gateway, Place, Wire, approval_in, text_of


@dataclass(frozen=True)
class Stage:
    """The gateway, and what its servers work on."""

    gateway: Gateway
    place: Place
    repository: Path
    files: Path


def python(module: str, *args: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": ["-m", module, *args]}


def committed(folder: Path) -> Path:
    """A repository with one commit."""
    run = ("git", "-C", str(folder), "-c", "user.name=ann", "-c", "user.email=ann@example.org")
    for step in (("init", "-q", "-b", "main"), ("commit", "-q", "--allow-empty", "-m", "The first commit")):
        subprocess.run([*run, *step], check=True)
    return folder


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = Place(tmp_path_factory.mktemp("gateway"))
    repository, files = committed(tmp_path_factory.mktemp("repository")), tmp_path_factory.mktemp("files")
    (files / "note.txt").write_text("né ☃")
    place.policy(
        "p, *, *, time/*, call, , allow, the time is free",
        "p, *, *, git/git_log, call, , allow, reading history",
        "p, *, *, git/git_status, call, , allow, reading state",
        "p, *, *, git/git_reset, call, , deny, history stays",
        "p, *, *, fetch/*, call, , allow, the web",
        "p, *, *, everything/*, call, , allow, for trying out",
        "p, *, *, files/read_*, call, , allow, reading",
        "p, *, *, files/write_file, call, , allow, writing",
        "p, *, *, files/write_file, call, , ask, a person looks at what is written",
    )
    servers = {
        "time": python("mcp_server_time", "--local-timezone", "UTC"),
        "git": python("mcp_server_git", "--repository", str(repository)),
        "fetch": python("mcp_server_fetch", "--ignore-robots-txt"),
        "everything": node.server("everything", "stdio"),
        "files": node.server("filesystem", str(files)),
    }
    with place.serve(servers) as gateway:
        yield Stage(gateway, place, repository, files)


@pytest.fixture(params=["modern", "legacy"])
def client(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Wire]:
    with stage.gateway.client(request.param) as made:
        yield made


def test_all_their_tools_are_listed_except_those_that_nothing_allows(client: Wire) -> None:
    result = client.ask("tools/list")["result"]
    names = [tool["name"] for tool in result["tools"]]
    assert "toolgate/missing" not in result.get("_meta", {})
    assert {name for name in names if name.startswith("git__")} == {"git__git_log", "git__git_status"}
    wanted = {
        "time__get_current_time",
        "fetch__fetch",
        "everything__echo",
        "files__read_text_file",
        "files__write_file",
    }
    assert wanted <= set(names)
    assert "files__move_file" not in names


def test_the_time_server_converts_a_time(client: Wire) -> None:
    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    said = json.loads(text_of(client.call("time__convert_time", arguments)))
    assert "T21:00:00" in said["target"]["datetime"]


def test_the_git_server_reads_and_may_not_reset(stage: Stage, client: Wire) -> None:
    arguments = {"repo_path": str(stage.repository)}
    assert "The first commit" in json.dumps(client.call("git__git_log", arguments))
    assert "history stays" in text_of(client.call("git__git_reset", arguments))


def test_the_fetch_servers_refusal_of_loopback_is_passed_on(client: Wire) -> None:
    answer = client.ask("tools/call", {"name": "fetch__fetch", "arguments": {"url": "http://127.0.0.1:9/"}})
    said = answer["error"]["message"] if "error" in answer else text_of(answer["result"])
    assert "error" in answer or answer["result"]["isError"] is True
    assert "Denied" not in said
    assert "127.0.0.1" in said or "private" in said.lower() or "loopback" in said.lower()


def test_the_everything_server_answers_with_all_kinds_of_content(client: Wire) -> None:
    assert text_of(client.call("everything__echo", {"message": "hi"})) == "Echo: hi"
    image = client.call("everything__get-tiny-image")
    assert any(block["type"] == "image" and block["mimeType"] == "image/png" for block in image["content"])
    structured = client.call("everything__get-structured-content", {"location": "New York"})
    assert set(structured["structuredContent"]) == {"temperature", "conditions", "humidity"}


def test_what_the_everything_server_makes_as_a_task_only_is_a_call_like_others(client: Wire) -> None:
    tools = {tool["name"]: tool for tool in client.ask("tools/list")["result"]["tools"]}
    assert tools["everything__simulate-research-query"]["execution"] == {}  # else clients would refuse to call it
    answer = client.call("everything__simulate-research-query", {"topic": "moss"})
    assert "isError" not in answer
    assert "# Research Report: moss" in text_of(answer)


def test_the_filesystem_server_reads_and_writes_once_a_person_agreed(stage: Stage, client: Wire) -> None:
    assert text_of(client.call("files__read_text_file", {"path": str(stage.files / "note.txt")})) == "né ☃"
    outside = client.call("files__read_text_file", {"path": str(stage.place.folder / "policy.csv")})
    assert outside["isError"] is True
    new = stage.files / f"{client.era}.txt"
    arguments = {"path": str(new), "content": "agreed"}
    held = client.call("files__write_file", arguments)
    assert not new.exists()
    stage.place.decide(approval_in(held))
    assert "isError" not in client.call("files__write_file", arguments)
    assert new.read_text() == "agreed"
