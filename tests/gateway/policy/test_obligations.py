"""The cell `duties`: what it says, and every way of writing it wrong with its place."""

import pytest

from gateway.duties import Duties
from gateway.errors import PolicyError
from gateway.policy import load, parse
from gateway.policy.obligations import DutyError, parse_duties
from gateway.policy.oracle import Oracle
from tests.fixtures.policies import a_query

ALLOW = "p, *, *, */*, call, , allow, all may"


@pytest.mark.parametrize(
    ("text", "duties"),
    [
        ("redact=ssn", Duties(("ssn",))),
        ("redact=ssn customer.iban *_token", Duties(("ssn", "customer.iban", "*_token"))),
        ("redact=@secrets", Duties(secrets=True)),
        ("redact = ssn @secrets ssn ; dry_run", Duties(("ssn",), secrets=True, dry_run=True)),
        ("max_result_bytes=64 KB", Duties(max_result_bytes=65_536)),
        ("max_result_bytes=1.5KiB", Duties(max_result_bytes=1536)),
        ("max_result_bytes=2 MB;timeout=250ms", Duties(max_result_bytes=2_097_152, seconds=0.25)),
        ("timeout=10 s", Duties(seconds=10.0)),
        ("timeout=1.5 min", Duties(seconds=90.0)),
        ("needs=2", Duties(needs=2)),
        ("escalate=role:boss@2h; remember=no", Duties(escalate=("role:boss", 7200.0), remember=False)),
        ("remember=yes; escalate = team:on@call @ 90 s", Duties(escalate=("team:on@call", 90.0), remember=True)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, duties: Duties) -> None:
    assert parse_duties(text) == duties


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "unknown duty ``", "write `redact=ssn"),
        ("redakt=ssn", 0, "unknown duty `redakt`", "did you mean `redact`?"),
        ("redact=ssn; time_out=3 s", 12, "unknown duty `time_out`", "did you mean `timeout`?"),
        ("redact=ssn;", 11, "unknown duty ``", "write"),
        ("redact", 0, "`redact` needs a value", "write"),
        ("redact=", 0, "`redact` needs a value", "write"),
        ("dry_run=true", 0, "`dry_run` has no value", "write `dry_run` alone"),
        ("timeout=3 s; timeout=4 s", 13, "`timeout` stands twice", "write it once"),
        ("redact=ssn @secret", 11, "unknown pattern `@secret`", "@secrets"),
        ("redact=a..b", 7, "`a..b` is not a field", "customer.iban"),
        ("redact=a[0]", 7, "`a[0]` is not a field", "write"),
        ("max_result_bytes=64", 17, "`64` has no unit", "write `64 KB`"),
        ("max_result_bytes=64 kb", 17, "unknown unit `kb`", "did you mean `KB`?"),
        ("max_result_bytes=0 B", 17, "`0 B` is no more than nothing", "deny"),
        ("max_result_bytes=-1 KB", 17, "`-1 KB` is not an amount", "write"),
        ("max_result_bytes=0.3 B", 17, "is not a whole number of bytes", "write"),
        ("max_result_bytes=1e9 B", 17, "is not an amount", "write"),
        ("timeout=10", 8, "`10` has no unit", "write `10 s`"),
        ("timeout=10 KB", 8, "unknown unit `KB`", ""),
        ("needs=0", 6, "`0` is not a number of people from 1 to 9", "write `needs=2`"),
        ("needs=two", 6, "`two` is not a number of people", "write `needs=2`"),
        ("escalate=role:boss", 9, "does not say to which role, and after what time", "role:manager@2h"),
        ("escalate=user:bob@2h", 9, "does not say to which role", "role:manager@2h"),
        ("escalate=role:boss@soon", 19, "`soon` is not an amount", "write `2 h`"),
        ("escalate=role:boss@2 weeks", 19, "unknown unit `weeks`", ""),
        ("remember=maybe", 9, "`maybe` is neither `yes` nor `no`", "write `remember=no`"),
        ("timeout=nan s", 8, "`nan s` is not an amount", "write"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, offset: int, message: str, hint: str) -> None:
    with pytest.raises(DutyError) as caught:
        parse_duties(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("line", "where", "what"),
    [
        ("o, *, *, crm/*, call, , redact=ssn; dryrun, why", "2:37", "unknown duty `dryrun` (did you mean `dry_run`?)"),
        ("o, *, *, crm/*, call, redact=ssn, why", "2:1", "`o` needs 7 fields"),
        ("o, *, *, crm/*, list, , redact=ssn, why", "2:17", "a line for `list` can't oblige"),
        ("o, *, *, crm/*, read, , dry_run, why", "2:25", "only a `call` can be a dry run"),
        ("o, *, *, crm, call, , dry_run, why", "2:10", "not a server/tool pattern"),
        ("o, nobody, *, crm/*, call, , dry_run, why", "2:4", "not a name with its kind in front"),
        ("o, *, *, crm/*, call, amount > 3, dry_run, why", "2:23", "unknown name `amount`"),
        ("O, *, *, crm/*, call, , dry_run, why", "2:1", "did you mean `o`?"),
    ],
)
def test_an_obligation_is_read_as_strictly_as_a_rule(line: str, where: str, what: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f"{ALLOW}\n{line}", "p.csv")
    assert f"p.csv:{where}: error:" in str(caught.value)
    assert what in str(caught.value)


def test_a_policy_of_obligations_alone_allows_nothing_and_is_none() -> None:
    with pytest.raises(PolicyError, match="there is no `p` line"):
        parse("o, *, *, */*, call, , dry_run, why")


def test_every_line_that_holds_counts_for_the_user_and_for_the_agent_whatever_their_order() -> None:
    lines = [
        ALLOW,
        "o, role:support, acme, crm/*, call, , redact=ssn; timeout=10 s, a",
        "o, agent:clerk, *, */*, call, args.amount > 5, redact=iban; timeout=2 s; max_result_bytes=1 KB, b",
        "o, user:bob, *, */*, call, , dry_run, not ann",
        "o, *, umbrella, */*, call, , dry_run, not here",
        "o, *, *, bank/*, call, , dry_run, not this",
        "o, *, *, crm/*, read, , redact=@secrets, not so",
        "g, user:ann, role:support, acme",
    ]
    for policy in (parse("\n".join(lines)), parse("\n".join(reversed(lines)))):
        found = policy.decide(a_query("user:ann via agent:clerk", "crm/find", {"amount": 9})).duties
        assert found is not None
        assert set(found.redact) == {"ssn", "iban"}
        assert (found.max_result_bytes, found.seconds, found.dry_run, found.secrets) == (1024, 2.0, False, False)
        alone = policy.decide(a_query("user:ann", "crm/find", {"amount": 9})).duties
        assert alone is not None
        assert alone.redact == ("ssn",)
        assert len(alone.rules) == 1
        assert policy.decide(a_query("user:eve", "crm/find")).duties is None


def test_an_obligation_that_can_not_be_decided_holds() -> None:
    policy = parse(f"{ALLOW}\no, *, *, */*, call, args.amount > 5, dry_run, why")
    assert policy.decide(a_query(args={"amount": 3})).duties is None
    for args in ({}, {"amount": "3"}, {"amount": None}):
        duties = policy.decide(a_query(args=args)).duties
        assert duties is not None
        assert duties.dry_run


def test_an_obligation_changes_no_verdict_and_what_is_denied_has_none() -> None:
    text = "p, user:ann, *, */*, call, , allow, why\np, *, *, */send, call, , ask, why"
    bare, bound = parse(text), parse(f"{text}\no, *, *, */*, call, , dry_run, why")
    for who in ("user:ann", "user:bob"):
        for path in ("mail/send", "mail/read"):
            query = a_query(who, path)
            assert bare.decide(query).effect == bound.decide(query).effect == Oracle(bound).decide(query)
            assert (bound.decide(query).duties is None) is (who == "user:bob")


def test_stock_casbin_passes_over_the_lines(tmp_path: "object") -> None:
    import casbin

    from gateway.policy.model import MODEL

    folder = __import__("pathlib").Path(str(tmp_path))
    (folder / "model.conf").write_text(MODEL)
    (folder / "policy.csv").write_text(
        "p, user:ann, acme, crm/find, call, , allow, why\no, *, *, crm/*, call, , redact=ssn, why\n"
    )
    assert load(folder / "model.conf", folder / "policy.csv").obligations
    enforcer = casbin.Enforcer(str(folder / "model.conf"), str(folder / "policy.csv"))
    assert enforcer.get_policy() == [["user:ann", "acme", "crm/find", "call", "", "allow", "why"]]


def test_the_same_obligation_twice_is_a_warning_and_its_roles_are_looked_up() -> None:
    line = "o, role:supprt, *, crm/*, call, , redact=ssn, why"
    policy = parse(f"{ALLOW}\n{line}\n{line}\ng, user:ann, role:support, *")
    said = "\n".join(map(str, policy.warnings))
    assert "says the same as policy.csv:2" in said
    assert "nobody has `role:supprt` (did you mean `role:support`?)" in said


def test_another_obligation_is_another_policy() -> None:
    texts = [ALLOW, f"{ALLOW}\no, *, *, */*, call, , redact=a, w", f"{ALLOW}\no, *, *, */*, call, , redact=b, w"]
    assert len({parse(text).digest for text in texts}) == 3
