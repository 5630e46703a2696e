"""A formatted file means what it meant: the same rules, on the same lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PolicyError
from gateway.policy import formatting
from gateway.policy.files import Source
from gateway.policy.formatting import WIDEST, formatted
from gateway.policy.rows import parse_lines
from tests.fixtures.policies import policy_lines

STARTER = Path(__file__).parents[3] / "policies" / "policy.csv"


def fmt(text: str) -> str:
    return formatted(Source("policy.csv", text.encode())).decode()


def test_columns_are_aligned_and_comments_and_blank_lines_stay() -> None:
    text = (
        "# who may what  \n"
        "\n"
        "p,user:ann,*,shop/refund,call,args.amount<=10,allow,small ones\n"
        "   # a comment of its own\n"
        "\t \n"
        "p , role:x ,acme, */* , call , ,deny ,\n"
        "g,user:bob,role:x,acme\n"
        "g, user:barbara,role:x,*"
    )
    assert fmt(text) == (
        "# who may what\n"
        "\n"
        "p, user:ann, *,    shop/refund, call, args.amount<=10, allow, small ones\n"
        "   # a comment of its own\n"
        "\n"
        "p, role:x,   acme, */*,         call, ,                deny,\n"
        "g, user:bob,     role:x, acme\n"
        "g, user:barbara, role:x, *\n"
    )


def test_a_long_cell_runs_over_and_moves_no_other() -> None:
    long = " and ".join(["args.amount < 10"] * 5)
    assert len(long) > WIDEST
    first, second = fmt(f"p, *, *, a/b, call, {long}, deny, x\np, *, *, a/b, call, args.b, ask, y\n").splitlines()
    assert first == f"p, *, *, a/b, call, {long}, deny, x"
    assert second == "p, *, *, a/b, call, args.b, ask,  y"


@pytest.mark.parametrize(
    ("cell", "made"),
    [
        ("\"args.b\"", "args.b"),  # some readers would take the quotes for a part of it
        ("\"args.a in ['x', 'y']\"", "\"args.a in ['x', 'y']\""),  # others would end the cell at the comma
        ("args.a in ['x', 'y']", "args.a in ['x', 'y']"),
        ("\"args.a == \"\"x\"\"\"", "\"args.a == \"\"x\"\"\""),
        ("args.a == \"x\"", "args.a == \"x\""),
        ('""', ""),
    ],
)  # fmt: skip
def test_quotes_stay_where_they_are_needed(cell: str, made: str) -> None:
    assert fmt(f"p, *, *, a/b, call, {cell}, deny, x") == f"p, *, *, a/b, call, {made}, deny, x\n"


def test_a_spreadsheets_file_keeps_its_mark_and_its_line_ends() -> None:
    content = b'\xef\xbb\xbf"p","*","*","a/b","call","","deny","no, never"\r\n# x \r\n"g","user:ann","role:r","*"\r\n'
    assert formatted(Source("policy.csv", content)) == (
        b'\xef\xbb\xbfp, *, *, a/b, call, , deny, "no, never"\r\n# x\r\ng, user:ann, role:r, *\r\n'
    )
    assert formatted(Source("policy.csv", content.rstrip())).endswith(b", *\r\n")


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "\n\n# x\n\n\n"])
def test_what_holds_no_line_is_left_as_it_is(text: str) -> None:
    assert fmt(text) == text


@pytest.mark.parametrize(
    "text", ["p, *, *, a/b, call, , Deny, x\n", "P, x\n", 'p, "*\n', "p, *, *, a/b, call, (, deny, x"]
)
def test_a_file_with_an_error_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        fmt(text)


def test_what_would_mean_something_else_is_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = "p, *, *, a/b, call, , deny, x\n"
    monkeypatch.setattr(formatting, "_aligned", lambda text, _: text.replace(lost, "\n"))
    with pytest.raises(PolicyError, match="can't be aligned without changing what it means"):
        fmt(f"p, *, *, */*, call, , allow, y\n{lost}")


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(PolicyError, match="not UTF-8"):
        formatted(Source("policy.csv", b"\xff"))


def test_the_shipped_policy_means_the_same_when_it_is_aligned() -> None:
    text = STARTER.read_text()
    before, after = parse_lines("p", text)[0], parse_lines("p", fmt(text))[0]
    assert [(row.where, row.key) for row in before] == [(row.where, row.key) for row in after]
    assert [line for line in fmt(text).splitlines() if line.startswith("#")] == [
        line.rstrip() for line in text.splitlines() if line.startswith("#")
    ]


def test_the_columns_of_a_model_of_ones_own_are_aligned_too() -> None:
    model = (
        "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[policy_effect]\n"
        "e = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.sub && tool(r.obj, p.obj) && r.act == p.act\n"
    )
    made = formatted(
        Source("policy.csv", b"p,user:ann,a/b,call\np,user:b,c/d,read"), Source("model.conf", model.encode())
    )
    assert made == b"p, user:ann, a/b, call\np, user:b,   c/d, read\n"
    with pytest.raises(PolicyError, match="lacks"):
        formatted(Source("policy.csv", b""), Source("model.conf", b"[matchers]\n"))


_BLANKS = st.sampled_from(["", " ", "   ", "\t"])


@st.composite
def _ragged(draw: st.DrawFn) -> str:
    """Lines as people type them: blanks anywhere around commas, quotes around some cells, comments between."""
    made = []
    for line in draw(policy_lines):
        cells = line.split(", ") if line.startswith("g") or ("(" not in line and "[" not in line) else [line]
        quoted = [f'"{cell}"' if cell and len(cells) > 1 and draw(st.booleans()) else cell for cell in cells]
        made.append(
            draw(_BLANKS) + "".join(cell + draw(_BLANKS) + "," + draw(_BLANKS) for cell in quoted[:-1]) + quoted[-1]
        )
        made.extend(draw(st.lists(st.sampled_from(["", "# a, b", "  #x", " "]), max_size=2)))
    return draw(st.sampled_from(["\n", "\r\n"])).join(made)


@given(_ragged())
def test_formatting_changes_no_rule_and_no_comment_and_does_so_once(text: str) -> None:
    made = fmt(text)
    before, after = parse_lines("p", text)[0], parse_lines("p", made)[0]
    assert [(row.where, row.key) for row in before] == [(row.where, row.key) for row in after]
    assert [line.strip() for line in text.splitlines() if line.strip().startswith("#")] == [
        line.strip() for line in made.splitlines() if line.strip().startswith("#")
    ]
    assert fmt(made) == made
