"""The ways in which stock Casbin turns a mistake into "allowed", each as a case: none of them ends so here.

Each row quotes the trap (facts that were measured on casbin 1.43 and pycasbin 2.8), then shows a policy in which the
mistake matters: everything is allowed to everybody, but for the line that the trap is about. `refused` means that the
files are no policy, so that the last good one stays in force (tests of `live` show that).
"""

import logging
import tracemalloc
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import Subject
from gateway.errors import PolicyError
from gateway.policy import Policy, Query, RunFacts, parse
from gateway.policy.files import Source
from gateway.policy.load import build
from gateway.policy.model import MODEL
from tests.fixtures.policies import NOON, a_query

ALL = "p, *, *, */*, call, , allow, all\n"
DENY_ALL = "p, *, *, */*, call, , deny, no\n"


def denying(when: str) -> str:
    """All is allowed, but for this."""
    return f"{ALL}p, *, *, */*, call, {when}, deny, no"


def chain(length: int) -> str:
    """user:ann has the last role by way of all others."""
    return "g, user:ann, role:r0, *\n" + "".join(f"g, role:r{n}, role:r{n + 1}, *\n" for n in range(length))


def outcome(text: str | bytes, query: Query | None = None, *, model: str = MODEL) -> str:
    """The effect for `user:ann` calling `shop/refund`, or for the query; `refused` if the files are no policy."""
    content = text.encode() if isinstance(text, str) else text
    try:
        policy = build(Source("model.conf", model.encode()), sources=[Source("policy.csv", content)])
    except PolicyError:
        return "refused"
    return policy.decide(query or a_query()).effect


# ---- what is written

MISTAKES = [
    ("effect `Deny`: rule ignored => allowed", ALL + "p, *, *, */*, call, , Deny, no"),
    ("effect `DENY`: rule ignored => allowed", ALL + "p, *, *, */*, call, , DENY, no"),
    ("effect `require_approval`: rule ignored => allowed", ALL + "p, *, *, */*, call, , require_approval, no"),
    ("`deny # comment`: rule ignored => allowed", ALL + "p, *, *, */*, call, , deny # comment, no"),
    ("line type `P`: line dropped => allowed", ALL + "P, *, *, */*, call, , deny, no"),
    ("line type `p2` (not in model): line dropped => allowed", ALL + "p2, *, *, */*, call, , deny, no"),
    ("any unknown first letter: line dropped => allowed", ALL + "q, *, *, */*, call, , deny, no"),
    ("`g` with a field missing: role granted in every tenant", ALL + DENY_ALL + "g, user:ann, role:a"),
    ("`g` with extra fields: an `until` date is dropped", ALL + "g, user:ann, role:a, acme, 2027-01-01"),
    ("role cycle: never matches", ALL + DENY_ALL + "g, role:a, role:b, *\ng, role:b, role:a, *"),
    ("role that has itself: never matches", ALL + "g, role:a, role:a, *"),
    ("empty policy file + deny-override effect: everything allowed", ""),
    ("a policy of comments alone: everything allowed", "# p, *, *, */*, call, , deny, no\n"),
    ("a policy of grants alone: everything allowed", "g, user:ann, role:a, *\n"),
    ("truncated policy file: the rest is gone", (ALL + DENY_ALL)[:-9]),
    ("missing column: an error for every request that reaches it", ALL + "p, *, *, */*, call, deny, no"),
    ("extra column: an error for every request that reaches it", ALL + "p, *, *, */*, call, , deny, no, 1"),
    ("a priority in front, misnamed `prio`: file order decides", "p, 1, *, *, */*, call, , allow, y\n" + DENY_ALL),
    ("condition syntax error: an exception at the request", denying("args.a >")),
    ("condition with an unknown name: an exception at the request", denying("amount > 1")),
    ("condition returns a string", denying("'text'")),
    ("condition returns a number", denying("5")),
    ("condition returns an object", denying("{}")),
    ("unbalanced `)`: IndexError without a line", denying("args.a)")),
    ("unbalanced `(`: swallows the rest of the line", denying("(args.a")),
    ("an open quote swallows the lines behind it", ALL + 'p, *, *, */*, call, "args.a, deny, no\n' + DENY_ALL),
    ("line starting with `[`: silently dropped", ALL + "[p, *, *, */*, call, , deny, no"),
    ("semicolons for commas: line dropped", ALL + "p; *; *; */*; call; ; deny; no"),
    ("homoglyphs: a name that only looks like the other", ALL + "p, *, *, sh\u043ep/*, call, , deny, no"),
    ("an invisible character in a name", ALL + "p, user:ann\u200b, *, */*, call, , deny, no"),
    ("a CR alone ends a line: what stands behind it is a part of a comment", ALL + "# finance\r" + DENY_ALL),
    ("a file whose lines all end in a CR alone", (ALL + DENY_ALL).replace("\n", "\r")),
    ("the same, with a comment first", ("# all\n" + ALL + DENY_ALL).replace("\n", "\r")),
    ("a form feed in a comment", ALL + "# finance\f" + DENY_ALL),
    ("a line separator in a comment", ALL + "# finance\u2028" + DENY_ALL),
    ("a next line in a comment", ALL + "# finance\x85" + DENY_ALL),
    ("text of a comment that is shown backwards", ALL + "# \u202e" + DENY_ALL),
    ("braces in a pattern are expanded by wcmatch", ALL + "p, *, *, {shop,bank}/*, call, , deny, no"),
    ("[...] in a pattern is a class for globMatch", ALL + "p, *, *, sho[p]/*, call, , deny, no"),
    ("a pattern of one part", ALL + "p, *, *, shop, call, , deny, no"),
    ("a role given without its kind: `admin` the user is `admin` the role", ALL + "g, ann, admin, acme"),
    ("a user as a role", ALL + "g, user:eve, user:ann, acme"),
    # eval(): the text of a condition is code there
    ("`r.args.pop('amount')` mutated the arguments", denying("args.pop('amount')")),
    ("`r.args.clear()` mutated the arguments", ALL + "p, *, *, */*, call, args.clear(), allow, y"),
    ("regexMatch on hostile input: 1.2 s at 25 characters", denying("regexMatch(args.s, '(a+)+$')")),
    ("`999999**99999` accepted", denying("args.a < 999999**99999")),
    ("code", "p, *, *, */*, call, __import__('os').system('true') == 0, allow, y"),
    ("an attribute of an object", "p, *, *, */*, call, ().__class__ != null, allow, y"),
    ("a comprehension", "p, *, *, */*, call, [x for x in args.a] == [], allow, y"),
    ("an assignment", "p, *, *, */*, call, (a := true), allow, y"),
    ("a number without end", "p, *, *, */*, call, args.a < 1e999, allow, y"),
]


@pytest.mark.parametrize(("trap", "text"), MISTAKES, ids=[trap for trap, _ in MISTAKES])
def test_a_mistake_that_casbin_passes_over_is_no_policy_and_says_nothing_on_stdout(
    trap: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(text) == "refused"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")  # "`print()` to stdout corrupts an MCP stdio server"


COUNTS = [
    ("UTF-8 BOM (Excel): first line dropped (a deny) => allowed", b"\xef\xbb\xbf" + (DENY_ALL + ALL).encode(), {}),
    ("CRLF: the last cell of each line has a carriage return", (ALL + DENY_ALL).replace("\n", "\r\n"), {}),
    ("a chain of roles > 10 is cut: never matches", ALL + "p, role:r30, *, */*, call, , deny, no\n" + chain(30), {}),
    ("a comma in a string of a condition: wrong column count", denying("args.a == 'x, y'"), {"a": "x, y"}),
    (
        "a CSV-quoted condition: matcher result should be bool",
        ALL + "p, *, *, */*, call, \"args.a in ['x', 'y']\", deny, no",
        {"a": "y"},
    ),
    ("a CSV-quoted cell with doubled quotes", denying('"args.a == ""x"""'), {"a": "x"}),
    (
        "`'r.jina.ai'` is rewritten to `r_jina.ai` => never matches",
        denying("args.a == 'r.jina.ai'"),
        {"a": "r.jina.ai"},
    ),
    ("`'p.eft'` in a literal is rewritten", denying("args.a == 'p.eft'"), {"a": "p.eft"}),
    ("`'hi!'` is rewritten to `'hinot '`", denying("args.a == 'hi!'"), {"a": "hi!"}),
    ("`'a&&b'` is rewritten to `'aandb'`", denying("args.a == 'a&&b'"), {"a": "a&&b"}),
    ("`#` cuts the rest off", ALL + "p, *, *, */*, call, args.a == 'x' or args.a == '#1', deny, no # 1", {"a": "#1"}),
    ("a deny on `files/*` misses names that start with a dot", ALL + "p, *, *, shop/*, call, , deny, no", ".hidden"),
    ("wcmatch never matches `*/x` patterns", ALL + "p, *, *, */refund, call, , deny, no", "refund"),
    ("a line break in a name ends the match", ALL + "p, *, *, shop/*, call, , deny, no", "re\nfund"),
    ("a slash in a name ends a `*`", ALL + "p, *, *, shop/*, call, , deny, no", "a/b/c"),
    ("a deny behind the allow, in the order of lines", ALL + DENY_ALL, {}),
    ("a deny before the allow, in the order of lines", DENY_ALL + ALL, {}),
]


@pytest.mark.parametrize(("trap", "text", "asked"), COUNTS, ids=[trap for trap, *_ in COUNTS])
def test_a_denying_line_that_casbin_loses_counts(trap: str, text: str | bytes, asked: dict[str, Any] | str) -> None:
    query = a_query(args=asked) if isinstance(asked, dict) else a_query(path=f"shop/{asked}")
    assert outcome(text, query) == "deny"
    assert outcome(ALL, query) == "allow"  # it is that line that denies


# ---- conditions are read by Python's parser, and are not Python

LEAKS = [
    ("`#` cuts the rest off", "args.a < 100 # and args.b == 'EUR'", 14, "comments stand on lines of their own"),
    ("a forgotten comma joins two texts", "args.a in ['DE001' 'DE002', 'DE003']", 20, "is a comma missing?"),
    ("a quote written twice joins two texts", "args.a == 'it''s'", 15, "the other kind of quotes"),
    ("three quotes", "args.a == '''x'''", 13, "the other kind of quotes"),
    ("a text in brackets is no list: a part of it is enough", "args.a in ('EUR')", 11, "write `['EUR']`"),
    ("the same in two brackets", "args.a not in (('EUR'))", 15, "write `['EUR']`"),
    ("a blank that is none", "args.a == 'a\u00a0b'", 13, "write a plain blank"),
    ("a tab in a text", "args.a == 'a\tb'", 13, "write a plain blank"),
    ("bytes", "args.a == b'x'", 11, "leave out the `b`"),
    ("a raw string", "args.a == R'x'", 11, "leave out the `R`"),
    ("a string with a u", "args.a == u'x'", 11, "leave out the `u`"),
    ("a formatted string", "args.a == f'{args.b}'", 11, "leave out the `f`"),
    ("a line that goes on", "args.a == \\ 1", 11, "take it out"),
    ("an underscore in a number", "args.a < 1_000", 10, "write `1000`"),
    ("a hexadecimal number", "args.a < 0x10", 10, "write `16`"),
    ("an octal number", "args.a < 0o10", 10, "write `8`"),
    ("a binary number", "args.a < 0b10", 10, "write `2`"),
    ("a complex number", "args.a == 1j", 11, "write `12`"),
    ("a point without digits behind it", "args.a < 5.", 10, "write `12`"),
    ("a point without digits before it", "args.a < .5", 10, "`0.5`"),
    ("a number that runs into a word", "args.a == 1or args.b", 11, "write `12`"),
    ("an address without quotes", "args.a == 10.0.0.1", 11, "stand in quotes"),
    ("a number that Python rounds", "args.a == 9007199254740993.0", 11, "write fewer digits"),
    ("a number that Python takes for nothing", "args.a > 1e-400", 10, "write fewer digits"),
    ("a number without end", "args.a < 1e999", 10, "at most"),
    ("a number that is too long", "args.a < 1" + "0" * 50, 10, "write fewer digits"),
    ("two minuses", "args.a == - -1", 11, "write `-1`"),
    ("an ellipsis", "args.a == ...", 11, "write a text in quotes"),
    ("a walrus", "(a := 1) == 1", 2, "to compare write `==`"),
    ("a star in a list", "args.a in [*args.b]", 12, "write a text in quotes"),
    ("a star in a call", "matches(args.a, *args.b)", 17, "write matches("),
    ("two stars in a call", "matches(args.a, **args.b)", 1, "write matches("),
    ("`is`", "args.a is null", 1, "write `==`"),
    ("`is not`", "args.a is not null", 1, "write `!=`"),
    ("a chain whose ends are not compared", "args.a != args.b != args.c", 1, "join the comparisons with `and`"),
    ("a chain that asks two things", "args.a in args.b == true", 1, "join the comparisons with `and`"),
    ("a chain that turns round", "args.a < args.b > args.c", 1, "join the comparisons with `and`"),
    ("a root in wide letters", "\uff41\uff52\uff47\uff53.a == 1", 1, "write `args`"),
    ("an argument in wide letters", "args.\uff41 == 1", 6, 'write `args["\uff41"]`'),
    ("a ligature", "args.b.o\ufb03ce == 1", 8, 'write `args.b["o\ufb03ce"]`'),
    ("a word of Python's", "args.from == 1", 6, 'write `args["from"]`'),
    ("a word of Python's, further down", "args['x'].a[0].class == 1", 16, "write `args['x'].a[0][\"class\"]`"),
    ("a name that begins with a digit", "args.2fa == 1", 5, 'write `args["2fa"]`'),
    ("two lines in one", "args.a; args.b", 7, "join conditions with `and`"),
]


@pytest.mark.parametrize(("trap", "when", "column", "hint"), LEAKS, ids=[trap for trap, *_ in LEAKS])
def test_what_python_reads_otherwise_than_it_looks_is_an_error_at_its_place(
    trap: str, when: str, column: int, hint: str
) -> None:
    before = "p, *, *, */*, call, "
    cell = when.replace('"', '""')
    with pytest.raises(PolicyError) as caught:
        parse(f'{ALL}{before}"{cell}", deny, no')
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.level) == (2, len(before) + 1 + column, "error")
    assert hint in problem.hint


MEANINGS = [
    ("a `#` in quotes is a letter", "args.a == '#1'", "#1", "1"),
    ("the other quotes", 'args.a == "it\'s"', "it's", "its"),
    ("a list of one in round brackets", "args.a in ('EUR',)", "EUR", "E"),
    ("`in` a text asks for a part of it", "args.a in 'EUR'", "E", "X"),
    ("`not in` a text", "args.a not in 'EUR'", "X", "E"),
    ("an exponent", "args.a == 1e3", 1000, 1001),
    ("an index from the end", "args.a[-1] == 2", [1, 2], [2, 1]),
    ("a chain one way", "0 < args.a <= 9", 9, 10),
    ("`not` takes in the whole comparison", "not args.a == 1", 2, 1),
    ("`and` before `or`", "args.a == 1 or args.a == 2 and args.a == 3", 1, 2),
    ("other words for null", "args.a == None", None, 1),
    ("other words for true", "args.a == True", True, False),
    ("letters within quotes stay as they are", "args.a == '\uff41'", "\uff41", "a"),
]


@pytest.mark.parametrize(("trap", "when", "yes", "no"), MEANINGS, ids=[trap for trap, *_ in MEANINGS])
def test_what_is_left_of_python_has_one_meaning(trap: str, when: str, yes: object, no: object) -> None:
    cell = when.replace('"', '""')
    assert outcome(denying(f'"{cell}"'), a_query(args={"a": yes})) == "deny"
    assert outcome(denying(f'"{cell}"'), a_query(args={"a": no})) == "allow"


# ---- patterns: what stock matchers let through

WIDE = [
    (
        "keyMatch ignores all behind the first star: `github/*_read` matches `github/delete_repo`",
        "github/*_read",
        "github/delete_repo",
    ),
    ("keyMatch: `*/list` matches everything", "*/list", "github/delete_repo"),
    ("keyMatch2..5 do not escape `.`", "shop/a.b", "shop/axb"),
    ("keyMatch2..5 match a trailing newline", "shop/refund", "shop/refund\n"),
    ("keyMatch5 drops everything after `?`", "shop/a?c", "shop/a"),
    ("keyMatch2: `:id` stands for anything", "shop/:id", "shop/refund"),
    ("regexMatch is a prefix match: `github` matches `github-evil/x`", "github/x", "github-evil/x"),
    ("regexMatch is a prefix match of the name, too", "github/x", "github/xyz"),
    ('1.43: globMatch("files/xyz", "files/*q") is true', "files/*q", "files/xyz"),
    ('1.43: globMatch("abc", "a*b") is true', "s/a*b", "s/abc"),
    ("2.8: globMatch matches a trailing newline", "files/*q", "files/aq\n"),
    ("2.8: globMatch follows the platform's case rules", "Files/Read", "files/read"),
    ("2.8: `**` is a mystery", "a/**/b", "a/b"),
    ("an empty pattern matches everything", "shop/x", "shop/"),
    ("a server's pattern reaches beyond the slash", "a*/x", "a/b/x"),
]


@pytest.mark.parametrize(("trap", "pattern", "path"), WIDE, ids=[trap for trap, *_ in WIDE])
def test_a_pattern_grants_nothing_that_it_does_not_say(trap: str, pattern: str, path: str) -> None:
    assert outcome(f"p, *, *, {pattern}, call, , allow, y", a_query(path=path)) == "deny"


# ---- names

NAMES = [
    ("user `role:analyst` has the role's rights", Subject("role:analyst", "acme")),
    ("a token whose sub is a role's name", Subject("user:role:analyst", "acme")),
    ("a user called as the role is, without its kind", Subject("analyst", "acme")),
    ("a prefix of a role's name", Subject("user:ann:analyst", "acme")),
    ("a name in other letters", Subject("user:Ann", "acme")),
    ("a name with a line break", Subject("user:ann\n", "acme")),
    ("the star as a user", Subject("*", "acme")),
    ("a user of all kinds", Subject("user:*", "acme")),
    ("the star as a tenant: its roles count everywhere", Subject("user:ann", "*")),
    ("no tenant at all", Subject("user:ann", "")),
    ("a role of another tenant", Subject("user:ann", "umbrella")),
    ("a role as an agent", Subject("user:ann", "acme", "role:analyst")),
    ("an agent without a line of its own", Subject("user:ann", "acme", "agent:unheard-of")),
    ("no name for the agent", Subject("user:ann", "acme", "")),
]


@pytest.mark.parametrize(("trap", "subject"), NAMES, ids=[trap for trap, _ in NAMES])
def test_nobody_has_rights_by_being_called_like_somebody_else(trap: str, subject: Subject) -> None:
    text = "p, role:analyst, *, */*, call, , allow, y\np, user:analyst, *, */*, read, , allow, y\n"
    text += "g, user:ann, role:analyst, acme"
    assert outcome(text, replace(a_query(), subject=subject)) == "deny"
    assert outcome(text) == "allow"  # user:ann in acme


# ---- values: type confusion

MISSING = object()
VALUES = ["50000", None, MISSING, [50000], {"amount": 50000}, True, False, float("nan"), "", "NaN", [], {}, ["50000"]]


@pytest.mark.parametrize("value", VALUES, ids=["missing" if value is MISSING else repr(value) for value in VALUES])
def test_a_value_of_another_kind_never_gets_round_a_limit(value: object) -> None:
    """In Casbin "NaN and `true` are allowed"; Cedar skips a forbid that errs; in agentgateway a denial fails."""
    query = a_query(args={} if value is MISSING else {"amount": value})
    assert outcome(denying("args.amount > 10000"), query) == "deny"
    assert outcome(denying("not (args.amount <= 10000)"), query) == "deny"
    assert outcome(ALL + "p, *, *, */*, call, args.amount > 10000, ask, no", query) == "ask"
    assert outcome("p, *, *, */*, call, args.amount <= 10000, allow, y", query) == "deny"
    assert outcome("p, *, *, */*, call, not (args.amount > 10000), allow, y", query) == "deny"


# (what it is about, the condition, a value): some program reads each of them as another place than it says
DISGUISED = [
    ("a path: `..` encoded twice", "under(args.a, 'notes')", "notes/%252e%252e/x"),
    ("a path: `..` in too many bytes", "under(args.a, 'notes')", "notes/%c0%ae%c0%ae/x"),
    ("a path: `..` in full width", "under(args.a, 'notes')", "notes/\uff0e\uff0e/x"),
    ("a path: `..` with a blank behind it", "under(args.a, 'notes')", "notes/.. /x"),
    ("a path: `..` with a parameter", "under(args.a, 'notes')", "notes/..;/x"),
    ("an address: a way in the name, with `%`", "in_domain(args.a, 'acme.com')", "eve%evil.com@acme.com"),
    ("an address: a way in the name, with `!`", "in_domain(args.a, 'acme.com')", "evil.com!x@acme.com"),
    ("a host with two dots behind it", "host(args.a) == 'evil.com.'", "http://evil.com../"),
    ("a host as a number", "host(args.a) == '2130706433'", "http://2130706433/"),
]


@pytest.mark.parametrize(("trap", "when", "value"), DISGUISED, ids=[trap for trap, *_ in DISGUISED])
def test_what_may_mean_another_place_than_it_says_is_granted_nothing_and_restricted(
    trap: str, when: str, value: str
) -> None:
    query = a_query(args={"a": value})
    for condition in (when, f"not ({when})", f"not {when}", when.replace("==", "!=")):
        cell = f'"{condition}"'
        assert outcome(f"p, *, *, */*, call, {cell}, allow, y", query) == "deny"
        assert outcome(denying(cell), query) == "deny"


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "copy", "pop", "__class__", "__len__"])
def test_names_of_methods_are_names_of_arguments(name: str) -> None:
    """In Casbin, "`r.args.items/keys/values/get/copy` name dict methods, not arguments"."""
    assert outcome(f"p, *, *, */*, call, args.{name} != null, allow, y") == "deny"
    assert outcome(f"p, *, *, */*, call, args.{name} == 'x', allow, y", a_query(args={name: "x"})) == "allow"
    assert outcome(ALL + f"p, *, *, */*, call, args.{name} == 'x', deny, no", a_query(args={name: "x"})) == "deny"


def test_arguments_are_not_touched_and_not_evaluated() -> None:
    args = {"amount": 5, "list": [1, {"a": [2]}], "code": "__import__('os').abort()"}
    before = deepcopy(args)
    text = ALL + "p, *, *, */*, call, \"args.list[1].a[0] == 2 and args.code == 'x' and len(args.list) > 5\", deny, no"
    assert outcome(text, a_query(args=args)) == "allow"
    assert args == before


# ---- the model

_MATCHER = MODEL.partition("[matchers]\nm = ")[2].strip()
MODELS = [
    ("effect column named `effect`: every row counts as allow", MODEL.replace("when, eft, why", "when, effect, why")),
    ("`g = _, _`: tenant dropped, role granted in every tenant", MODEL.replace("g = _, _, _", "g = _, _")),
    ("`[Matchers]` capitalised", MODEL.replace("[matchers]", "[Matchers]")),
    ("`#` in a matcher leaves a wider one", MODEL.replace(' && (p.sub == "*"', ' # && (p.sub == "*"')),
    ("second `m =`: last wins", MODEL + "m = true\n"),
    ("misnamed `prio` column: file order decides", MODEL.replace("p = sub", "p = prio, sub")),
    (
        "`e2`: ignored, `e` is used",
        MODEL.replace("\n\n[matchers]", "\ne2 = !some(where (p.eft == deny))\n\n[matchers]"),
    ),
    (
        "conditional `g2`: every normal `g` becomes name equality",
        MODEL.replace("g = _, _, _", "g = _, _, _\ng2 = _, _, (_, _)"),
    ),
    (
        "a deny-override effect alone: what no line allows is allowed",
        MODEL.replace("some(where (p.eft == allow)) && ", ""),
    ),
    ("an allow-override effect: denials are ignored", MODEL.replace(" && !some(where (p.eft == deny))", "")),
    ("`eval()` of the condition", MODEL.replace("when(p.when, r.ctx, p.eft)", "eval(p.when)")),
    ("keyMatch in the matcher", MODEL.replace("tool(r.obj, p.obj)", "keyMatch(r.obj, p.obj)")),
    ("`true` for a matcher", MODEL.replace(_MATCHER, "true")),
    ("no matcher", MODEL.partition("[matchers]")[0]),
    ("an empty model", ""),
]


@pytest.mark.parametrize(("trap", "model"), MODELS, ids=[trap for trap, _ in MODELS])
def test_a_model_with_a_hole_is_refused(trap: str, model: str) -> None:
    assert model != MODEL
    assert outcome(DENY_ALL, model=model) != "allow"
    assert outcome(ALL + DENY_ALL, model=model) != "allow"
    assert outcome("p, user:bob, *, */*, call, , allow, y\n", model=model) != "allow"  # not ann


@pytest.mark.parametrize("matcher", ["regexMatch(r.obj, p.obj)", "eval(p.when)", "keyMatch(r.obj, p.obj)"])
def test_an_empty_policy_allows_nothing_whatever_the_matcher(matcher: str) -> None:
    """In Casbin, "empty policy + `regexMatch`: everything allowed"; "`eval()`: RuntimeError for every request"."""
    model = MODEL.replace(_MATCHER, matcher)
    assert model != MODEL
    assert outcome("", model=model) != "allow"


# ---- what is left of 1.2


def test_there_is_no_switch_that_turns_the_policy_off() -> None:
    """In Casbin, "`enable_enforce(False)`: everything allowed"; "FastEnforcer's filter is shared between threads"."""
    policy = parse(ALL + DENY_ALL)
    assert not [name for name in dir(Policy) if "enable" in name or "add_" in name or "filter" in name]
    with pytest.raises(AttributeError):
        policy.enforce = True  # type: ignore[attr-defined]


def test_an_ignored_row_is_never_the_reason() -> None:
    """In Casbin, "2.8 even reports that ignored row as the reason"; "1.43 `enforce_ex` returns [] for every allow"."""
    policy = parse("p, *, *, */*, read, , deny, other\n" + denying("args.a == 'x'"))
    assert policy.decide(a_query(args={"a": "y"})).rule == "policy.csv:2"
    assert policy.decide(a_query(args={"a": "x"})).rule == "policy.csv:3"
    assert policy.decide(a_query(action="get")).rule is None


@pytest.mark.parametrize("column", ["who", "member"])
def test_a_role_that_is_written_wrongly_is_not_silent(column: str) -> None:
    """In Casbin, "role name typo: silent". It may be a role that nobody has yet, so it is told, and not refused."""
    roles = ("role:blocked", "role:bloked") if column == "who" else ("role:bloked", "role:blocked")
    policy = parse(ALL + f"p, {roles[0]}, *, */*, call, , deny, no\ng, user:ann, {roles[1]}, *")
    told = [str(warning) for warning in policy.warnings]
    assert any(f"nobody has `{roles[0]}`" in line and f"did you mean `{roles[1]}`?" in line for line in told)
    assert all(line.startswith("policy.csv:") for line in told)
    assert outcome(f"p, {roles[0]}, *, */*, call, , allow, y\ng, user:ann, {roles[1]}, *") == "deny"


def test_a_request_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """In Casbin, "INFO/WARNING log of every request with full arguments"."""
    caplog.set_level(logging.DEBUG)
    outcome(ALL + DENY_ALL, a_query(args={"password": "hunter2"}))
    assert not caplog.records


def test_unknown_names_do_not_fill_the_memory() -> None:
    """In Casbin, "role managers cache every unknown subject and tenant: 17 MB for 20,000 names"."""
    policy = parse(ALL + "p, role:a, *, */*, call, args.amount > 5, deny, no\ng, user:ann, role:a, *")
    tool = a_query().tool

    def ask(first: int) -> None:
        for number in range(first, first + 10_000):  # more than is ever remembered
            subject = Subject(f"user:unknown{number}", f"tenant{number}")
            policy.decide(Query(subject, "call", f"shop/t{number}", {}, tool, RunFacts(), NOON))

    ask(0)
    tracemalloc.start()
    try:
        ask(10_000)
        once, _ = tracemalloc.get_traced_memory()
        ask(20_000)
        twice, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert once < 8_000_000
    assert twice - once < 200_000
    assert policy.decide(a_query(args={"amount": 5})).effect == "allow"
