from decimal import Decimal
from pathlib import Path

import pytest

from gateway.config.documents import read_json, read_toml, toml_document
from gateway.errors import ConfigError


def problem(error: ConfigError) -> tuple[int, int, str]:
    (found,) = error.problems
    return found.line, found.column, found.message


def test_a_toml_file_is_read_with_its_places_and_exact_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf[store]\r\nprice = 0.1\r\n")
    document = read_toml(tmp_path / "a.toml", "a.toml")
    assert document.value == {"store": {"price": Decimal("0.1")}}
    assert document.at("store", "price").line == 2
    assert document.folder == tmp_path


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("[store]\npath = \n", 2, 8), ("a = 1\na = 2\n", 2, 6), ("a = [1,\n", 2, 1), ("a = {\n", 1, 6)],
)
def test_what_is_no_toml_is_told_with_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(ConfigError) as wrong:
        toml_document(text, "a.toml", Path())
    assert problem(wrong.value)[:2] == (line, column)
    assert "not TOML" in problem(wrong.value)[2]
    assert "(at " not in problem(wrong.value)[2]


@pytest.mark.parametrize(
    ("text", "said", "mend"),
    [
        ("[a]\nb = 1\nb = 2\n", "this key stands twice", "keep one"),
        ("[a]\n[a]\n", "this table stands twice", "below one heading"),
        ("a = scripted\n", "no value here", "straight double quotes"),
        ("a = \u201cscripted\u201d\n", "no value here", "straight double quotes"),
        ("a = True\n", "no value here", "small letters"),
        ('a = "scripted\n', "not closed", 'close it with `"`'),
        ('{"a": 1}\n', "a key with its value", "`key = value`"),
        ("my key = 1\n", "a `=` must stand here", "in quotes"),
        ('a = "C:\\d"\n', "a `\\` in a text", "single quotes"),
    ],
)
def test_what_is_no_toml_is_told_with_what_to_do(text: str, said: str, mend: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        toml_document(text, "a.toml", Path())
    (found,) = wrong.value.problems
    assert said in found.message
    assert mend in found.hint


@pytest.mark.parametrize("text", [f"a = {'9' * 5000}", "a = 1e9999999999999999999", "a = " + "[" * 5000])
def test_a_monstrous_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        toml_document(text, "a.toml", Path())


def test_a_json_file_must_hold_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ConfigError, match="a JSON object"):
        read_json(tmp_path / "a.json", "a.json")


def test_a_json_file_is_read_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('\ufeff{\n "x": 1}')
    document = read_json(tmp_path / "a.json", "a.json")
    assert document.value == {"x": 1}
    assert document.at("x").line == 2


@pytest.mark.parametrize("read", [read_json, read_toml])
def test_a_file_that_is_no_text_or_no_file_is_an_error_that_names_it(tmp_path: Path, read: object) -> None:
    assert callable(read)
    (tmp_path / "bad").write_bytes(b"# ok\n# caf\xe9")
    with pytest.raises(ConfigError, match=r"shown:2:6: error: the file is not UTF-8 text \(save it as UTF-8\)"):
        read(tmp_path / "bad", "shown")
    with pytest.raises(ConfigError, match="shown: error: the file can't be read"):
        read(tmp_path, "shown")
