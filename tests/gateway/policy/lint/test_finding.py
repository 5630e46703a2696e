import re
from pathlib import Path

from gateway.errors import Problem
from gateway.policy import parse
from gateway.policy.lint.finding import CONDITION, ERRORS, RULES, WHO, of_error, warning

ROOT = Path(__file__).parents[4]


def test_every_rule_is_documented_and_every_documented_rule_is_there() -> None:
    text = (ROOT / "docs" / "policy-admin.md").read_text()
    assert set(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE)) == {*RULES, *ERRORS}


def test_every_rule_that_the_code_reports_is_listed() -> None:
    sources = [*(ROOT / "gateway/policy/lint").glob("*.py"), *(ROOT / "gateway/policy").glob("*.py")]
    said = {
        name for path in sources for name in re.findall(r'"([a-z]+(?:-[a-z]+)+|duplicate|everybody)"', path.read_text())
    }
    assert set(RULES) <= said | {"open-file"}


def test_a_finding_stands_at_the_text_that_it_is_about() -> None:
    (rule,) = parse('  p, user:ann, *, a/b, call, "args.a == 1 and args.bb == 2", deny, y').rules
    assert warning(rule, WHO, "everybody", "m").column == 6
    assert warning(rule, CONDITION, "always-true", "m").column == 31
    assert warning(rule, (CONDITION, "args.bb"), "unknown-argument", "m").column == 47
    assert warning(rule, (CONDITION, "args.c"), "unknown-argument", "m").column == 31


def test_the_finding_of_a_reader_keeps_a_name_that_it_has() -> None:
    problem = Problem("f", 1, 2, "m", "h", "warning", "duplicate")
    assert of_error(problem, "invalid-budget") == problem
    assert of_error(Problem("f", 1, 2, "m"), "invalid-budget").rule == "invalid-budget"
