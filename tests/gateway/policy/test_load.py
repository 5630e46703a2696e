import gc
from pathlib import Path

import pytest

from gateway.errors import PolicyError
from gateway.policy import load, parse
from gateway.policy.files import Source
from gateway.policy.load import build
from gateway.policy.model import MODEL
from gateway.policy.rows import Rule
from tests.fixtures.policies import a_query

LINE = "p, *, *, */*, call, tool.read_only, allow, why\n"


def model(folder: Path) -> Path:
    (folder / "model.conf").write_text(MODEL)
    return folder / "model.conf"


def write(folder: Path, content: bytes) -> Path:
    (folder / "policy.csv").write_bytes(content)
    return folder / "policy.csv"


def test_a_file_from_a_spreadsheet_is_read_whole(tmp_path: Path) -> None:
    first = '"p","*","*","bank/*","call","","deny","why"\r\n'
    policy = load(model(tmp_path), write(tmp_path, b"\xef\xbb\xbf" + first.encode() + LINE.encode()))
    assert [rule.effect for rule in policy.rules] == ["deny", "allow"]


@pytest.mark.parametrize(
    ("content", "place", "part"),
    [
        (b"", "", "there is no `p` line"),
        (b"# only a comment\n", "", "there is no `p` line"),
        (b"g, user:ann, role:a, acme\n", "", "there is no `p` line"),
        (LINE.encode() + b"p, *, *, */*, call, , deny, caf\xe9\n", ":2:32", "not UTF-8"),
        (LINE.encode("utf-16"), ":1:1", "not UTF-8"),
        (LINE.encode() + b"g, role:a, role:a, acme\n", ":2:12", "would have itself as a role"),
        (LINE.encode() + LINE[:20].encode(), ":2:1", "needs 7 fields"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(
    tmp_path: Path, content: bytes, place: str, part: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(PolicyError) as caught:
        load(model(tmp_path), path)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path.as_posix()}{place}: error: ")
    assert part in problem.message


def test_every_problem_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text("P, x\n" + LINE)
    (folder / "b.csv").write_text("p, ann, *, */*, call, , Deny, why\n")
    with pytest.raises(PolicyError) as caught:
        load(model(tmp_path), folder)
    assert len(caught.value.problems) == 3


def test_under_a_model_that_can_not_be_read_no_line_is(tmp_path: Path) -> None:
    path = model(tmp_path)
    path.write_text(MODEL + "m = true\n")
    with pytest.raises(PolicyError) as caught:
        load(path, write(tmp_path, b"P, x\n"))
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [(str(path), 15)]


def test_only_a_model_of_ones_own_brings_casbin_and_says_so(tmp_path: Path) -> None:
    assert not load(model(tmp_path), write(tmp_path, LINE.encode())).custom
    other = MODEL.replace("r.act == p.act && in_tenant(r.dom, p.dom)", "in_tenant(r.dom, p.dom) && r.act == p.act")
    (tmp_path / "model.conf").write_text(other)
    own = load(tmp_path / "model.conf", write(tmp_path, LINE.encode()))
    assert own.custom
    assert [warning.message for warning in own.warnings if "Casbin's own engine decides" in warning.message]
    assert own.digest != load(model(tmp_path), write(tmp_path, LINE.encode())).digest


def test_a_folder_is_one_policy_and_lines_keep_their_file(tmp_path: Path) -> None:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "10-all.csv").write_text(LINE)
    (folder / "20-bank.csv").write_text("\np, role:a, *, bank/*, call, , deny, why\ng, user:ann, role:a, acme\n")
    policy = load(model(tmp_path), folder)
    assert [Path(rule.where).name for rule in policy.rules] == ["10-all.csv:1", "20-bank.csv:2"]


def test_a_file_of_a_folder_without_a_line_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text(LINE)
    (folder / "b.csv").write_text("")
    with pytest.raises(PolicyError, match=r"b\.csv: error: this file holds no line \(was it cut"):
        load(model(tmp_path), folder)


def test_the_digest_is_of_the_content_and_not_of_the_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    digests = {load(model(folder), write(folder, LINE.encode())).digest for folder in (first, second)}
    assert len(digests) == 1
    digests.add(load(model(first), write(first, LINE.encode() + b"# more\n")).digest)
    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def test_text_that_moves_from_one_file_to_the_next_changes_the_digest() -> None:
    one = build(None, sources=[Source("a.csv", LINE.encode() * 2), Source("b.csv", LINE.encode())])
    other = build(None, sources=[Source("a.csv", LINE.encode()), Source("b.csv", LINE.encode() * 2)])
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (LINE + LINE, "says the same as policy.csv:1"),
        (
            LINE + "g, user:a, role:x, acme\n" * 2 + "p, role:x, *, a/b, call, , deny, y",
            "says the same as policy.csv:2",
        ),
        (LINE + "p, role:suport, *, a/b, call, , deny, y\ng, user:a, role:support, *", "nobody has `role:suport`"),
        (LINE + "g, user:a, role:unused, *", "no line uses `role:unused`"),
    ],
)
def test_what_is_only_doubtful_is_a_warning(text: str, part: str) -> None:
    policy = parse(text)
    assert {warning.level for warning in policy.warnings} == {"warning"}
    assert any(part in warning.message for warning in policy.warnings)


def test_a_role_to_which_questions_go_up_is_used() -> None:
    up = "o, *, *, a/b, call, , escalate=role:director@2h, it goes up\n"
    assert parse(LINE + up + "g, user:eve, role:director, *").warnings == ()


def test_a_misspelt_role_is_answered_with_the_right_one() -> None:
    warnings = parse(LINE + "p, role:suport, *, a/b, call, , deny, y\ng, user:a, role:support, *").warnings
    assert [warning.hint for warning in warnings] == ["did you mean `role:support`?", "did you mean `role:suport`?"]


ROWS = [
    ["p", "*", "*", "*/*", "call", "", "allow", "why"],
    ["p", "*", "*", "bank/*", "call", "args.to in ['x', \"y\"] or has(args.any)", "deny", "no, never"],
    ["g", "user:ann", "role:r", "acme"],
]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def bare(number: int, cell: str) -> str:
    return cell if number == 5 or "," not in cell else quoted(cell)


STYLES = {
    "as people write": "\n".join(", ".join(map(bare, range(8), row)) for row in ROWS),
    "without blanks": "\n".join(",".join(map(bare, range(8), row)) for row in ROWS),
    "all quoted": "\n".join(",".join(map(quoted, row)) for row in ROWS),
    "quoted, blanks around": "\n".join(" ,\t".join(map(quoted, row)) + "  " for row in ROWS),
    "only where a reader of CSV needs it": "\n".join(
        ",".join(quoted(cell) if set(cell) & set(',"') else cell for cell in row) for row in ROWS
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_every_style_of_file_says_the_same_alone_and_in_a_folder(
    tmp_path: Path, style: str, mark: bytes, end: bytes, last: bool
) -> None:
    lines = STYLES[style].encode().split(b"\n")
    alone = load(model(tmp_path), write(tmp_path, mark + end.join(lines) + end * last))
    folder = tmp_path / "policy.d"
    folder.mkdir()
    for number, line in enumerate(reversed(lines)):
        (folder / f"{number}.csv").write_bytes(mark + b"# one line" + end + line + end * last)
    for policy in (alone, load(model(tmp_path), folder)):
        assert {rule.key for rule in policy.rules} == {rule.key for rule in parse(STYLES["as people write"]).rules}
        assert [(grant.member, grant.role, grant.tenant) for grant in policy.grants] == [("user:ann", "role:r", "acme")]
        assert policy.decide(a_query(path="shop/x")).effect == "allow"
        assert policy.decide(a_query(path="bank/x", args={"to": "y"})).why == "no, never"
        assert policy.decide(a_query(path="bank/x", args={"to": 5})).undecided


@pytest.mark.parametrize(
    "content",
    [
        STYLES["as people write"].replace("\n", "\r").encode(),  # an old Macintosh's
        STYLES["as people write"].encode("utf-16"),
        STYLES["as people write"].encode("utf-16-le"),
        STYLES["as people write"].replace("\n", "\u2028").encode(),
        STYLES["as people write"].replace("\n", "\x0b").encode(),
        STYLES["as people write"].replace("\n", "\x85").encode(),
        STYLES["as people write"].replace(", ", ";").encode(),
        STYLES["as people write"].replace(", ", "\t").encode(),
        STYLES["as people write"].encode()[:-40] + b"\x00" * 40,
        b"\xef\xbb\xbf\xef\xbb\xbf" + STYLES["as people write"].encode(),
        STYLES["as people write"].replace("deny", "\u200bdeny").encode(),
    ],
)
def test_a_file_that_could_be_read_in_two_ways_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PolicyError):
        load(model(tmp_path), write(tmp_path, content))


def test_ten_thousand_lines_are_no_trouble() -> None:
    lines = [f"p, role:r{n % 50}, *, s{n % 100}/t{n}, call, args.a == {n}, allow, y" for n in range(10_000)]
    assert len(parse("\n".join(lines)).rules) == 10_000


def test_the_collector_is_left_as_it_was_found_and_nothing_stays_frozen() -> None:
    gc.unfreeze()  # what pytest loaded is frozen (`tests/conftest.py`)
    parse(LINE)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert not any(isinstance(found, Rule) for found in gc.get_objects(generation=0)), "they are old at once"


def test_what_a_process_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        parse(LINE)
        assert 0 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()
