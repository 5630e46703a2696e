"""One line at a time. The first table is facts/casbin.md 1.2: what stock Casbin passes over in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.rows import Grant, Rule, parse_lines


def problems(text: str) -> list[str]:
    _, found = parse_lines("p.csv", text)
    return [str(problem) for problem in found]


def rule(text: str) -> Rule:
    (row,), found = parse_lines("p.csv", text)
    assert not found
    assert isinstance(row, Rule)
    return row


P = "p, *, *, bank/send, call, , "  # then the effect, and why


@pytest.mark.parametrize(
    ("line", "place", "parts"),
    [
        # effects
        (f"{P}Deny, why", "1:29", ["unknown effect `Deny`", "did you mean `deny`?"]),
        (f"{P}DENY, why", "1:29", ["unknown effect `DENY`", "did you mean `deny`?"]),
        (f"{P}require_approval, why", "1:29", ["unknown effect `require_approval`", "`allow`, `ask`, `deny`"]),
        (
            f"{P}deny # comment, why",
            "1:29",
            ["unknown effect `deny # comment`", "a comment stands on a line of its own"],
        ),
        (f"{P}, why", "1:29", ["unknown effect ``"]),
        # line types
        ("P, *, *, */*, call, , deny, why", "1:1", ["unknown line type `P`", "did you mean `p`?"]),
        ("p2, *, *, */*, call, , deny, why", "1:1", ["unknown line type `p2`", "did you mean `p`?"]),
        ("g2, user:a, role:b, acme", "1:1", ["unknown line type `g2`", "did you mean `g`?"]),
        ("x, *", "1:1", ["unknown line type `x`", "expected `p`, `o` or `g`"]),
        ("[p], *", "1:1", ["unknown line type `[p]`"]),
        # columns
        ("p, *, *, */*, call, deny, why", "1:1", ["`p` needs 7 fields", "found 6", "`call, , allow"]),
        ("g, user:ann, role:a", "1:1", ["`g` needs 3 fields", "found 2", "in all: `*`"]),
        ("p; *; *; */*; call; ; deny; why", "1:1", ["unknown line type", "separated by commas"]),
        ("p\t*\t*\t*/*\tcall\t\tdeny\twhy", "1:1", ["unknown line type", "separated by commas"]),
        ("p, *, *, */*, call, args.a == \u201cx\u201d, deny, why", "1:31", ["U+201C", "straight quotes"]),
        ("p, *, *, */*, call, , deny, why, not", "1:34", ["`p` needs 7 fields", "found 8", "double quotes"]),
        ("g, user:a, role:b", "1:1", ["`g` needs 3 fields (member, role, tenant), found 2"]),
        ("g, user:a, role:b, acme, 2027-01-01", "1:26", ["`g` needs 3 fields", "found 4"]),
        # conditions
        ("p, *, *, */*, call, (args.a, deny, why", "1:21", ["`(` opens here and is never closed (close it with `)`)"]),
        (
            "p, *, *, */*, call, args.a), deny, why",
            "1:27",
            ["`)` closes nothing (take it out, or write the `(` that it belongs to)"],
        ),
        ("p, *, *, */*, call, amount > 1, deny, why", "1:21", ["condition: unknown name `amount`", "`args.amount`"]),
        ("p, *, *, */*, call, args.a ==, deny, why", "1:28", ["condition: `==` has nothing behind it (write what"]),
        ("p, *, *, */*, call, 'text', deny, why", "1:21", ["is not a yes-or-no question"]),
        ('p, *, *, */*, call, "args.a == ""x"" and b", deny, why', "1:42", ["unknown name `b`"]),
        ('p, *, *, */*, call, "  b", deny, why', "1:24", ["unknown name `b`"]),
        # who
        ("p, ann, *, */*, call, , deny, why", "1:4", ["`ann` is not a name with its kind in front", "`user:...`"]),
        ("p, rolle:x, *, */*, call, , deny, why", "1:4", ["unknown kind `rolle:`", "`role:...`"]),
        ("p, user:*, *, */*, call, , deny, why", "1:4", ["`user:*` is not a name", "write `*` for everyone"]),
        ("p, user:, *, */*, call, , deny, why", "1:4", ["`user:` is not a name"]),
        ("p, user:a b, *, */*, call, , deny, why", "1:4", ["`user:a b` is not a name"]),
        ("p, user:\u0430nn, *, */*, call, , deny, why", "1:9", ["non-ASCII character U+0430"]),
        ("g, user:ann, user:bob, acme", "1:14", ["unknown kind `user:`", "`team:...` or `role:...`"]),
        ("g, *, role:a, acme", "1:4", ["`*` is not a name"]),
        # tenant, tool, action
        ("p, *, ac*, */*, call, , deny, why", "1:7", ["`ac*` is not a tenant"]),
        ("p, *, , */*, call, , deny, why", "1:7", ["`` is not a tenant"]),
        ("p, *, *, *, call, , deny, why", "1:10", ["`*` is not a server/tool pattern", "write `*/*`"]),
        ("p, *, *, bank, call, , deny, why", "1:10", ["`bank` is not a server/tool pattern"]),
        ("p, *, *, bank /a, call, , deny, why", "1:10", ["`bank /a` is not a server/tool pattern"]),
        ("p, *, *, bank/a  b, call, , deny, why", "1:10", ["`bank/a  b` is not a server/tool pattern"]),
        ("p, *, *, bank/[ab], call, , deny, why", "1:10", ["only * and ? are wildcards"]),
        ("p, *, *, b\u0430nk/*, call, , deny, why", "1:11", ["non-ASCII character U+0430"]),
        ("p, *, *, */*, Call, , deny, why", "1:15", ["unknown action `Call`", "did you mean `call`?"]),
        ("p, *, *, */*, *, , deny, why", "1:15", ["unknown action `*`", "known: "]),
        ("p, *, *, */*, list, , allow, why", "1:23", ["a line for `list` can't `allow`"]),
        ("p, *, *, */*, subscribe, , allow, why", "1:28", ["a line for `subscribe` can't `allow`"]),
        ("p, *, *, */*, list, run.calls > 3, deny, why", "1:21", ["a line for `list` can't look at `run.calls`"]),
        (
            'p, *, *, */*, list, "now.hour > 9 and subject.id == ""user:a"" and (not run.tainted)", deny, why',
            "1:73",
            ["a line for `list` can't look at `run.tainted`"],
        ),
        ("p, *, *, */*, complete, , ask, why", "1:27", ["a line for `complete` can't `ask`"]),
        ("p, *, *, */*, approve, , ask, why", "1:26", ["a line for `approve` can't `ask`"]),
        # text
        ("p, *, *, */*, call, , deny, why\u202e", "1:32", ["invisible character U+202E"]),
        ("p, *, *, */*, call, , deny, blocked\r# end", "1:36", ["U+000D", "save the file with the line ends LF"]),
        ("# finance\rp, *, *, */*, call, , deny, blocked", "1:10", ["U+000D", "save the file with the line ends LF"]),
        ("# finance\u2028p, *, *, */*, call, , deny, why", "1:10", ["invisible character U+2028", "delete it"]),
        ("  # finance\f", "1:12", ["invisible character U+000C"]),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_a_hint(line: str, place: str | None, parts: list[str]) -> None:
    (found,) = problems(line)
    assert found.startswith(f"p.csv:{place}: error: " if place else "p.csv:1:")
    for part in parts:
        assert part in found


@pytest.mark.parametrize("name", ["Get the weather", "db/rows/delete", "db/*", "Get *"])
def test_a_line_is_about_names_of_several_words_and_steps(name: str) -> None:
    read = rule(f"p, *, *,  bank/{name} , call, , deny, why").tool
    assert read.text == f"bank/{name}"
    assert read.matches("bank", name.replace("*", "x y/z"))
    assert not read.matches("bank", "Get")


def test_every_broken_cell_of_every_line_is_reported_at_once() -> None:
    found = problems("p, ann, a b, bank, calls, b, Deny, why\n\n# fine\nP, x\ng, a, b, c\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "p.csv:1:4", "p.csv:1:9", "p.csv:1:14", "p.csv:1:20", "p.csv:1:27", "p.csv:1:30", "p.csv:4:1",
        "p.csv:5:4", "p.csv:5:7",
    ]  # fmt: skip


def test_a_rule_is_read_whole() -> None:
    row = rule("p, role:support, acme, shop/*, call, args.amount <= 100, allow, small refunds")
    assert (row.where, row.who, row.tenant, row.tool.text, row.action, row.effect, row.why) == (
        "p.csv:1", "role:support", "acme", "shop/*", "call", "allow", "small refunds",
    )  # fmt: skip
    assert row.when
    assert row.when.text == "args.amount <= 100"
    assert row.columns == (1, 4, 18, 24, 32, 38, 58, 65)


def test_carriage_returns_comments_and_blank_lines_are_no_mistakes() -> None:
    rows, found = parse_lines("p.csv", "# top\r\n\r\np, *, *, */*, call, , deny, why\r\ng, user:a, role:b, acme\r\n")
    assert not found
    assert [row.line for row in rows] == [3, 4]
    assert isinstance(rows[1], Grant)


def test_both_styles_of_quoting_give_the_same_rule() -> None:
    bare = rule("p, *, *, a/b, call, args.x in ['a', 'b'] and under(args.p, '/srv'), deny, why")
    quoted = rule("p, \"*\", *, a/b, call, \"args.x in ['a', 'b'] and under(args.p, '/srv')\", deny, \"why\"")
    assert bare.key == quoted.key


def test_an_explanation_with_a_comma_stands_in_quotes() -> None:
    assert rule('p, *, *, */*, call, , deny, "no, don\'t"').why == "no, don't"
    assert rule("p, *, *, */*, call, , deny, don't (ever) # really").why == "don't (ever) # really"


@pytest.mark.parametrize(
    ("effect", "why"),
    [("allow", "allowed by policy"), ("ask", "a person must agree"), ("deny", "not allowed by policy")],
)
def test_a_line_without_an_explanation_still_says_something(effect: str, why: str) -> None:
    assert rule(f"p, *, *, */*, call, , {effect},").why == why


@pytest.mark.parametrize(
    ("when", "implied"),
    [
        ("", "not subject.is_requester"),
        ("args.a == 1 or args.b == 2", "(args.a == 1 or args.b == 2) and not subject.is_requester"),
        ("subject.is_requester", "subject.is_requester"),
        ("args.a == 1 and not subject.is_requester", "args.a == 1 and not subject.is_requester"),
    ],
)
def test_a_line_that_lets_approve_excludes_ones_own_requests_unless_it_speaks_of_them(when: str, implied: str) -> None:
    row = rule(f"p, role:manager, *, shop/*, approve, {when}, allow, why")
    assert row.when
    assert row.when.text == implied


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    _, found = parse_lines("p.csv", text)
    lines = text.split("\n")
    assert all(1 <= problem.line <= len(lines) and problem.column >= 1 for problem in found)


@given(
    st.lists(
        st.sampled_from(["p", "g", "*", "user:a", "role:b", "a/b", "call", "args.x == 1", "deny", "", '"', "(", "'"])
    )
)
def test_no_mixture_of_cells_breaks_the_reader(cells: list[str]) -> None:
    rows, found = parse_lines("p.csv", ", ".join(cells))
    assert len(rows) <= 1
    assert not (rows and found)
