import pytest

from gateway.errors import PolicyError
from gateway.policy.cases.case import Case
from gateway.policy.cases.document import parse_document
from gateway.policy.cases.table import parse_table

CASE = '[[case]]\nname = "a"\nwho = "user:ann"\ntool = "shop/refund"\nexpect = "deny"\n'


def the_case(text: str) -> Case:
    (case,) = parse_document("tests.toml", text)
    return case


def test_a_document_says_the_same_as_a_table() -> None:
    table = (
        "name, who, tenant, tool, args, expect, line, why, with, now\n"
        'a, user:ann via agent:desk, acme, shop/refund, {"amount": 1.5, "to": ["x"]}, ask, p.csv:3, sums,'
        " trusted not_read_only calls=3, 2026-11-21T09:30\n"
    )
    document = (
        '[[case]]\nname = "a"\nwho = "user:ann"\nagent = "desk"\ntenant = "acme"\ntool = "shop/refund"\n'
        'args = { amount = 1.5, to = ["x"] }\nexpect = "ask"\nline = "p.csv:3"\nwhy = "sums"\n'
        "with = { trusted = true, read_only = false, calls = 3 }\nnow = 2026-11-21T09:30:00Z\n"
    )
    (expected,) = parse_table("tests.csv", table)
    case = the_case(document)
    assert case.query == expected.query
    assert (case.query.args, case.expected, case.about_tool) == (expected.query.args, expected.expected, True)


def test_facts_are_a_table_a_list_or_words() -> None:
    ways = ('"trusted calls=3"', '["trusted", "calls=3"]', "{ trusted = true, calls = 3 }")
    queries = [the_case(f"{CASE}with = {way}\n").query for way in ways]
    assert queries[0] == queries[1] == queries[2]
    assert queries[0].run.calls == 3


def test_arguments_may_be_json_because_toml_has_no_null() -> None:
    assert the_case(f"{CASE}args = '{{\"a\": null}}'\n").query.args == {"a": None}


def test_defaults_count_where_a_case_says_nothing_and_its_facts_stand_on_top() -> None:
    text = f'[defaults]\ntenant = "acme"\nwith = "trusted tainted"\n{CASE}with = "not_tainted calls=1"\n'
    case = the_case(text)
    assert (case.query.subject.tenant, case.query.run.calls, case.query.run.tainted) == ("acme", 1, False)
    assert case.query.tool is not None
    assert case.query.tool.trusted


def test_each_case_knows_its_line_also_behind_a_text_that_looks_like_one() -> None:
    cases = parse_document("tests.toml", f"# ours\n\n{CASE}\n{CASE}")
    assert [case.where for case in cases] == ["tests.toml:3", "tests.toml:9"]
    cases = parse_document("tests.toml", f"{CASE}args = {{ text = '''\n[[case]]\n''' }}\n{CASE}")
    assert [case.number for case in cases] == [1, 9]


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("[[case]\n", "1:7", "not TOML"),
        ("[[cases]]\n", "1:3", "the file has no `cases` (did you mean `case`?)"),
        ("[case]\n", "1:2", "`case` is a list of tables (write `[[case]]` above each case)"),
        (CASE + 'expct = "a"\n', "6:1", "a case has no `expct` (did you mean `expect`?)"),
        ('[defaults]\nname = "a"\n' + CASE, "2:1", "`defaults` has no `name`"),
        ('[[case]]\nname = "a"\n', "1:3", "`who` is missing"),
        (CASE + "tenant = 3\n", "6:1", "`tenant` must be text in quotes"),
        (CASE + "args = 3\n", "6:1", "write `args = { amount = 50 }`"),
        (CASE + 'args = "[1]"\n', "6:1", "must be a JSON object"),
        (CASE + 'with = "trustd"\n', "6:1", "unknown fact `trustd` (did you mean `trusted`?)"),
        (CASE + "with = { trusted = true, cals = 3 }\n", "6:26", "unknown fact `cals=3` (did you mean `calls=`?)"),
        (CASE + "with = 3\n", "6:1", "`with` holds facts"),
        (CASE + "args = { a = inf }\n", "6:1", "not JSON"),
        (CASE.replace("deny", "dny"), "5:1", "unknown effect `dny` (did you mean `deny`?)"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(text: str, place: str, part: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_document("tests.toml", text)
    assert str(caught.value).startswith(f"tests.toml:{place}: error: "), str(caught.value)
    assert part in str(caught.value)


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_document("tests.toml", CASE.replace("deny", "dny") + CASE.replace("user:ann", "ann"))
    assert [problem.line for problem in caught.value.problems] == [5, 8]
