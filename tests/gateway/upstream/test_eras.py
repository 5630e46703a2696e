"""Which era a server speaks is found out once."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.upstream import Eras, ServerSpec, Stdio, Upstreams
from gateway.upstream.eras import fingerprint
from gateway.upstream.spec import Http


def test_what_was_learned_is_known_at_the_next_start(tmp_path: Path) -> None:
    Eras(tmp_path / "state" / "eras.json").learn("a", "legacy")
    assert Eras(tmp_path / "state" / "eras.json").of("a") == "legacy"
    assert Eras(tmp_path / "state" / "eras.json").of("b") is None


def test_what_is_in_doubt_is_not_known_any_more(tmp_path: Path) -> None:
    eras = Eras(tmp_path / "eras.json")
    eras.learn("a", "modern")
    assert eras.doubted("a", ConnectionRefusedError()) == "modern"
    assert eras.doubted("a", RuntimeError("it speaks an unknown version")) is None
    assert Eras(tmp_path / "eras.json").of("a") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 7}', '{"a": "future"}'])
def test_a_memory_that_is_damaged_costs_a_probe_and_nothing_else(tmp_path: Path, content: str) -> None:
    (tmp_path / "eras.json").write_text(content, encoding="utf-8")
    eras = Eras(tmp_path / "eras.json")
    assert eras.of("a") is None
    eras.learn("a", "legacy")
    assert json.loads((tmp_path / "eras.json").read_text(encoding="utf-8")) == {"a": "legacy"}


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    eras = Eras(tmp_path / "file" / "eras.json")
    eras.learn("a", "legacy")
    assert eras.of("a") == "legacy"


def test_another_name_command_or_address_is_another_server_and_a_secret_makes_no_difference() -> None:
    assert fingerprint("s", Stdio("a", ("b",))) != fingerprint("s", Stdio("a", ("c",)))
    assert fingerprint("s", Stdio("a", ("b",))) != fingerprint("t", Stdio("a", ("b",)))
    assert fingerprint("s", Stdio("a", ("b",), {"KEY": "x"})) == fingerprint("s", Stdio("a", ("b",), {"KEY": "y"}))
    assert fingerprint("s", Stdio("a", ("b",), {"KEY": "x"})) != fingerprint("s", Stdio("a", ("b",), {"OTHER": "x"}))
    assert fingerprint("s", Http("http://h/mcp?key=x")) == fingerprint("s", Http("http://h/mcp?key=y"))
    assert fingerprint("s", Http("http://h/mcp")) != fingerprint("s", Http("http://h/other"))
    assert fingerprint("s", Http("http://h/mcp")) != fingerprint("t", Http("http://h/mcp"))


def test_a_server_that_was_legacy_is_not_probed_again(tmp_path: Path, hostile: Any) -> None:
    """`silent-probe` answers nothing but the older handshake: a probe would take its time."""
    eras = Eras(tmp_path / "eras.json")
    spec = hostile("mirror", era="auto")
    transport = spec.resolve()
    assert isinstance(transport, Stdio)

    async def connect(known: Eras) -> None:
        async with Upstreams({"mirror": ServerSpec("mirror", transport)}, known) as up:
            assert up.status()[0].state == "ready"

    asyncio.run(connect(eras))
    assert Eras(tmp_path / "eras.json").of(fingerprint("mirror", transport)) == "legacy"
    os.chmod(tmp_path / "eras.json", 0o600)  # noqa: PTH101 - it is only read from here on
    asyncio.run(connect(Eras(tmp_path / "eras.json")))


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize(
    "transport", [Http("http://127.0.0.1:1/mcp"), Stdio("/nowhere/program")], ids=["http", "stdio"]
)
def test_who_is_not_there_says_nothing_about_his_era(tmp_path: Path, transport: Any, era: Any) -> None:
    file = tmp_path / "eras.json"
    Eras(file).learn(fingerprint("s", transport), era)

    async def connect() -> str:
        async with Upstreams({"s": ServerSpec("s", transport)}, Eras(file)) as up:
            assert up.catalogue.missing.keys() == {"s"}
            return up.status()[0].era

    assert asyncio.run(asyncio.wait_for(connect(), 60)) == era
    assert Eras(file).of(fingerprint("s", transport)) == era


def test_two_servers_of_one_command_whose_variables_differ_remember_an_era_each(tmp_path: Path) -> None:
    file = tmp_path / "eras.json"
    Eras(file).learn(fingerprint("old", Stdio("a", (), {"ERA": "1"})), "legacy")
    Eras(file).learn(fingerprint("new", Stdio("a", (), {"ERA": "2"})), "modern")
    assert Eras(file).of(fingerprint("old", Stdio("a", (), {"ERA": "1"}))) == "legacy"
    assert Eras(file).of(fingerprint("new", Stdio("a", (), {"ERA": "2"}))) == "modern"
