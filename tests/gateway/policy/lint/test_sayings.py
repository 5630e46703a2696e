import pytest

from gateway.policy.compiler import compile_condition
from gateway.policy.lint.sayings import Saying, sayings


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("subject.user == 'a'", [Saying("subject.user", "subject.user", "a")]),
        ("'a' == subject.user", [Saying("subject.user", "subject.user", "a")]),
        ("tool.name in ['a', 'b']", [Saying("tool.name", "tool.name", "a"), Saying("tool.name", "tool.name", "b")]),
        ("not 'a' in subject.roles", [Saying("subject.roles", "subject.roles", "a")]),
        ("lower(args.ü) == 'a'", [Saying("lower", "lower(args.ü)", "a")]),
        ("now.date < 'a'", [Saying("now.date", "now.date", "a", ranked=True)]),
        ("matches(tool.name, 'a*')", [Saying("tool.name", "tool.name", "a*", glob=True)]),
        ("tool.name in 'abc' or args.a == 'x' or now.hour == 5", []),
    ],
)
def test_each_text_is_said_of_something(text: str, found: list[Saying]) -> None:
    assert list(sayings(compile_condition(text))) == found
