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


def test_what_is_held_stays_held_in_a_part() -> None:
    held = replace(ALL, held={"git/push": "it changed"}, findings={"git/log": []})
    part = Profile("part", ["git"]).of(held)
    assert (part.held, part.findings) == (held.held, held.findings)


def test_prompts_and_resources_are_limited_as_tools_are() -> None:
    about = {name: About(capabilities={"resources": {}}) for name in ("git", "shop")}
    offers = [
        Offer("prompt", "git", "greet", {}),
        Offer("prompt", "shop", "greet", {}),
        Offer("resource", "git", "repo:1", {}),
        Offer("resource", "shop", "stock:1", {}),
        Offer("template", "shop", "stock:{n}", {}),
    ]
    whole = Catalogue.of([], offers=offers, about=about)
    part = Profile("part", ["git"]).of(whole)
    assert (list(part.prompts), list(part.prompt_names)) == (["git/greet"], ["git__greet"])
    assert (list(part.resources), list(part.templates), list(part.about)) == (["repo:1"], [], ["git"])
    assert part.route("stock:1") is None or part.route("stock:1") == Offer("resource", "git", "stock:1", {})
    assert [part.find("read", path) for path in ("shop/stock:1", "shop/other:1")] == [None, None]
    by_glob = Profile("part", tools=["*/repo:1"]).of(whole)
    assert list(by_glob.resources) == ["repo:1"]
    assert by_glob.find("read", "git/repo:2") is None


def test_no_other_spelling_of_a_uri_leads_out_of_a_profile() -> None:
    part = Profile("part", tools=["git/file:///pub/*", "git/file:///My%20Docs/*"])
    assert all(part.holds(f"git/file:///{rest}") for rest in ("pub/a", "pub/%61", "pub/a#L10", "My%20Docs/a%20b"))
    assert not any(part.holds(f"git/file:///{rest}") for rest in ("pub/../a", "pub/%2e%2e/a", "pub/..%2Fa", "a"))


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
