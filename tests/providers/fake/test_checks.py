from typing import Any

import pytest

from providers.fake.checks import ANY, Either, Form, Many, Maybe, Number, Open, Refused, Shape, Tagged, Text, Word, fit

_SHAPE = Form(
    {"name": Text(r"[a-z]+", most=5), "kind": Word(("a", "b"))},
    {
        "count": Number(1),
        "part": Number(fraction=True),
        "rows": Many(Form({"id": Number()}), least=1, most=2),
        "said": Either(Many(Text(least=1))),
        "maybe": Maybe(bool),
        "block": Tagged("type", {"x": Form({"type": ANY, "x": dict}), "y": Form({"type": ANY})}),
        "open": Open({"id": Number()}),
        "usual": Tagged("type", {"x": Form({"type": ANY})}, usual=Form({"role": Text()})),
    },
)
_GOOD: dict[str, Any] = {"name": "ab", "kind": "a"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"count": 1, "part": 0.5},
        {"rows": [{"id": 0}]},
        {"said": "text"},
        {"said": ["a", "b"]},
        {"maybe": None},
        {"maybe": False},
        {"block": {"type": "x", "x": {"any": [1]}}},
        {"open": {"id": 1, "else": 2}},
        {"open": {}},
        {"usual": {"role": "user"}},
        {"usual": {"type": "x"}},
    ],
)
def test_what_fits_is_taken(more: dict[str, Any]) -> None:
    fit({**_GOOD, **more}, _SHAPE)


@pytest.mark.parametrize(
    ("more", "path", "miss"),
    [
        ({"name": 7}, ("name",), "type"),
        ({"name": "A"}, ("name",), "value"),
        ({"name": "abcdef"}, ("name",), "value"),
        ({"kind": "c"}, ("kind",), "value"),
        ({"kind": 1}, ("kind",), "type"),
        ({"count": 0}, ("count",), "value"),
        ({"count": 1.5}, ("count",), "type"),
        ({"count": True}, ("count",), "type"),
        ({"part": "1"}, ("part",), "type"),
        ({"rows": []}, ("rows",), "value"),
        ({"rows": [{"id": 1}] * 3}, ("rows",), "value"),
        ({"rows": {}}, ("rows",), "type"),
        ({"rows": [{"id": 1}, {}]}, ("rows", 1, "id"), "missing"),
        ({"rows": [{"id": 1, "x": 2}]}, ("rows", 0, "x"), "unknown"),
        ({"said": [""]}, ("said", 0), "value"),
        ({"said": 7}, ("said",), "type"),
        ({"maybe": 1}, ("maybe",), "type"),
        ({"block": {}}, ("block", "type"), "missing"),
        ({"block": []}, ("block",), "type"),
        ({"block": {"type": "z"}}, ("block", "type"), "value"),
        ({"block": {"type": "x", "x": []}}, ("block", "x"), "type"),
        ({"open": {"id": "x"}}, ("open", "id"), "type"),
        ({"open": []}, ("open",), "type"),
        ({"usual": {}}, ("usual", "role"), "missing"),
        ({"more": 1}, ("more",), "unknown"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(more: dict[str, Any], path: tuple[str, ...], miss: str) -> None:
    with pytest.raises(Refused) as error:
        fit({**_GOOD, **more}, _SHAPE)
    assert (error.value.path, error.value.miss) == (path, miss)


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_a_body_that_is_no_object_is_refused(value: Any) -> None:
    shape: Shape = _SHAPE
    with pytest.raises(Refused) as error:
        fit(value, shape)
    assert (error.value.path, error.value.miss, error.value.detail) == ((), "type", "object")
