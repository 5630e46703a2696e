import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.scripted.nodes import ScriptError, composed
from providers.scripted.template import Reference, Template, compiled, dig, filled, path_of, references

RESULT = {"order_id": "O-1", "total": 29.8, "lines": [{"sku": "BELL"}], "note": None}


def _filled(text: str) -> Any:
    return filled(compiled(composed(text, "x.yaml")), lambda reference: dig(RESULT, reference.path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'${results[0].total}'", 29.8),
        ("'${results[0].lines[0].sku}'", "BELL"),
        ("'${calls.order.lines[0]}'", {"sku": "BELL"}),
        ("'${calls.order}'", RESULT),
        ("'${results[0].note}'", None),
        ("'order ${results[0].order_id} costs ${results[0].total}'", "order O-1 costs 29.8"),
        ("'${results[0].order_id}${results[0].order_id}'", "O-1O-1"),
        ("'lines: ${results[0].lines}'", 'lines: [{"sku": "BELL"}]'),
        ("'$${results[0].total} $5 {x}'", "${results[0].total} $5 {x}"),
        ("{a: ['${calls.o.order_id}', 1], b: {c: plain}}", {"a": ["O-1", 1], "b": {"c": "plain"}}),
    ],
)
def test_references_are_filled(text: str, value: object) -> None:
    assert _filled(text) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: '${results.x}'", "x.yaml:1:4: `${results.x}` is no reference; write `${results[0].field}`"),
        ("a: '${HOME}'", "`${HOME}` is no reference"),
        ("a: '${}'", "`${}` is no reference"),
        ("a: '${calls.a..b}'", "is no reference"),
        ("a: 'x ${results[0]'", "`${` without its `}`; write `$${`"),
    ],
)
def test_what_is_no_reference_is_refused_when_the_script_is_read(text: str, error: str) -> None:
    with pytest.raises(ScriptError) as caught:
        compiled(composed(text, "x.yaml"))
    assert error in str(caught.value)


@pytest.mark.parametrize("path", ["nope", "lines[1]", "lines.sku", "order_id.x", "total[0]"])
def test_a_value_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(LookupError, match="there is no `"):
        dig(RESULT, path_of(path))


def test_every_reference_is_found_with_its_place() -> None:
    form = compiled(composed("a:\n  - 'x ${calls.one.id}'\n  - b: '${results[2]}'", "x.yaml"))
    found = [(reference.call, reference.path, str(place)) for reference, place in references(form)]
    assert found == [("one", ("id",), "x.yaml:2:5"), (2, (), "x.yaml:3:8")]


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")).filter(lambda text: "${" not in text)
)
def test_a_text_without_references_stays_as_it_is(text: str) -> None:
    form = compiled(composed(json.dumps(text), "x.json"))
    assert not isinstance(form, Template)
    assert filled(form, lambda _: pytest.fail("nothing to look up")) == text


def test_a_reference_keeps_its_own_words() -> None:
    ((reference, _),) = references(compiled(composed("'${calls.a-b.c}'", "x")))
    assert reference == Reference("a-b", ("c",), "${calls.a-b.c}")
