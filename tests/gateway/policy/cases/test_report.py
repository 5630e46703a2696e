import pytest

from gateway.policy import parse
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.report import EXPLAINED, chosen, report

POLICY = parse("p, user:ann, *, shop/*, call, , allow, ann\np, *, *, shop/x, call, args.a > 1, deny, too much\n")
HEAD = b"name, who, tool, args, expect\n"
CASES = parse_cases(
    "tests.csv",
    HEAD + b'Small sums, user:ann, shop/x, {"a": 1}, allow\nlarge sums, user:ann, shop/x, {"a": 2}, allow\n',
)


def test_a_report_is_not_well_when_a_case_fails() -> None:
    found = report(POLICY, CASES, lambda _action, _path: None)
    assert not found.ok
    assert list(found.because) == ["tests.csv:3"]
    assert [problem.line for problem in found.missing] == [2]
    assert report(POLICY, CASES[:1], lambda _action, _path: None).ok


def test_a_report_is_not_well_below_its_coverage() -> None:
    found = report(POLICY, CASES[:1], lambda _action, _path: None, least=50, deep=True)
    assert (found.covered.of_lines, round(found.covered.of_branches), found.ok) == (50, 33, False)
    assert report(POLICY, CASES[:1], lambda _action, _path: None, least=30, deep=True).ok


def test_of_many_failures_the_first_ones_are_explained() -> None:
    many = parse_cases("tests.csv", HEAD + b"a, user:ann, shop/x, , allow\n" * (EXPLAINED + 5))
    found = report(POLICY, many, lambda _action, _path: None)
    assert (len(found.failures), len(found.because)) == (EXPLAINED + 5, EXPLAINED)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("SMALL", ["Small sums"]),
        ("sums", ["Small sums", "large sums"]),
        ("l*sums", ["large sums"]),
        ("*l?rge*", ["large sums"]),
        ("none", []),
    ],
)
def test_cases_are_chosen_by_a_part_of_their_name_or_a_glob(pattern: str, names: list[str]) -> None:
    assert [case.name for case in chosen(CASES, pattern)] == names
