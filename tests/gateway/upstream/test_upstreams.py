"""The front door: real servers, as child processes and on loopback, in both eras."""

import asyncio
import json
import logging
import os
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, Refused, Unsent, pin_of
from gateway.catalogue import Catalogue, ServerInfo
from gateway.errors import ConfigError
from gateway.upstream import Http, ServerSpec, Stdio, Upstreams, paging

WAYS = [
    ("stdio", "modern"),
    ("stdio", "legacy"),
    ("http", "modern"),
    ("http", "legacy"),
    ("sse", "legacy"),
]

RICH_KEYS = ("content", "structuredContent", "_meta", "unknownField")


@pytest.fixture(scope="module")
def rich() -> dict[str, Any]:
    """What the tool `rich` of the echo server answers."""
    path = Path(__file__).parents[2] / "fixtures" / "echo_server.py"
    return dict(runpy.run_path(str(path))["RICH"])


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_way_to_a_server_lists_calls_and_passes_results_through_untouched(
    way: tuple[str, str], spec_of: Any, upstreams: Any, call: Any, rich: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with upstreams(spec_of(*way)) as up:
            (status,) = up.status()
            assert (status.state, status.era, status.tools) == ("ready", way[1], 8)
            assert status.server_info == "echo 1"
            tool = up.catalogue.tools["echo/rich"]
            assert tool.definition["x-vendor"] == {"kept": None}
            assert tool.pin == pin_of(tool.definition)

            answered = await up.forward(call("echo/echo", {"text": "né ☃"}), timeout=30, meta={})
            assert answered.result["content"] == [{"type": "text", "text": "né ☃"}]
            outcome = await up.forward(call("echo/rich"), timeout=30, meta={})
            assert isinstance(outcome, Answered)
            assert {key: outcome.result[key] for key in RICH_KEYS} == rich
            failed = await up.forward(call("echo/fail"), timeout=30, meta={})
            assert failed.is_error

    asyncio.run(scenario())


def test_the_tools_of_a_server_without_prefix_are_seen_by_their_own_names(echo: Any, upstreams: Any) -> None:
    async def scenario() -> None:
        async with upstreams(replace(echo(), prefix=False)) as up:
            assert up.catalogue.resolve("rich") == "echo/rich"
            assert up.catalogue.exposed("echo/rich") == "rich"

    asyncio.run(scenario())


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_way_tells_a_timeout_a_refusal_and_a_changed_list(
    way: tuple[str, str], spec_of: Any, upstreams: Any, call: Any, until: Any, given_up: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(spec_of(*way)) as up:
            doubt, seconds = await given_up(up, call("echo/slow", {"seconds": 60}))
            assert doubt == InDoubt(f"server `echo`: no answer within {seconds:g} s")
            assert isinstance(await up.forward(call("echo/nosuch"), timeout=30, meta={}), Unsent)

            await up.forward(call("echo/grow"), timeout=30, meta={})
            await until(up, lambda: "echo/grown" in up.catalogue.tools)
            count = await up.forward(call("echo/count"), timeout=30, meta={})
            assert count.result["content"][0]["text"] == "2"  # slow and grow, once each; nosuch never left

    asyncio.run(scenario())


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_concurrent_calls_each_get_their_own_answer(
    way: tuple[str, str], spec_of: Any, upstreams: Any, call: Any, text_of: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(spec_of(*way)) as up:
            calls = [up.forward(call("echo/echo", {"text": f"n{n}"}), timeout=60, meta={}) for n in range(20)]
            assert [text_of(outcome) for outcome in await asyncio.gather(*calls)] == [f"n{n}" for n in range(20)]

    asyncio.run(scenario())


@pytest.mark.parametrize("way", [way for way in WAYS if way[0] != "stdio"], ids="-".join)
def test_a_server_that_went_away_and_came_back_is_used_again(
    way: tuple[str, str], start_http: Any, call: Any, until: Any
) -> None:
    async def scenario() -> None:
        url, process = await asyncio.to_thread(start_http, *way)
        spec = ServerSpec("echo", Http(url, sse=way[0] == "sse"))
        async with Upstreams({"echo": spec}) as up:
            assert isinstance(await up.forward(call("echo/count"), timeout=30, meta={}), Answered)
            process.kill()
            process.communicate()
            outcome = await up.forward(call("echo/count"), timeout=0.5, meta={})
            assert isinstance(outcome, Unsent | InDoubt)
            await until(up, lambda: "echo" in up.catalogue.missing)
            assert "echo/count" in up.catalogue.tools  # a restart does not change what a model sees

            port = int(url.split(":")[2].split("/")[0])
            await asyncio.to_thread(start_http, way[0], way[1], port)
            await until(up, lambda: not up.catalogue.missing)
            assert isinstance(await up.forward(call("echo/count"), timeout=30, meta={}), Answered)
            assert up.status()[0].restarts >= 1

    asyncio.run(scenario())


def test_what_is_sent_is_the_text_that_was_judged_byte_for_byte(hostile: Any, upstreams: Any, call: Any) -> None:
    text = '{"big":12345678901234567890,"e":"é\\u001f","f":1.0,"list":[1e+16,1e-07,null],"z":{"a":1}}'

    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            outcome = await up.forward(call("mirror/act", text), timeout=30, meta={"traceparent": "00-ab-cd-01"})
            line = outcome.result["content"][0]["text"]
            assert f'"arguments":{text}' in line
            assert json.loads(line)["params"]["_meta"] == {"traceparent": "00-ab-cd-01"}

    asyncio.run(scenario())


def test_the_broken_the_slow_and_the_silent_disturb_nobody(
    hostile: Any, echo: Any, upstreams: Any, call: Any, text_of: Any, until: Any
) -> None:
    specs = [
        echo(),
        hostile("hang", connect_timeout=1.0),
        hostile("only-garbage", connect_timeout=2.0),
        hostile("crash-on-start", env={"SECRET_TOKEN": "hunter2hunter2"}),
        hostile("crash-on-call"),
        hostile("never-answer"),
        ServerSpec("absent", Stdio("/no/such/program")),
        ServerSpec("nowhere", Http("http://127.0.0.1:9/mcp")),
    ]

    async def scenario() -> None:
        async with upstreams(*specs) as up:
            states = {status.name: status.state for status in up.status()}
            assert [name for name, state in states.items() if state == "ready"] == [
                "echo", "crash-on-call", "never-answer",
            ]  # fmt: skip
            missing = up.catalogue.missing
            assert set(missing) == {"hang", "only-garbage", "crash-on-start", "absent", "nowhere"}
            assert "did not answer within 1 s" in missing["hang"]
            await until(up, lambda: "this is a log line" in up.catalogue.missing["only-garbage"])  # it has a slow start
            assert "exited with code 3; it said: can't log in with ***" in missing["crash-on-start"]
            assert "`/no/such/program` was not found" in missing["absent"]

            never = asyncio.create_task(up.forward(call("never-answer/act"), timeout=60, meta={}))
            crashed = await up.forward(call("crash-on-call/act"), timeout=30, meta={})
            assert isinstance(crashed, InDoubt)
            assert text_of(await up.forward(call("echo/echo", {"text": "x"}), timeout=30, meta={})) == "x"
            never.cancel()

    asyncio.run(scenario())


def test_a_crashed_server_is_started_again_and_the_next_call_waits_for_it(
    hostile: Any, upstreams: Any, call: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("crash-on-call")) as up:
            pids = {up.status()[0].pid}
            for _ in range(2):
                outcome = await up.forward(call("crash-on-call/act"), timeout=30, meta={})
                assert isinstance(outcome, InDoubt), outcome  # it was sent: the restart was waited for
                pids.add(up.status()[0].pid)
            assert len(pids - {None}) >= 2 or up.status()[0].restarts >= 1

    asyncio.run(scenario())


def test_a_server_that_closes_its_input_and_lives_is_started_again(
    hostile: Any, upstreams: Any, call: Any, text_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolgate.upstream")

    async def scenario() -> None:
        async with upstreams(hostile("deaf")) as up:
            pids = set[str]()
            while len(pids) < 2:
                outcome = await up.forward(call("deaf/act"), timeout=5, meta={})
                if isinstance(outcome, Answered):
                    pids.add(text_of(outcome))
                else:  # written just as it closed its input: nobody knows; or just after that, and nothing was sent
                    assert isinstance(outcome, Unsent | InDoubt), outcome
                    await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(scenario(), 300))
    assert "server deaf is down: it closed its input" in caplog.messages


def test_a_tool_that_changed_while_the_call_waited_is_not_called(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("rug-pull")) as up:
            assert isinstance(await up.forward(call("rug-pull/act"), timeout=30, meta={}), InDoubt)
            judged = up.catalogue.tools["rug-pull/act"].pin

            def changed() -> Unsent | None:
                same = up.catalogue.tools["rug-pull/act"].pin == judged
                return None if same else Unsent("it has changed")

            outcome = await up.forward(call("rug-pull/act"), timeout=30, meta={}, objection=changed)
            assert outcome == Unsent("it has changed")

    asyncio.run(scenario())


def test_bad_tools_are_left_out_with_the_reason_and_the_good_one_stays(hostile: Any, upstreams: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("one-invalid-tool")) as up:
            assert list(up.catalogue.tools) == ["one-invalid-tool/act"]
            reasons = {path.partition("/")[2]: why for path, why in up.catalogue.rejected.items()}
            twice, long = "act (a second one)", f"#5 ({'x' * 21}…(129 characters)…{'x' * 21})"
            named = {"no schema", "untyped", "#4 (a:\\u{200b}b)", long, "huge", "deep", "surrogate", "header"}
            assert set(reasons) == named | {"#10", twice}
            assert "256 KB" in reasons["huge"]
            assert "64 levels" in reasons["deep"]
            assert "twice" in reasons[twice]
            assert up.status()[0].rejected == 10

    asyncio.run(scenario())


def test_all_pages_are_read_but_not_for_ever(hostile: Any, upstreams: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("list-pages"), hostile("endless-pages")) as up:
            names = [path for path in up.catalogue.tools if path.startswith("list-pages/")]
            assert names == ["list-pages/act0", "list-pages/act1", "list-pages/act2"]
            assert "endless-pages/act99" in up.catalogue.tools
            assert "endless-pages/act100" not in up.catalogue.tools
            assert "100 pages" in up.catalogue.rejected["endless-pages/*"]

    asyncio.run(scenario())


def test_a_server_whose_list_is_fat_and_endless_is_used_with_what_came_first(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_LIST", 1_000_000)

    async def scenario() -> None:
        async with upstreams(hostile("fat-pages")) as up:
            assert list(up.catalogue.tools) == [f"fat-pages/act{page}" for page in range(4)]
            rejected = up.catalogue.rejected
            assert set(rejected) == {"fat-pages/*", *(f"fat-pages/fat{page}" for page in range(4))}
            assert "the rest is left out" in rejected["fat-pages/*"]
            assert "256 KB" in rejected["fat-pages/fat3"]
            assert isinstance(await up.forward(call("fat-pages/act3"), timeout=60, meta={}), Answered)

    asyncio.run(scenario())


@pytest.mark.parametrize("mode", ["garbage-stdout", "stderr-flood"])
def test_noise_around_an_answer_does_not_hide_it(mode: str, hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile(mode)) as up:
            assert isinstance(await up.forward(call(f"{mode}/act"), timeout=60, meta={}), Answered)

    asyncio.run(scenario())


def test_a_large_answer_comes_whole(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("huge-result")) as up:
            outcome = await up.forward(call("huge-result/act", {"size": 20_000_000}), timeout=60, meta={})
            assert len(outcome.result["content"][0]["text"]) == 20_000_000

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ('{"content":[NaN]}', "a number that JSON does not have"),
        ('{"content":[1e400]}', "a number that JSON does not have"),
        ('{"content":["\\ud800"]}', "a lone surrogate"),
        ('{"content":' + "[" * 300 + "]" * 300 + "}", "256 levels"),
        ('{"content":' + "[" * 90_000 + "]" * 90_000 + "}", "can't be read"),
        ("[]", "can't be read"),
    ],
)
def test_an_answer_that_cannot_be_passed_on_leaves_the_call_in_doubt_at_once(
    raw: str, why: str, hostile: Any, upstreams: Any, call: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            outcome = await up.forward(call("mirror/act", {"raw": raw}), timeout=60, meta={})
            assert isinstance(outcome, InDoubt)
            assert why in outcome.why
            assert isinstance(await up.forward(call("mirror/act"), timeout=60, meta={}), Answered)

    asyncio.run(scenario())


def test_an_error_of_the_server_is_a_refusal_with_its_code_and_data(
    echo: Any, upstreams: Any, call: Any, hostile: Any
) -> None:
    raw = '{},"error":{"code":-32000,"message":"Connection is refused by me","data":{"k":null}}'

    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            outcome = await up.forward(call("mirror/act", {"raw": raw.replace("{},", "null,", 1)}), timeout=30, meta={})
            assert outcome == Refused(-32000, "Connection is refused by me", {"k": None})

    asyncio.run(scenario())


def test_giving_up_cancels_the_request_at_the_server(
    hostile: Any, upstreams: Any, call: Any, given_up: Any, tmp_path: Path
) -> None:
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def scenario() -> None:
        async with upstreams(hostile("never-answer")) as up:
            told = asyncio.create_task(asyncio.to_thread(fifo.read_text, encoding="utf-8"))
            outcome, _ = await given_up(up, call("never-answer/act", {"fifo": str(fifo)}))
            assert isinstance(outcome, InDoubt)
            assert await asyncio.wait_for(told, 60) == "cancelled"

    asyncio.run(scenario())


def test_a_server_that_asks_for_a_model_is_told_no(hostile: Any, upstreams: Any, call: Any, text_of: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("asks-back")) as up:
            reply = text_of(await up.forward(call("asks-back/act"), timeout=30, meta={}))
            assert reply["message"] == "Sampling not supported"

    asyncio.run(scenario())


def test_a_child_gets_the_variables_that_it_is_given_and_a_few_harmless_ones(
    upstreams: Any, call: Any, text_of: Any, echo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for the child")
    stdio = Stdio(sys.executable, echo().transport.args, {"GIVEN": "1"})

    async def scenario() -> None:
        async with upstreams(ServerSpec("echo", stdio)) as up:
            names = set(text_of(await up.forward(call("echo/env"), timeout=30, meta={})))
            assert "GIVEN" in names
            assert names - {"GIVEN", "LC_CTYPE"} <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}

    asyncio.run(scenario())


def test_secrets_are_expanded_when_the_server_is_started_and_a_failure_to_do_so_is_its_own(
    upstreams: Any, echo: Any
) -> None:
    asked: list[str] = []

    def unset() -> Stdio:
        asked.append("unset")
        raise ConfigError.at(".mcp.json", "`${TOKEN}` is not set", 4, 2)

    spec = ServerSpec("unset", unset)
    assert not asked
    both = upstreams(spec, echo())
    assert not asked

    async def scenario() -> None:
        async with both as up:
            assert asked
            assert "`${TOKEN}` is not set" in up.catalogue.missing["unset"]
            assert "echo/echo" in up.catalogue.tools

    asyncio.run(scenario())


def test_a_silent_legacy_server_costs_the_probe_only_once(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.upstream.connect.PROBE", 0.3)

    async def scenario() -> None:
        spec = hostile("crash-on-call", era="auto")
        async with upstreams(spec) as up:
            assert up.status()[0].era == "legacy"
            await up.forward(call("crash-on-call/act"), timeout=30, meta={})
            await up.forward(call("crash-on-call/act"), timeout=30, meta={})
            assert up.status()[0].era == "legacy"

    asyncio.run(scenario())


def test_an_unknown_server_is_unsent_and_a_subscriber_that_fails_stops_nobody(
    hostile: Any, upstreams: Any, call: Any, until: Any
) -> None:
    def fail() -> None:
        raise RuntimeError("a bad subscriber")

    async def scenario() -> None:
        async with upstreams(hostile("list-changed")) as up:
            assert isinstance(await up.forward(call("other/act"), timeout=5, meta={}), Unsent)
            before = up.catalogue
            unsubscribe = up.subscribe(fail)
            await up.forward(call("list-changed/act"), timeout=30, meta={})
            await until(up, lambda: "list-changed/grown" in up.catalogue.tools)
            assert "list-changed/grown" not in before.tools
            unsubscribe()
            unsubscribe()

    asyncio.run(scenario())


def test_a_change_that_the_list_does_not_show_is_told_as_it_was_said(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> frozenset[str]:
        told: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        async with upstreams(hostile("says-changed")) as up:
            up.on_stirred(told.put_nowait)
            await up.forward(call("says-changed/act"), timeout=30, meta={})
            async with asyncio.timeout(60):
                return await told.get()

    assert asyncio.run(scenario()) == {"tools"}


def test_a_server_that_says_so_whenever_it_is_listed_is_repeated_once(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> list[frozenset[str]]:
        told: list[frozenset[str]] = []
        async with upstreams(hostile("echoes")) as up, asyncio.timeout(60):
            up.on_stirred(told.append)
            while True:
                outcome = await up.forward(call("echoes/act"), timeout=30, meta={})
                if int(outcome.result["content"][0]["text"]) >= 5:
                    return [kinds for kinds in told if kinds]
                await asyncio.sleep(0.1)

    assert asyncio.run(scenario()) in ([], [{"tools"}])  # the first may have been said before anybody listened


REAL: list[tuple[str, tuple[str, ...], str, Callable[[Path], dict[str, Any]]]] = [
    ("time", ("-m", "mcp_server_time", "--local-timezone", "UTC"), "get_current_time", lambda _: {"timezone": "UTC"}),
    ("git", ("-m", "mcp_server_git"), "git_status", lambda root: {"repo_path": str(root)}),
    ("fetch", ("-m", "mcp_server_fetch"), "fetch", lambda _: {"url": "http://127.0.0.1:9/"}),
]


@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_servers_that_we_did_not_write_work(era: Any, upstreams: Any, call: Any) -> None:
    specs = [ServerSpec(name, Stdio(sys.executable, args), era=era) for name, args, _, _ in REAL]

    async def scenario() -> None:
        async with upstreams(*specs) as up:
            assert [status.state for status in up.status()] == ["ready"] * 3, up.catalogue.missing
            assert {status.era for status in up.status()} == {"modern" if era == "auto" else "legacy"}
            root = Path(__file__).parents[3]
            for name, _, tool, arguments in REAL:
                outcome = await up.forward(call(f"{name}/{tool}", arguments(root)), timeout=60, meta={})
                assert isinstance(outcome, Answered | Refused), outcome

    asyncio.run(scenario())


def test_what_the_judge_says_is_the_catalogue_and_a_change_of_mind_is_told(
    echo: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.upstream.upstreams.WATCH", 0.01)

    class Judge:
        held: dict[str, str] = {}  # noqa: RUF012 - a test's
        last: tuple[Catalogue, dict[str, str], Catalogue] | None = None

        def judged(self, catalogue: Catalogue) -> Catalogue:
            if self.last is None or self.last[0] is not catalogue or self.last[1] != self.held:
                self.last = (catalogue, self.held, replace(catalogue, held=self.held))
            return self.last[2]

        async def settle(self, catalogue: Catalogue) -> None:
            self.judged(catalogue)

    async def scenario() -> None:
        judge, told = Judge(), asyncio.Event()
        async with Upstreams({"echo": echo()}, judge=judge) as up:
            assert up.catalogue.held == {}
            assert up.catalogue.servers == {"echo": ServerInfo("echo", "1")}
            ending = up.subscribe(told.set)
            judge.held = {"echo/add": "because"}
            async with asyncio.timeout(60):
                await told.wait()
            ending()
            assert up.catalogue.held == {"echo/add": "because"}

    asyncio.run(scenario())


def test_a_tool_that_is_switched_off_is_not_there(echo: Any) -> None:
    async def scenario() -> None:
        off, only = frozenset({"add"}), frozenset({"add", "echo"})
        async with Upstreams({"a": echo(name="a", off=off), "b": echo(name="b", off=off, only=only)}) as up:
            paths = set(up.catalogue.tools)
            assert "a/add" not in paths
            assert {"a/echo", "a/count"} < paths
            assert {path for path in paths if path.startswith("b/")} == {"b/echo"}

    asyncio.run(scenario())


def test_a_server_that_is_slow_to_start_is_not_waited_for_for_ever(hostile: Any, echo: Any) -> None:
    async def scenario() -> None:
        specs = {"hang": hostile("hang", connect_timeout=3600), "echo": echo("modern")}
        async with asyncio.timeout(60), Upstreams(specs, patience=0.01) as up:
            assert up.catalogue.missing["hang"] == "it is still connecting"
            changed = asyncio.Event()
            up.subscribe(changed.set)
            while "echo/add" not in up.catalogue.tools:
                await changed.wait()
                changed.clear()
            assert set(up.catalogue.missing) == {"hang"}

    asyncio.run(scenario())


def test_a_server_that_leads_back_to_this_gateway_is_left_out_and_said_to_be(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.upstream.upstreams.secrets.token_hex", lambda _size: "own")
    said = {"me": "own", "round": "b own", "late": "z own y", "far": "a b"}
    specs = [replace(hostile("gateway", env={"GATEWAYS": text}), name=name) for name, text in said.items()]

    async def scenario() -> None:
        async with upstreams(*specs) as up:
            catalogue = up.catalogue
            assert list(catalogue.tools) == ["far/act", "late/act"]
            assert set(catalogue.missing) == {"me", "round"}
            assert all("among its servers" in why for why in catalogue.missing.values())
            assert catalogue.gateways == ("own", "z", "y", "a", "b")
        assert caplog.text.count("server me is left out") == 1

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_tool_whose_name_has_words_or_steps_is_called_by_it(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("words")) as up:
            assert list(up.catalogue.tools) == ["words/Get the weather", "words/db/rows/delete"]
            assert all(
                name.startswith(("words__Get_the_weather_", "words__db_rows_delete_")) for name in up.catalogue.names
            )
            for path in up.catalogue.tools:
                outcome = await up.forward(call(path), timeout=60, meta={})
                assert json.loads(outcome.result["content"][0]["text"])["params"]["name"] == path.partition("/")[2]

    asyncio.run(asyncio.wait_for(scenario(), 60))
