import pytest

from gateway.cli.policy.testing_view import print_report
from gateway.policy import parse
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.report import report

POLICY = parse("p, *, *, a/*, call, args.a == 'ä' and not run.tainted, deny, no\np, *, *, a/*, call, , allow, yes\n")
HEAD = b"name, who, tool, args, expect\n"


def test_what_would_steer_a_terminal_is_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = b'[[case]]\nname = "\\u001b[31m"\nwho = "user:ann"\ntool = "a/b"\nargs = {a = "\\u202e"}\nexpect = "deny"\n'
    found = report(POLICY, parse_cases("t.toml", text), lambda _action, _path: None)
    print_report(found, coverage=False, whole=True)
    out = capsys.readouterr().out
    assert "`\\e[31m` expected deny, got allow" in out
    assert '(args.a is "\\u{202e}", run.tainted is false)' in out
    assert out.replace("\n", "").isprintable()


def test_nothing_is_said_of_coverage_that_nobody_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    cases = parse_cases("t.csv", HEAD + b"a, user:ann, a/b, , deny\n")
    print_report(report(POLICY, cases, lambda _action, _path: None, deep=True), coverage=False, whole=True)
    assert capsys.readouterr().err == "1 case, no failures\n"


def test_of_a_branch_only_what_was_never_seen_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    cases = parse_cases("t.csv", HEAD + b"a, user:ann, a/b, , deny\n")
    print_report(report(POLICY, cases, lambda _action, _path: None, deep=True), coverage=True, whole=True)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["decided", "matched", "met", "line"]
    assert "    `args.a == 'ä'` is never true or false" in out
    assert "    `run.tainted` is never true" in out
