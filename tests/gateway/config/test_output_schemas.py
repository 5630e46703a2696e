from decimal import Decimal
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.config.output_schemas import checked, plain, read_output_schema
from gateway.errors import ConfigError


def file(folder: Path, content: bytes | str) -> Path:
    path = folder / "order.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_schema_is_read_from_a_file_with_its_keys_in_their_order(tmp_path: Path) -> None:
    path = file(tmp_path, '{"type": "object", // of an order\n "properties": {"z": {}, "a": {}}}')
    assert list(read_output_schema(path, "order.json")["properties"]) == ["z", "a"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "order.json: error: the output schema must be a JSON object"),
        ('{"type": "objekt"}', "order.json: error: the output schema is not a JSON Schema"),
        ('{"type":\n oops}', "order.json:2:"),
        (b"\xff", "order.json: error: the output schema is not UTF-8 text"),
        (f'{{"description": "{"x" * 65_536}"}}', "order.json: error: the output schema is larger than 64 KB"),
        (" " * 300_000, "order.json: error: the output schema is larger than 64 KB"),
    ],
)
def test_what_no_answer_can_be_held_against_is_refused(tmp_path: Path, content: bytes | str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_output_schema(file(tmp_path, content), "order.json")
    assert str(refused.value).startswith(said)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"none\.json: error: the output schema can't be read: No such file or directory"
    ):
        read_output_schema(tmp_path / "none.json", "none.json")


def test_a_schema_that_is_given_is_checked_the_same(tmp_path: Path) -> None:
    assert checked({"type": "object"}, "here") == {"type": "object"}
    with pytest.raises(ConfigError, match=r"here: error: the output schema has a `\$ref` to `http://x`"):
        checked({"$ref": "http://x"}, "here")


def test_numbers_of_toml_become_those_of_json() -> None:
    assert plain({"a": [Decimal("1.5"), 2, "x", True]}) == {"a": [1.5, 2, "x", True]}


# ---- in toolgate.toml


def test_an_agent_names_a_file_relative_to_toolgate_toml_or_holds_the_schema(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text(
        '[agents.a]\noutput_schema = "order.json"\n'
        '[agents.b.output_schema]\ntype = "object"\nproperties.x = {type = "number", minimum = 0.5}\n[agents.c]\n'
    )
    agents = load_config(tmp_path, {"HOME": str(tmp_path)}).agents
    assert agents["a"].output_schema == tmp_path / "order.json"
    assert agents["b"].output_schema == {"type": "object", "properties": {"x": {"type": "number", "minimum": 0.5}}}
    assert agents["c"].output_schema is None


def test_a_table_that_no_answer_can_be_held_against_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text('[agents.a]\noutput_schema = {type = "objekt"}\n')
    with pytest.raises(ConfigError, match=r"toolgate\.toml:2:1: .*the output schema is not a JSON Schema"):
        load_config(tmp_path, {"HOME": str(tmp_path)})
