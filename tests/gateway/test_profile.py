"""A part of the catalogue: what is outside of it is not there, and what is inside keeps its name."""

from dataclasses import replace

import pytest

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.offer import About, Offer
from gateway.profile import WHOLE, Profile

PATHS = ("git/log", "git/push", "shop/log", "github/log", "git/deep/log")
ALL = Catalogue.of(
    [Tool(path.partition("/")[0], path.partition("/")[2], {"name": path}, "pin") for path in PATHS],
    {"down": "it is down", "git2": "it is down"},
    {"git/odd": "it has no schema", "shop/odd": "it has no schema"},
)


@pytest.mark.parametrize(
    ("servers", "tools", "held"),
    [
        (("git",), (), {"git/log", "git/push", "git/deep/log"}),
        ((), ("git/*",), {"git/log", "git/push", "git/deep/log"}),
        ((), ("*/log",), {"git/log", "shop/log", "github/log"}),
        ((), ("git*/log",), {"git/log", "github/log"}),
        (("git",), ("*/log",), {"git/log"}),
        (("shop",), ("git/*",), set()),
        (("GIT",), (), set()),
        ((), ("git/p?sh", "shop/log"), {"git/push", "shop/log"}),
        ((), ("git/[lp]og",), set()),
    ],
)
def test_both_lists_limit_what_is_there(servers: tuple[str, ...], tools: tuple[str, ...], held: set[str]) -> None:
    part = Profile("part", servers, tools).of(ALL)
    assert set(part.tools) == held == set(part.names.values())
    assert {name: ALL.names[name] for name in part.names} == part.names
    assert list(part.names) == [name for name in ALL.names if name in part.names]


def test_what_is_missing_or_left_out_is_told_only_where_it_would_be() -> None:
    part = Profile("part", ["git", "down"]).of(ALL)
    assert (part.missing, part.rejected) == ({"down": "it is down"}, {"git/odd": "it has no schema"})
    part = Profile("part", tools=["git*/log"]).of(ALL)
    assert (part.missing, part.rejected) == ({"git2": "it is down"}, {})


OFFERS = [
    Offer("prompt", "git", "ask", {}), Offer("prompt", "shop", "ask", {}), Offer("resource", "git", "file:///a", {}),
    Offer("resource", "shop", "file:///a", {}), Offer("template", "git", "file:///{x}", {}),
    Offer("template", "shop", "db:///{x}", {}),
]  # fmt: skip
RICH = Catalogue.of(
    [Tool(server, "log", {}, "pin") for server in ("git", "shop")],
    offers=OFFERS,
    about={server: About(server, {"resources": {}}) for server in ("git", "shop")},
)


@pytest.mark.parametrize("profile", [Profile("part", ["git"]), Profile("part", tools=["git/*"])])
def test_a_whole_server_has_its_prompts_and_resources_and_the_others_have_none(profile: Profile) -> None:
    part = profile.of(RICH)
    assert (list(part.prompts), list(part.about)) == (["git/ask"], ["git"])
    assert [offer.path for offer in part.resources.values()] == ["git/file:///a"]
    assert [offer.server for _, offer in part.templates] == ["git"]
    assert part.find("read", "git/file:///unlisted")
    for path in ("shop/file:///a", "shop/file:///unlisted"):
        assert part.find("read", path) is None
        assert part.route(f"toolgate://{path}") is None
    assert part.find("get", "shop/ask") is part.find("complete", "shop/db:///{x}") is None


def test_of_a_server_of_which_only_some_is_in_no_resource_is() -> None:
    part = Profile("part", tools=["git/l*", "git/ask"]).of(RICH)
    assert (list(part.tools), list(part.prompts)) == (["git/log"], ["git/ask"])
    assert (dict(part.resources), part.templates, part.find("read", "git/file:///a")) == ({}, (), None)


def test_what_is_held_is_held_in_every_part() -> None:
    held = replace(ALL, held={"git/log": "it has changed"})
    part = Profile("part", ["git"]).of(held)
    assert part.held["git/log"] == "it has changed"


def test_the_whole_is_the_catalogue_itself_and_a_part_is_made_once() -> None:
    assert WHOLE.of(ALL) is ALL
    part = Profile("part", ["git"])
    assert part.of(ALL) is part.of(ALL)
    other = Catalogue.of([Tool("git", "new", {}, "pin")])
    assert set(part.of(other).tools) == {"git/new"}
    assert "git/log" in part.of(ALL).tools


def test_a_glob_without_a_server_is_refused() -> None:
    with pytest.raises(ValueError, match="not a server/tool"):
        Profile("part", tools=["log"])
