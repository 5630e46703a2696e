import pytest

from tests.gateway.policy.lint.offered import offered, told

TOOL = offered(
    "shop/refund",
    {
        "amount": {"type": "string"},
        "count": {"type": "integer"},
        "currency": {"enum": ["EUR", "USD"]},
        "flag": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": "number"}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
        "maybe": {"type": ["string", "null"]},
    },
)


def on(when: str, effect: str = "deny") -> list[str]:
    return told(
        f"p, user:ann, *, shop/refund, call, {when}, {effect}, y\np, *, *, s*/*, read, tool.trusted, allow, y", TOOL
    )


@pytest.mark.parametrize(
    ("when", "column", "part"),
    [
        ("args.amount > 100", 36, "`args.amount` is a string in shop/refund, and it is compared with `100`"),
        ("0 < args.amount <= 100", 40, "numbers in strings can't be compared; write `args.amount in ['...']`"),
        ("has(args.count) and args.count == '5'", 40, "write the number without quotes"),
        ("args.count", 36, "it is used as a yes or no"),
        ("args.flag == 'true'", 36, "`args.flag` is true or false in shop/refund"),
        ("matches(args.count, '1*')", 44, "`matches` needs a string"),
        ("args.tags == 'x'", 36, "for its elements write `any_match(args.tags, ...)`"),
        ("all_match(args.sizes, 'x*')", 46, "`args.sizes` is a list of numbers in shop/refund"),
        ("3 in args.tags", 41, "is a list of strings in shop/refund"),
        ("args.lines[0].price == 'x'", 36, "`args.lines[0].price` is a number"),
        ("args.count in ['1', '2']", 36, "it is compared with `['1', '2']`"),
        ("len(args.count) > 3", 40, "`len` needs"),
        ("args.count == subject.user", 36, "compared with `subject.user`"),
        ("args.amount == args.count", 36, "`args.amount` is a string, and `args.count` is a number: that can't"),
        ("args.count in args.amount", 36, "`args.count` is a number, and `args.amount` is a string: that can't"),
        ("args.count in args.tags", 36, "and `args.tags` is a list of strings"),
    ],
)
def test_an_argument_of_another_kind_is_told_with_what_follows(when: str, column: int, part: str) -> None:
    quoted = f'"{when}"'
    (found,) = on(quoted)
    assert found.startswith(f"policy.csv:1:{column + 1} wrong-type: ")
    assert part in found
    assert "so this line always denies" in found
    assert "so this line never allows it" in on(quoted, "allow")[0]


@pytest.mark.parametrize(
    "when",
    [
        "args.count > 100",
        "args.either > 5",
        "args.maybe == null",
        "args.maybe == 'x'",
        "args.currency == 'EUR'",
        "args.flag",
        "'x' in args.tags",
        "any_match(args.tags, 'x')",
        "3 in args.sizes",
        "len(args.tags) > 2",
        "in_domain(args.tags, 'acme.com')",
        "args.lines[0].price < 3",
        "args.amount in ['1', '2']",
        "args.amount == args.maybe or args.either == args.count",
        "args.amount in args.tags or args.count in args.sizes",
        "args.amount in args.maybe",
        "not args.flag",
    ],
)
def test_what_can_be_decided_is_not_reported(when: str) -> None:
    assert on(f'"{when}"') == []


def test_a_value_that_the_schema_does_not_list_is_told() -> None:
    (found,) = on("\"args.currency in ['EUR', 'USDD']\"")
    assert found.startswith("policy.csv:1:62 unknown-value: `args.currency` can never be `USDD`")
    assert "did you mean `USD`?" in found


def test_an_allow_line_over_several_tools_need_not_fit_to_all_of_them() -> None:
    other = offered("shop/pay", {"amount": {"type": "number"}})
    line = "p, user:ann, *, shop/*, call, {}, {}, y\np, *, *, s*/*, read, tool.trusted, allow, y"
    assert told(line.format("0 <= args.amount <= 5", "allow"), TOOL, other) == []
    (found,) = told(line.format("args.amount > 5", "deny"), TOOL, other)
    assert "`args.amount` is a string in shop/refund" in found


def test_duties_whose_condition_can_not_be_decided_always_hold() -> None:
    tool = offered("shop/refund", {"amount": {"type": "string"}})
    found = told(
        "p, user:ann, *, */*, call, has(args.amount), allow, y\no, *, *, shop/*, call, args.amount > 5, dry_run, y\n",
        tool,
    )
    assert any("2:24 wrong-type" in one and "so its duties always hold" in one for one in found)
