from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.call import Subject, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.gaps import LEFT_OUT, UNPINNED, gaps
from gateway.offer import About, Offer
from gateway.policy import parse
from tests.builders import a_tool

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ECHO = {"name": "echo", "inputSchema": {"type": "object"}}
CATALOGUE = Catalogue.of(
    [Tool("up", "echo", ECHO, pin_of(ECHO))],
    missing={"down": "`x` was not found"},
    rejected={"up/odd": "words of the server's own", "other/odd": "x"},
)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("p, *, *, */*, call, , allow, all", {"down", "up/odd", "other/odd"}),
        ("p, *, *, up/*, call, , allow, one server", {"up/odd"}),
        ("p, user:bob, *, */*, call, , allow, somebody else", set()),
    ],
)
def test_what_is_missing_is_told_to_those_who_may_use_anything_of_the_server(line: str, told: set[str]) -> None:
    found = gaps(CATALOGUE, parse(line + "\n"), Subject("user:ann", "acme"), NOON)
    assert set(found) == told
    assert all(found[path] == LEFT_OUT for path in told - {"down"})


GREET = Offer("prompt", "up", "greet", {"name": "greet"})
HELD = replace(
    Catalogue.of([a_tool("up/add"), a_tool("up/pay"), a_tool("other/sub")], offers=[GREET], about={"up": About("Hi.")}),
    held=dict.fromkeys(["up/add", "up/pay", "other/sub", "up/prompt:greet", "up/about:instructions"], "why"),
    unpinned=frozenset({"up/add", "other/sub", "up/prompt:greet", "up/about:instructions"}),
)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["p, *, *, */*, call, , allow, all", "p, *, *, */*, get, , allow, all"],
            {"up/add", "other/sub", "up/prompt:greet", "up/about:instructions"},
        ),
        (["p, *, *, up/add, call, , allow, one tool"], {"up/add", "up/about:instructions"}),
        (["p, *, *, up/pay, call, , allow, another one"], {"up/about:instructions"}),
        (["p, user:bob, *, */*, call, , allow, somebody else"], set()),
    ],
)
def test_what_could_not_be_pinned_is_told_to_those_who_would_be_shown_it(lines: list[str], told: set[str]) -> None:
    """What is held for another reason, here `up/pay`, is told to nobody."""
    found = gaps(HELD, parse("\n".join(lines) + "\n"), Subject("user:ann", "acme"), NOON)
    assert found == dict.fromkeys(told, UNPINNED)


def test_of_many_some_are_named_and_all_are_counted() -> None:
    tools = [a_tool(f"many/t{number}") for number in range(70)]
    late = frozenset(tool.path for tool in tools)
    rejected = {f"odd/t{number}": "x" for number in range(10)}
    catalogue = replace(Catalogue.of(tools, rejected=rejected), held=dict.fromkeys(late, "why"), unpinned=late)
    found = gaps(catalogue, parse("p, *, *, */*, call, , allow, all\n"), Subject("user:ann", "acme"), NOON)
    assert found["many/*"] == "30 more are missing"
    assert len(found) == 51
    assert sum(path.startswith("many/t") for path in found) == 40
