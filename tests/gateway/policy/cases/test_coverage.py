from gateway.policy import parse
from gateway.policy.cases.coverage import Coverage, coverage, missing_tests
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.running import outcomes

POLICY = parse(
    """\
p, user:ann, *, shop/*, call, 0 < args.amount <= 100, allow, ann may
p, *, *, shop/*, call, args.amount > 50, ask, much
p, *, *, shop/*, call, args.iban == 'DE00', deny, blocked
p, *, *, shop/refund, call, args.amount > 90, deny, too much
p, user:bob, *, bank/*, call, , deny, never there
"""
)
HEAD = "name, who, tool, args, expect\n"


def covered(*lines: str) -> Coverage:
    cases = parse_cases("tests.csv", (HEAD + "\n".join(lines)).encode())
    return coverage(POLICY, outcomes(POLICY, cases, lambda _action, _path: None))


SMALL = 'small, user:ann, shop/refund, {"amount": 5, "iban": "x"}, allow'
MUCH = 'much, user:ann, shop/refund, {"amount": 60, "iban": "x"}, ask'
WRONG = 'wrong, user:ann, shop/refund, {"amount": 95, "iban": "x"}, allow'


def test_a_line_decides_takes_part_is_met_or_is_never_met() -> None:
    found = covered(SMALL, MUCH)
    assert [(line.status, line.decided, line.matched, line.met) for line in found.lines] == [
        ("decided", 1, 1, 0),
        ("decided", 1, 0, 1),
        ("met", 0, 0, 2),
        ("met", 0, 0, 2),
        ("never met", 0, 0, 0),
    ]
    assert found.of_lines == 40


def test_a_line_that_restricts_and_that_no_case_expects_to_decide_is_missed() -> None:
    problems = missing_tests(covered(SMALL, MUCH, WRONG))
    assert [(problem.line, problem.level) for problem in problems] == [(3, "warning"), (4, "warning"), (5, "warning")]
    assert [problem.message for problem in problems] == [
        "no case tests this `deny` line; its condition held in none of those that are about it",
        "no case tests this `deny` line; it decides one that expects something else",
        "no case tests this `deny` line; none is about it",
    ]
    assert problems[0].hint == "write one that it must deny"


def test_a_case_that_expects_the_denial_is_the_test_of_its_line() -> None:
    tested = covered(WRONG.replace("allow", "deny"))
    assert [problem.line for problem in missing_tests(tested)] == [2, 3, 5]
    assert "it took part in cases that another line decided" in missing_tests(tested)[0].message


def test_a_case_that_expects_another_line_to_decide_is_no_test_of_this_one() -> None:
    table = b'name, who, tool, args, expect, line\na, user:ann, shop/refund, {"amount": 95}, deny, policy.csv:4\n'
    found = outcomes(POLICY, parse_cases("tests.csv", table), lambda _action, _path: None)
    assert found[0].deciders == {"policy.csv:3"}
    assert 3 in [problem.line for problem in missing_tests(coverage(POLICY, found))]


def test_branches_say_which_way_they_never_went() -> None:
    first = covered(SMALL, MUCH).lines[0]
    assert [(use.branch.text, use.seen, use.missing) for use in first.branches] == [
        ("0 < args.amount", {"true": 2}, ("false", "undecidable")),
        ("args.amount <= 100", {"true": 2}, ("false", "undecidable")),
    ]


def test_percent_of_branches_counts_the_ways_that_were_seen() -> None:
    none = covered("nobody, user:eve, bank/x, , deny")
    assert (none.of_lines, none.of_branches) == (0, 0)
    found = covered(SMALL, MUCH)
    assert found.of_branches == 100 * (2 + 2 + 1 + 1) / 15
    assert found.reaches(40)
    assert not found.reaches(40.1)


def test_of_nothing_everything_is_seen() -> None:
    assert (Coverage(()).of_lines, Coverage(()).of_branches) == (100, 100)


def test_without_branches_lines_count_the_same() -> None:
    cases = parse_cases("tests.csv", (HEAD + SMALL).encode())
    found = outcomes(POLICY, cases, lambda _action, _path: None)
    shallow, deep = coverage(POLICY, found, with_branches=False), coverage(POLICY, found)
    assert [line.status for line in shallow.lines] == [line.status for line in deep.lines]
    assert not any(line.branches for line in shallow.lines)


def test_a_line_that_obliges_is_covered_where_its_duties_count_and_tested_where_they_are_expected() -> None:
    policy = parse(
        "p, *, *, shop/*, call, , allow, x\np, *, *, shop/no, call, , deny, x\n"
        "o, *, *, shop/*, call, , redact=ssn, y\no, *, *, shop/*, call, args.much, dry_run, z\n"
    )

    def seen(*lines: str) -> Coverage:
        cases = parse_cases("tests.csv", ("name, who, tool, args, expect, duties\n" + "\n".join(lines)).encode())
        return coverage(policy, outcomes(policy, cases, lambda _action, _path: None))

    plain = 'a, user:ann, shop/x, {"much": false}, allow,'
    found = seen(plain, "b, user:ann, shop/no, {}, deny,")
    assert [(line.does, line.status) for line in found.lines[2:]] == [("oblige", "decided"), ("oblige", "matched")]
    assert [problem.message for problem in missing_tests(found)] == [
        "no case tests this `o` line; it decides one that expects no duties",
        "no case tests this `o` line; it took part in cases that another line decided",
    ]
    assert missing_tests(found)[0].hint == "write one with `redact=ssn` in `duties`"
    tested = seen(plain + "redact=ssn", 'c, user:ann, shop/x, {"much": true}, allow, redact=ssn; dry_run')
    assert [problem.line for problem in missing_tests(tested)] == [2]
    (use,) = found.lines[3].branches
    assert use.seen == {"false": 1, "undecidable": 1}


def test_where_there_are_more_cases_only_lines_that_one_of_these_is_about_are_missed() -> None:
    assert [problem.line for problem in missing_tests(covered(SMALL), partly=True)] == [2, 3, 4]
    assert missing_tests(covered("other, user:eve, mail/send, {}, deny"), partly=True) == []
