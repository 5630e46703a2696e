"""The gateway as any MCP client sees it over HTTP, in both eras: what is on the wire, not what an SDK makes of it."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from gateway.events import Admitted, Denied, Held, Returned
from tests.fixtures.echo_server import RICH, TOOLS
from tests.fixtures.served import (
    ECHO,
    EVERYTHING,
    WAITING,
    Gateway,
    Place,
    answer_of,
    approval_in,
    hostile,
    request,
    text_of,
)

POLICY = (
    "p, *, *, echo/*, call, , allow, the echo server is for all",
    "p, *, *, echo/add, call, , ask, sums need a second person",
    "p, *, *, echo/env, call, , deny, the environment is private",
    "p, user:root, *, echo/grow, call, , allow, growing is for root",
    "p, *, *, echo/grow, call, subject.id != 'user:root', deny, growing is for root",
    "p, user:root, *, secret/*, call, , allow, only root",
    "p, *, *, wait/*, call, , allow, waiting is free",
    "p, *, *, broken/*, call, , allow, broken or not",
)

eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(*POLICY)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for tests that leave nothing behind. `secret` is a server that only root may use."""
    made = Place(tmp_path_factory.mktemp("shared"))
    made.policy(*POLICY)
    servers = {"echo": ECHO, "secret": hostile("mirror"), "broken": hostile("crash-on-start")}
    with made.serve(servers) as gateway:
        yield gateway


def calls_of(gateway: Gateway, era: str = "modern") -> int:
    """How many calls reached the echo server before this one."""
    with gateway.client(era) as client:
        return int(text_of(client.call("echo__count")))


# ---- listing


@eras
def test_the_list_has_the_servers_own_definitions_and_only_what_may_be_called(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        result = client.ask("tools/list")["result"]
    allowed = sorted(TOOLS.keys() - {"env", "grow", "grown"})
    assert [tool["name"] for tool in result["tools"]] == [f"echo__{name}" for name in allowed]
    assert result["tools"] == [{"name": f"echo__{name}", **TOOLS[name]} for name in allowed]


@eras
def test_the_same_list_comes_again_byte_for_byte(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        assert (
            client.post(request("tools/list", era=era)).content == client.post(request("tools/list", era=era)).content
        )


def test_a_filtered_list_may_not_be_kept_for_others(shared: Gateway) -> None:
    with shared.client("modern") as client:
        result = client.ask("tools/list")["result"]
    assert (result["cacheScope"], result["ttlMs"], result["resultType"]) == ("private", 0, "complete")
    with shared.client("legacy") as client:
        assert not {"cacheScope", "ttlMs", "resultType"} & client.ask("tools/list")["result"].keys()


@eras
def test_a_server_that_is_missing_is_named_and_leaves_the_others_alone(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        assert list(client.ask("tools/list")["result"]["_meta"]["toolgate/missing"]) == ["broken"]
        said = text_of(client.call("broken__act"))
        assert said.startswith("Not reached: server `broken` is not available: it exited with code 3. Nothing was sent")


@eras
def test_there_is_one_page_and_no_cursor(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        assert client.ask("tools/list", {"cursor": "2"})["error"]["code"] == types.INVALID_PARAMS


# ---- results


@eras
def test_a_result_goes_through_with_all_that_nobody_knows(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        result = client.call("echo__rich")
    meta = result["_meta"].pop(types.SERVER_INFO_META_KEY, None)
    assert (meta is not None) == (era == "modern")
    assert result.pop("resultType", "complete") == "complete"
    assert result == RICH


@eras
def test_a_tools_own_error_is_its_answer(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        result = client.call("echo__fail")
    assert (result["isError"], text_of(result)) == (True, "it did not work")


@eras
def test_three_megabytes_go_through_both_ways(shared: Gateway, era: str) -> None:
    text = "né☃\U0001f600" * 300_000
    with shared.client(era) as client:
        assert text_of(client.call("echo__echo", {"text": text})) == text


@eras
def test_a_servers_json_rpc_error_stays_an_error(place: Place, era: str) -> None:
    place.policy(EVERYTHING)
    with place.serve({"x": WAITING}) as gateway, gateway.client(era) as client:
        refusal = {"code": -31999, "message": "not today", "data": {"kept": [None]}}
        assert client.ask("tools/call", {"name": "x__refuse", "arguments": refusal})["error"] == refusal
        ours = {"code": types.HEADER_MISMATCH, "message": "a header of the gateway's own request"}
        error = client.ask("tools/call", {"name": "x__refuse", "arguments": ours})["error"]
    assert error["code"] == types.INTERNAL_ERROR


@eras
def test_the_vendors_meta_reaches_the_server_and_the_envelope_of_the_hop_does_not(place: Place, era: str) -> None:
    place.policy(EVERYTHING)
    given = {
        "vendor.example/x": {"kept": None},
        "baggage": "user=secret",
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        "progressToken": 7,
        "toolgate/idempotency-key": "forged",
    }
    with place.serve({"mirror": hostile("mirror")}) as gateway, gateway.client(era) as client:
        line = json.loads(text_of(client.call("mirror__act", {"b": [1, None], "a": 1e-7}, _meta=given)))
    meta = line["params"]["_meta"]
    assert meta.pop("toolgate/idempotency-key") not in ("", "forged")
    assert meta.pop("traceparent") != given["traceparent"]
    assert meta.pop("progressToken") != 7  # ours: his is his connection's affair
    assert meta == {"vendor.example/x": {"kept": None}}
    assert line["params"]["arguments"] == {"a": 1e-07, "b": [1, None]}


# ---- denials


@eras
def test_a_denial_says_why_and_by_which_line(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        result = client.call("echo__env")
    assert result["isError"] is True
    assert "the environment is private" in text_of(result)
    verdict = result["_meta"]["toolgate/verdict"]
    assert (verdict["effect"], verdict["rule"]) == ("deny", "policy.csv:4")


@eras
@pytest.mark.parametrize("name", ["echo__env", "echo__add"])
def test_who_is_elsewhere_is_not_told_where_our_files_are_and_who_is_here_is(place: Place, era: str, name: str) -> None:
    where = str(place.folder / "policy.csv")
    call = {"name": name, "arguments": {"a": 1, "b": 2} if name == "echo__add" else {}}
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        told = client.ask("tools/call", call)["result"]
    assert str(place.folder) not in json.dumps(told)
    assert told["_meta"]["toolgate/verdict"]["rule"].startswith("policy.csv:")
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open(era)
        told = pipe.ask("tools/call", call, era)["result"]
    assert told["_meta"]["toolgate/verdict"]["rule"].startswith(f"{where}:")
    assert {str(fact.rule).rpartition(":")[0] for fact in place.facts() if isinstance(fact, Denied | Held)} == {where}


@eras
@pytest.mark.parametrize("arguments", [{}, {"anything": [1]}])
def test_what_is_forbidden_reads_as_what_does_not_exist(shared: Gateway, era: str, arguments: dict[str, Any]) -> None:
    with shared.client(era) as client:
        answers = [
            client.call(name, arguments) for name in ("secret__act", "secret__nil", "secrets__act", "secret/act")
        ]
    texts = {text_of(answer).replace(name, "X") for answer in answers for name in [text_of(answer).split("`")[1]]}
    assert texts == {"Denied: there is no tool `X` here, or you may not use it."}
    assert len({json.dumps(answer["_meta"]["toolgate/verdict"]) for answer in answers}) == 1


LIKE = (
    "ECHO__echo",
    "echo__echo ",
    "echo__echo\n",
    "echo__echo\x00",
    "echo\u200b__echo",
    "ec\u04bbo__echo",
    "../echo__echo",
)
NAMES = (*LIKE, "echo", "echo__", "__echo", "/", "", "x" * 129)


@eras
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_only_like_a_tools_name_is_no_tool(shared: Gateway, era: str, name: str) -> None:
    message = request("tools/call", {"name": name, "arguments": {"text": "x"}}, era)
    encoded = f"=?base64?{base64.b64encode(name.encode()).decode()}?="  # as MCP 2026-07-28 puts it into a header
    with shared.client(era) as client:
        result = answer_of(client.post(message, headers={"mcp-name": encoded}))["result"]
    assert text_of(result).startswith("Denied: there is no tool")
    assert result["isError"] is True


@eras
def test_an_unknown_tool_is_answered_with_the_nearest_that_may_be_called(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        assert text_of(client.call("echo__ecko")).endswith("Did you mean `echo__echo`?")
        assert "env" not in text_of(client.call("echo__envv")).split("`")[2]


@eras
def test_arguments_that_do_not_fit_are_refused_with_what_is_wrong(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        result = client.call("echo__echo", {"text": 5})
    assert result["isError"] is True
    assert "text" in text_of(result)


@eras
def test_an_edited_policy_holds_from_the_next_call_on(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        assert client.call("echo__count").get("isError") is None
        place.policy(*POLICY, "p, *, *, echo/*, call, , deny, closed")
        assert "closed" in text_of(client.call("echo__count"))
        assert client.ask("tools/list")["result"]["tools"] == []


# ---- approvals


@eras
def test_what_was_approved_runs_once_when_the_same_call_is_made_again(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        held = client.call("echo__add", {"a": 1, "b": 2})
        assert held["isError"] is True
        assert approval_in(held) in text_of(held)
        assert "sums need a second person" in text_of(held)
        assert approval_in(client.call("echo__add", {"b": 2, "a": 1})) == approval_in(held)
        assert calls_of(gateway) == 0
        place.decide(approval_in(held))
        assert client.call("echo__add", {"a": 1, "b": 2})["structuredContent"] == {"sum": 3}
        assert approval_in(client.call("echo__add", {"a": 1, "b": 2})) != approval_in(held)
        assert calls_of(gateway) == 2  # the sum, and the count before


@eras
def test_of_two_retries_at_the_same_time_one_runs(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        place.decide(approval_in(client.call("echo__add", {"a": 1, "b": 2})))
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda _: client.call("echo__add", {"a": 1, "b": 2}), range(8)))
        assert [result["structuredContent"] for result in results if "structuredContent" in result] == [{"sum": 3}]
        assert len({approval_in(result) for result in results if "structuredContent" not in result}) == 1
        assert calls_of(gateway) == 1


@eras
def test_an_approval_outlives_the_gateway_and_the_session(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        approval_id = approval_in(client.call("echo__add", {"a": 1, "b": 2}))
        gateway.kill()
    place.decide(approval_id)
    other = "modern" if era == "legacy" else "legacy"
    with place.serve({"echo": ECHO}) as gateway, gateway.client(other) as client:
        assert client.call("echo__add", {"a": 1, "b": 2})["structuredContent"] == {"sum": 3}
        assert "structuredContent" not in client.call("echo__add", {"a": 1, "b": 2})


@eras
def test_an_approval_is_good_for_nobody_else(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        place.decide(approval_in(client.call("echo__add", {"a": 1, "b": 2})))
    with place.serve({"echo": ECHO}, "--user", "user:eve") as gateway, gateway.client(era) as client:
        assert client.call("echo__add", {"a": 1, "b": 2})["isError"] is True
        assert calls_of(gateway) == 0


@eras
def test_an_approval_is_good_for_no_other_arguments(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        place.decide(approval_in(client.call("echo__add", {"a": 1, "b": 2})))
        for changed in ({"a": 1, "b": 3}, {"a": 1, "b": 2, "c": 0}, {"a": 1, "b": 2.5}, {"a": 2, "b": 1}):
            assert client.call("echo__add", changed)["isError"] is True
        assert calls_of(gateway) == 0


@eras
def test_what_a_person_denied_stays_denied(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        place.decide(approval_in(client.call("echo__add", {"a": 1, "b": 2})), "denied")
        result = client.call("echo__add", {"a": 1, "b": 2})
        assert (result["isError"], "user:bob denied this call" in text_of(result)) == (True, True)


def test_an_approved_call_is_not_made_when_the_policy_forbids_it_by_then(place: Place) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as client:
        place.decide(approval_in(client.call("echo__add", {"a": 1, "b": 2})))
        place.policy(*POLICY, "p, *, *, echo/add, call, , deny, no sums today")
        assert "no sums today" in text_of(client.call("echo__add", {"a": 1, "b": 2}))
        assert calls_of(gateway) == 0


def test_what_is_forwarded_is_recorded_first_and_so_is_what_is_refused(place: Place) -> None:
    with place.serve({"echo": ECHO}) as gateway:
        with gateway.client("modern") as client:
            client.call("echo__echo", {"text": "x"})
            client.call("echo__env")
            client.call("echo__add", {"a": 1, "b": 2})
        assert gateway.stop() == 0
    kinds = [type(fact) for fact in place.facts() if isinstance(fact, Admitted | Returned | Denied | Held)]
    assert kinds == [Admitted, Returned, Denied, Held]


# ---- when the record can't be kept


@eras
def test_a_call_that_can_not_be_recorded_is_not_made(place: Place, era: str) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        assert calls_of(gateway) == 0
        with place.store() as store:
            store._reader.execute("DROP TABLE accounts")  # noqa: SLF001 - a disk that fails, in small
        error = client.ask("tools/call", {"name": "echo__count", "arguments": {}})["error"]
        assert error["code"] == types.INTERNAL_ERROR
        assert "Traceback" not in json.dumps(error)
