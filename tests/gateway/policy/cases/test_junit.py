from xml.etree import ElementTree as ET

from gateway.policy import parse
from gateway.policy.cases.junit import junit
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.running import outcomes

POLICY = parse("p, user:ann, *, shop/*, call, args.note != 'x', allow, <ann> & \"others\"\n")
CASES = [
    *parse_cases(
        "tests.csv", b"name, who, tool, expect\ngood, user:eve, shop/x, deny\nbad & <b>, user:eve, shop/x, ask\n"
    ),
    *parse_cases("more.toml", b'[[case]]\nname = "odd \\u0007"\nwho = "user:ann"\ntool = "a/b"\nexpect = "deny"\n'),
]


def test_each_file_is_a_suite_and_each_case_a_test_with_its_place() -> None:
    found = outcomes(POLICY, CASES, lambda _action, _path: None)
    text = junit(found, {"tests.csv:3": ["the <line> & why"]}, 0.25)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.attrib == {"name": "toolgate policy test", "tests": "3", "failures": "1", "time": "0.250"}
    first, second = root
    assert (first.get("name"), first.get("tests"), first.get("failures")) == ("tests.csv", "2", "1")
    good, bad = first
    assert good.attrib == {"name": "good", "classname": "tests.csv", "file": "tests.csv", "line": "2"}
    assert (bad.get("name"), list(good)) == ("bad & <b>", [])
    (failure,) = bad
    assert failure.attrib == {"message": "expected ask, got deny", "type": "deny"}
    assert failure.text == (
        "tests.csv:3: `bad & <b>` expected ask, got deny (no line allows user:eve to call shop/x)\nthe <line> & why"
    )
    assert [case.get("name") for case in second] == ["odd \\u{7}"]
