import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.places import Place
from gateway.config.templates import Template, Unset, Variable, pieces

HERE = Place(".mcp.json", 4, 2)


def expanded(text: str, **variables: str) -> str:
    return Template(text, HERE).expand(variables)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("${env:A}", "one"),
        ("x-${A}-${A}-y", "x-one-one-y"),
        ("${NONE:-other}", "other"),
        ("${NONE:-}", ""),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("${A:-other}", "one"),
        ("${env:NONE:-http://x:1/y?a=b}", "http://x:1/y?a=b"),
        ("$A and $ and {A} and $$", "$A and $ and {A} and $$"),
        ("${DOLLAR}", "${A}"),
    ],
)
def test_a_placeholder_stands_for_its_variable(text: str, value: str) -> None:
    assert expanded(text, A="one", EMPTY="", DOLLAR="${A}") == value


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(Unset) as unset:
        expanded("${A}${B}", A="one")
    assert unset.value.name == "B"


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${1A}", "${A B}", "${A:-${B}}", "${A?x}", "${command:x}"])
def test_a_placeholder_that_is_not_known_is_an_error_and_never_sent_as_it_stands(text: str) -> None:
    with pytest.raises(ValueError, match=r"known: `\$\{NAME\}`"):
        list(pieces(f"before {text} after"))


def test_what_would_ask_a_person_says_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match="asks a person"):
        list(pieces("Bearer ${input:token}"))


def test_the_variables_of_a_text_are_listed() -> None:
    assert Template("${A} ${env:B:-c}", HERE).variables == (
        Variable("A", None, "${A}"),
        Variable("B", "c", "${env:B:-c}"),
    )


def test_a_template_does_not_show_its_text() -> None:
    assert "hunter2" not in repr(Template("hunter2", HERE))


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_a_placeholder_is_left_as_it_is(text: str) -> None:
    assert expanded(text) == text


@given(st.text().filter(lambda text: "${" not in text and not text.endswith("$")), st.text())
def test_a_value_is_put_in_literally_and_not_expanded_again(before: str, value: str) -> None:
    assert expanded(before + "${A}", A=value) == before + value
