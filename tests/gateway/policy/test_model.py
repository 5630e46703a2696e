from pathlib import Path

import pytest

from gateway.policy.model import MODEL, model_problems

SHIPPED = Path(__file__).parents[3] / "policies" / "model.conf"


def test_the_shipped_file_is_the_model() -> None:
    assert model_problems("model.conf", SHIPPED.read_text()) == []


def test_blanks_comments_and_line_ends_do_not_matter() -> None:
    text = "\ufeff# a comment\r\n" + MODEL.replace(" = ", "   =  ").replace("\n", "\r\n") + "; another\r\n"
    assert model_problems("model.conf", text) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("eft, why", "effect, why", 5, "differs"),  # every row would count as allow
        ("g = _, _, _", "g = _, _", 8, "differs"),  # roles would count in every tenant
        ("[matchers]", "[Matchers]", 13, "differs"),
        (" && !some(where (p.eft == deny))", "", 11, "differs"),
        ("r.act == p.act && ", "", 14, "differs"),
        ("&& when(p.when, r.ctx, p.eft)", "# && when(p.when, r.ctx, p.eft)", 14, "differs"),
    ],
)
def test_a_model_that_means_something_else_is_refused_where_it_differs(
    old: str, new: str, line: int, part: str
) -> None:
    (problem,) = model_problems("model.conf", MODEL.replace(old, new))
    assert (problem.file, problem.line) == ("model.conf", line)
    assert part in problem.message
    assert "put back the shipped model.conf" in problem.hint


def test_a_second_matcher_is_refused() -> None:
    (problem,) = model_problems("model.conf", MODEL + "m = true\n")
    assert "the shipped model has no `m = true`" in problem.message


@pytest.mark.parametrize("text", ["", "# nothing", MODEL[:200]])
def test_an_empty_or_cut_model_is_refused(text: str) -> None:
    assert len(model_problems("model.conf", text)) == 1
