from pathlib import Path

import pytest

from gateway.policy.model import MODEL, is_shipped

SHIPPED = Path(__file__).parents[3] / "policies" / "model.conf"


def test_the_shipped_file_is_the_model() -> None:
    assert is_shipped(SHIPPED.read_text())


def test_blanks_comments_and_line_ends_do_not_matter() -> None:
    text = "\ufeff# a comment\r\n" + MODEL.replace(" = ", "   =  ").replace("\n", "\r\n") + "; another\r\n"
    assert is_shipped(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("eft, why", "effect, why"),
        ("g = _, _, _", "g = _, _"),
        ("[matchers]", "[Matchers]"),
        (" && !some(where (p.eft == deny))", ""),
        ("r.act == p.act && ", ""),
    ],
)
def test_whatever_means_something_else_is_another_model(old: str, new: str) -> None:
    assert not is_shipped(MODEL.replace(old, new))


@pytest.mark.parametrize("text", ["", "# nothing", MODEL[:200], MODEL + "m = true\n"])
def test_a_cut_or_longer_model_is_another(text: str) -> None:
    assert not is_shipped(text)
