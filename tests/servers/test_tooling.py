import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from servers.tooling import Answer, Hints, ServedTool, ToolFailed, fit

TOOL = ServedTool(
    name="pour",
    title="Pour",
    description="Pours.",
    parameters={
        "drink": {"type": "string", "minLength": 1, "maxLength": 8},
        "glasses": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
        "litres": {"type": "number", "minimum": 0, "default": 0.5},
    },
    output={"poured": {"type": "boolean"}},
    hints=Hints(),
    run=lambda asked: Answer({"poured": bool(asked.arguments)}),
)


def test_defaults_are_filled_in() -> None:
    assert fit(TOOL, {"drink": "tea"}) == {"drink": "tea", "glasses": 2, "litres": 0.5}


def test_a_whole_number_written_as_a_float_is_an_integer() -> None:
    glasses = fit(TOOL, {"drink": "tea", "glasses": 3.0})["glasses"]
    assert glasses == 3
    assert isinstance(glasses, int)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "`pour` needs `drink`, a string, at least 1 characters, at most 8 characters"),
        ({"drink": "tea", "ice": 1}, "`pour` has no parameter `ice`; it has `drink`, `glasses`, `litres`"),
        ({"drink": ""}, "`drink` must be a string, at least 1 characters"),
        ({"drink": "lemonades"}, "not `'lemonades'`"),
        ({"drink": None}, "`drink` must be a string"),
        ({"drink": "tea", "glasses": 0}, "`glasses` must be an integer, at least 1, at most 9, not `0`"),
        ({"drink": "tea", "glasses": 2.5}, "not `2.5`"),
        ({"drink": "tea", "glasses": "2"}, "not `'2'`"),
        ({"drink": "tea", "glasses": True}, "not `True`"),
        ({"drink": "tea", "litres": False}, "`litres` must be a number"),
        ({"drink": "tea", "litres": float("nan")}, "not `nan`"),
        ({"drink": "x" * 10_000}, "…"),
    ],
)
def test_unfit_arguments_are_told_apart(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        fit(TOOL, arguments)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 300


_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(["drink", "glasses", "litres", "ice"]), _values))
def test_what_is_accepted_is_what_the_published_schema_accepts(arguments: dict[str, object]) -> None:
    valid = Draft202012Validator(TOOL.input_schema).is_valid(arguments)
    if valid:
        fit(TOOL, arguments)
    else:
        with pytest.raises(ToolFailed):
            fit(TOOL, arguments)
