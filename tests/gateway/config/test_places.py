from pathlib import Path

import pytest

from gateway.config.places import Document, KeyPath, Place, dotted, nearest
from gateway.errors import Problem


def test_a_place_is_written_as_editors_take_it() -> None:
    assert str(Place("toolgate.toml", 3, 7)) == "toolgate.toml:3"
    assert str(Place("environment TOOLGATE_STORE__PATH")) == "environment TOOLGATE_STORE__PATH"


def test_a_problem_at_a_place_carries_line_and_column() -> None:
    assert Place("a.toml", 2, 5).problem("no", "do", "warning") == Problem("a.toml", 2, 5, "no", "do", "warning")


def test_what_is_missing_is_reported_where_its_table_stands() -> None:
    places: dict[KeyPath, Place] = {("store",): Place("a", 1, 2), ("store", "path"): Place("a", 2, 1)}
    assert nearest(places, ("store", "path"), Place("a")).line == 2
    assert nearest(places, ("store", "other"), Place("a")).line == 1
    assert nearest(places, ("serve", "port"), Place("a")) == Place("a")


def test_a_document_knows_its_keys_and_else_names_the_file() -> None:
    document = Document("a.toml", Path("folder"), {"x": 1}, {("x",): Place("a.toml", 1, 1)})
    assert document.at("x", "y") == Place("a.toml", 1, 1)
    assert document.at("z") == Place("a.toml")


def test_a_document_does_not_show_what_it_holds() -> None:
    assert "hunter2" not in repr(Document("a", Path(), {"password": "hunter2"}, {}))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("servers", "shop", "args", 2), "servers.shop.args[2]"),
        (("servers", "a.b", "url"), 'servers."a.b".url'),
        (("a.b",), '"a.b"'),
        ((), ""),
    ],
)
def test_a_path_is_written_with_dots(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text
