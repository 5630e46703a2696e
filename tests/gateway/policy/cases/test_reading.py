from pathlib import Path

import pytest

from gateway.errors import PolicyError
from gateway.policy.cases.reading import parse_cases, read_cases, tables_beside

TABLE = "name, who, tool, expect\nof the table, user:ann, shop/x, deny\n"
DOCUMENT = '[[case]]\nname = "of the document"\nwho = "user:ann"\ntool = "shop/x"\nexpect = "deny"\n'


def names(*tables: Path) -> list[str]:
    return [case.name for case in read_cases(tables)]


def test_both_formats_beside_the_policy_are_found(tmp_path: Path) -> None:
    policy = tmp_path / "policy.csv"
    assert tables_beside(policy) == []
    (tmp_path / "tests.toml").write_text(DOCUMENT)
    (tmp_path / "tests.csv").write_text(TABLE)
    assert names(*tables_beside(policy)) == ["of the table", "of the document"]


def test_a_folder_counts_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "b.CSV").write_text(TABLE)
    (tmp_path / "a.TOML").write_text(DOCUMENT)
    (tmp_path / ".c.csv").write_text("half")
    (tmp_path / "notes.md").write_text("# notes")
    assert names(tmp_path) == ["of the document", "of the table"]


def test_a_folder_without_any_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"the folder holds no \.csv or \.toml file"):
        read_cases([tmp_path])


@pytest.mark.parametrize("content", [b"", b"name, who, tool, expect\n", b"# nothing\n"])
def test_a_file_without_a_case_may_have_been_cut(content: bytes) -> None:
    with pytest.raises(PolicyError, match="there is no case"):
        parse_cases("tests.csv", content)


def test_the_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name, who\n")
    (tmp_path / "b.toml").write_bytes(b"[[case]]\nname = '\xff'\n")
    with pytest.raises(PolicyError) as caught:
        read_cases([tmp_path])
    assert [problem.message.partition(";")[0] for problem in caught.value.problems] == [
        "the first line names the columns, each once",
        "not UTF-8",
    ]
    assert (caught.value.problems[1].line, caught.value.problems[1].column) == (2, 9)


def test_a_byte_order_mark_and_line_ends_of_windows_are_read() -> None:
    content = b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode()
    assert [case.number for case in parse_cases("tests.csv", content)] == [2]
    content = b"\xef\xbb\xbf" + DOCUMENT.replace("\n", "\r\n").encode()
    assert [case.number for case in parse_cases("tests.toml", content)] == [1]
