import ast
from typing import Any

import pytest

from gateway.policy.witnesses.values import MISSING, atoms, beyond, near, steps_of

PATHS = ("args", "a")


def tried(text: str, path: tuple[str | int, ...] = PATHS) -> list[Any]:
    return [value for atom in atoms(text) if atom.path == path for value in atom.values]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("args.a <= 10", [9, 10, 11]),
        ("args.a > -5", [-6, -5, -4]),
        ("0 < args.a < 1", [0, 1, 0.5]),
        ("args.a == 'on'", ["on", "ON", "onx"]),
        ("args.a in ['x', 'y']", ["x", "y", "X", "yx"]),
        ("'x' in args.a", [["x"], ["x", "other"], ["other"], []]),
        ("args.a", [True, False]),
        ("not args.a", [True, False]),
        ("args.a == null", [None]),
        ("matches(args.a, 'ab*')", ["ab", "aba", "AB", "xab"]),
        ("any_match(args.a, 'ab*')", [["ab"], []]),
        (
            "in_domain(args.a, 'acme.com')",
            ["a@acme.com", "a@b.acme.com", "a@acme.comx", ["a@acme.com", "a@other.example"], []],
        ),
        ("under(args.a, '/srv')", ["/srv", "/srv/a", "/srvx", "/srv/../a", "/a", "a"]),
        ("in_cidr(args.a, '10.0.0.0/8')", ["10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0", "no address"]),
        ("len(args.a) > 2", ["xx", ["x", "x", "x"]]),
        ("len(args.a) > 20000", ["x" * 20_000, "x" * 20_001, ["x"] * 20_001]),
        ("args.a in 'EUR USD'", ["EUR", "USD", "", "EUR USD", "E", "D"]),
        ("lower(args.a) == 'on'", ["on", "ON"]),
        ("host(args.a) == 'acme.com'", ["https://acme.com/", "https://acme.comx/"]),
        ("args.a < '2026-12-01'", ["2026-11-30", "2026-12-01", "2026-12-02"]),
        ("args.a == 5 or (args.b and args.a == 7)", [5, 7]),
        ("some_new_function(args.a, 'text')", ["text", "TEXT", ["text"]]),
    ],
)
def test_each_comparison_is_made_to_go_both_ways(text: str, wanted: list[Any]) -> None:
    assert [value for value in wanted if value not in tried(text)] == []


def test_two_values_that_are_compared_are_tried_alike() -> None:
    (left, right) = atoms("args.a == args.b")
    assert (left.like, right.like) == ((("args", "b"),), (("args", "a"),))
    assert left.values == right.values != ()


def test_paths_may_go_through_objects_and_lists() -> None:
    assert tried('args.a["b c"][0].d == 1', ("args", "a", "b c", 0, "d"))[:1] == [1]
    assert tried("args.a[-1].d == 1", ("args", "a", -1, "d"))[:1] == [1]
    assert atoms("5 == 6") == []


def test_neighbours_of_what_has_none_are_none() -> None:
    assert near([None, True, []]) == [None, True, [], False]
    assert near(["9999-12-31"])[0] == "9999-12-31"
    assert repr(MISSING) == "<Missing.MISSING: 'missing'>"


def test_a_clock_elsewhere_is_tried_at_every_hour_of_ours() -> None:
    assert tried("hour('Europe/Berlin') >= 9", ("now", "hour")) == [9, 8, 10, *range(24)]
    assert "sun" in tried("weekday('Asia/Tokyo') == 'sun'", ("now", "weekday"))


def test_what_is_no_path_has_no_steps() -> None:
    assert steps_of(ast.parse("f(x).y", mode="eval").body) == ()
    assert steps_of(ast.parse("true", mode="eval").body) == ()


def test_lengths_that_nothing_is_made_to_have_are_told() -> None:
    assert beyond("len(args.a) > 200000 or 300000 >= len(args.b)") == (200_000, 300_000)
    assert beyond("len(args.a) > 100000 and args.b > 200000") == ()
