import pytest

from providers.fake.results import result


@pytest.mark.parametrize(
    ("text", "is_error"),
    [("Denied: no.", True), ("Not executed yet: ...", True), ("Error: it broke", True), ("fine", False), ("", False)],
)
def test_a_text_says_whether_it_is_an_error(text: str, is_error: bool) -> None:
    found = result("c1", [{"type": "text", "text": text}])
    assert (found.call_id, found.is_error, found.content) == ("c1", is_error, [{"type": "text", "text": text}])
