from gateway.policy import parse
from gateway.policy.changes import Change, Pair
from gateway.policy.witnesses.asking import Asking
from gateway.policy.witnesses.search import Search

ALLOW = "p, *, *, shop/refund, call, , allow, x"


def searched(old: str, line: str, most: int = 50_000) -> tuple[list[Change], Search]:
    pair = Pair(parse(old, "old.csv"), parse(f"{old}\n{line}", "new.csv"))
    search, focus = Search(pair, most), pair.only_new[0]
    found = [
        change for meeting in Asking(pair, {}).worlds(focus, None, 500) for change in search.changes(meeting, focus)
    ]
    return found, search


def test_each_kind_of_change_is_shown_once_and_as_short_as_can_be() -> None:
    found, _ = searched(ALLOW, "p, *, *, shop/refund, call, args.amount > 100 and args.kind == 'a', deny, x")
    assert [(change.query.args, change.after.effect) for change in found] == [({}, "deny")]
    (granted, *_), _ = searched(
        "p, *, *, shop/x, call, , allow, x", ALLOW.replace(" , allow", " args.amount > 100, allow")
    )
    assert granted.query.args == {"amount": 101}


def test_other_lines_are_kept_from_hiding_the_change() -> None:
    lines = [ALLOW, *(f"p, *, *, shop/refund, call, args.n{number} != {number}, deny, x" for number in range(9))]
    found, search = searched("\n".join(lines), "p, *, *, shop/refund, call, args.amount > 5, ask, x")
    (change,) = found
    assert change.query.args == {f"n{number}": number for number in range(9)}
    assert search.left > 0


def test_what_is_hidden_by_another_line_is_no_change() -> None:
    assert (
        searched(f"{ALLOW}\np, *, *, */*, call, , deny, x", "p, *, *, shop/refund, call, args.a > 5, ask, x")[0] == []
    )


def test_it_ends_when_enough_was_tried() -> None:
    found, search = searched(ALLOW, "p, *, *, shop/refund, call, args.amount > 100, deny, x", most=0)
    assert (found, search.left) == ([], 0)
