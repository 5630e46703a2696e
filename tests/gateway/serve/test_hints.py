"""For how long a list may be kept, and for whom."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Subject
from gateway.offer import UNHINTED, About, Hint
from gateway.profile import WHOLE, Profile
from gateway.serve.asking import Asker
from gateway.serve.hints import LONGEST, hint_of, told
from gateway.serve.sessions import Client
from tests.fixtures import nursery
from tests.fixtures.asgi import PATIENCE
from tests.fixtures.gateway_app import HEAD
from tests.fixtures.served import EVERYTHING, Place
from tests.gateway.serve.test_direct import Desk, at_desk, eras
from tests.gateway.serve.test_lists import listed

ANN = Client.named(Asker(Subject("user:ann", "acme"), WHOLE), "wire", stateless=True)
LONG = Hint(float("inf"), True)
FOR_ALL = "p, *, *, echo/*, call, , allow, whatever it is"
KEPT = {"HINTS": '{"ttlMs": 600000, "cacheScope": "public"}'}


def hinted(made: Desk, hints: Mapping[str, Hint]) -> None:
    """As if the echo server had said this of its lists."""
    upstreams: Any = made.app.upstreams
    known = upstreams._catalogue  # noqa: SLF001 - no server of ours takes back what it said
    upstreams._catalogue = replace(known, about={**known.about, "echo": About(hints=hints)})  # noqa: SLF001


async def both(made: Desk) -> tuple[int, str]:
    """What is said, with the SDK's application and without."""
    direct, other = await listed(made, made.direct, "modern"), await listed(made, made.sdk, "modern")
    one, two = direct.message["result"], other.message["result"]
    assert (one["ttlMs"] > 0, one["cacheScope"]) == (two["ttlMs"] > 0, two["cacheScope"])
    return one["ttlMs"], one["cacheScope"]


@pytest.mark.parametrize(
    ("lines", "kept", "scope"),
    [
        ((FOR_ALL,), True, "public"),
        ((FOR_ALL, "p, user:zoe, *, echo/env, call, , deny, hers"), True, "private"),
        ((FOR_ALL, "p, *, globex, echo/env, call, , deny, theirs"), True, "private"),
        ((FOR_ALL, "p, *, *, echo/env, call, subject.id == 'user:zoe', deny, hers"), True, "private"),
        ((FOR_ALL, "p, *, *, echo/env, call, now.hour > 25, deny, late"), False, "private"),
        (("p, *, *, other/*, call, , allow, nothing of it",), False, "private"),
    ],
)
def test_a_list_may_be_kept_as_its_server_says_by_whom_the_policy_treats_alike(
    tmp_path: Path, lines: tuple[str, ...], kept: bool, scope: str
) -> None:
    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + "".join(f"{line}\n" for line in lines))
        hinted(made, {"tools/list": LONG})
        assert await both(made) == (LONGEST * 1000 if kept else 0, scope)

    at_desk(tmp_path, scenario)


def test_time_that_has_passed_is_taken_off_also_from_a_list_that_is_handed_out_again(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + FOR_ALL + "\n")
        hinted(made, {"tools/list": Hint(time.monotonic() + 1800, False)})
        first = (await both(made))[0]
        assert 0 < first <= 1_800_000
        lists: Any = made.app.front.lists
        joined = lists._joined  # noqa: SLF001 - the clock can't be told to go
        for names, (text, hint) in list(joined.items()):
            joined[names] = text, Hint(hint.until - 1800, hint.public)
        assert (await listed(made, made.direct, "modern")).message["result"]["ttlMs"] == 0

    at_desk(tmp_path, scenario)


@eras
@pytest.mark.parametrize("way", ["direct", "sdk"])
def test_a_list_is_asked_for_anew_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, era: str, way: str
) -> None:
    monkeypatch.setattr("gateway.upstream.renewing.PATIENCE", PATIENCE)

    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + EVERYTHING + "\n")
        server: Any = made.app.upstreams._servers["kept"]  # noqa: SLF001 - no server of ours takes back what it said
        known = server.listing
        server.adopt(replace(known, about=replace(known.about, hints={"tools/list": Hint(1.0, True)})))
        assert made.app.upstreams.catalogue.about["kept"].hints == {"tools/list": Hint(1.0, True)}
        part = replace(ANN.asker, profile=Profile("part", ["kept"]))
        front, client = made.app.front, replace(ANN, asker=part)
        result = (await listed(made, getattr(made, way), era)).message["result"]
        assert any(tool["name"].startswith("kept__") for tool in result["tools"])
        assert made.app.upstreams.catalogue.about["kept"].hints["tools/list"].until > time.monotonic()
        assert 0 < (await front.listed("tools/list", client, {}))["ttlMs"] <= 600_000

    kept = {**nursery.entry("echo_server.py", "stdio"), "env": KEPT}
    at_desk(tmp_path, scenario, more={"kept": kept})


def test_nothing_is_kept_where_a_server_says_nothing_or_one_is_missing(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + EVERYTHING + "\n")
        assert await both(made) == (0, "private")
        hinted(made, {"prompts/list": LONG})
        assert await both(made) == (0, "private")
        hinted(made, {"tools/list": LONG})
        assert (await both(made))[0] == 0

    at_desk(tmp_path, scenario, more={"down": {"url": "http://127.0.0.1:9/mcp"}})


def test_the_shortest_time_and_the_narrowest_circle_count(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        tools = [tool for _, tool in made.app.front.viewer(ANN).tools()]
        known = made.app.sessions.catalogue
        two = [tools[0], replace(tools[1], server="other")]
        for other, found in (
            (Hint(5.0, True), Hint(5.0, True)),
            (Hint(20.0, False), Hint(10.0, False)),
            (UNHINTED, UNHINTED),
        ):
            said = {"echo": Hint(10.0, True), "other": other}
            about = {name: About(hints={"tools/list": hint}) for name, hint in said.items()}
            assert hint_of("tools/list", two, replace(known, about=about)) == found
        assert hint_of("tools/list", two, replace(known, about={})) == UNHINTED
        assert hint_of("tools/list", [], known) == UNHINTED

    at_desk(tmp_path, scenario)


def test_a_profile_is_nobody_elses(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + FOR_ALL + "\n")
        part = replace(ANN, asker=replace(ANN.asker, profile=Profile("part", ["echo"])))
        for who, scope in ((ANN, "public"), (part, "private")):
            assert told({}, LONG, made.app.front.viewer(who))["cacheScope"] == scope

    at_desk(tmp_path, scenario)


def test_another_toolgate_hears_which_ones_are_behind_a_list_and_nobody_else_does(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        (tmp_path / "policy.csv").write_text(HEAD + FOR_ALL + "\n")
        viewer, other = made.app.front.viewer(ANN), replace(ANN, name="toolgate")
        (own,) = made.app.sessions.catalogue.gateways
        assert "_meta" not in told({}, LONG, viewer, ANN.name)
        assert told({}, LONG, viewer, other.name)["_meta"] == {"toolgate/gateways": [own]}
        listed = await made.app.front.listed("tools/list", other, {})
        assert listed["_meta"] == {"toolgate/gateways": [own]}
        assert own.encode() in b"".join(made.app.front.lists.tools(other, "2026-07-28", {}))

    at_desk(tmp_path, scenario)


def test_what_a_server_says_of_its_list_arrives(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.policy(FOR_ALL)
    entry = {**nursery.entry("echo_server.py", "stdio"), "env": KEPT}
    with place.serve({"echo": entry}) as gateway:
        with gateway.client("modern") as client:
            result = client.ask("tools/list")["result"]
            assert (0 < result["ttlMs"] <= 600_000, result["cacheScope"]) == (True, "public")
            result = client.ask("prompts/list")["result"]
            assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
        with gateway.client("legacy") as client:
            assert not {"ttlMs", "cacheScope"} & client.ask("tools/list")["result"].keys()
    with place.serve({"echo": entry | {"era": "legacy"}}) as gateway, gateway.client("modern") as client:
        assert client.ask("tools/list")["result"]["ttlMs"] == 0
