import pytest

from providers.fake.results import result


@pytest.mark.parametrize(
    ("text", "said", "is_error"),
    [
        ("Denied: no.", "Denied: no.", True),
        ("Not executed yet: ...", "Not executed yet: ...", True),
        ("Error: it broke", "it broke", True),
        ("Error: Denied: no.", "Denied: no.", True),
        ("fine", "fine", False),
        ("", "", False),
    ],
)
def test_a_text_says_whether_it_is_an_error(text: str, said: str, is_error: bool) -> None:
    found = result("c1", [{"type": "text", "text": text}])
    assert (found.call_id, found.is_error, found.content) == ("c1", is_error, [{"type": "text", "text": said}])


def test_a_block_that_only_says_error_is_left_out() -> None:
    fine = {"type": "text", "text": "it broke"}
    assert result("c1", [{"type": "text", "text": "Error:"}, fine]).content == [fine]
    assert (result("c1", []).content, result("c1", []).is_error) == ([], False)
