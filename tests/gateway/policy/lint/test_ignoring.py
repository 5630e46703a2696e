from pathlib import Path

from gateway.policy.lint import Checked, check
from gateway.policy.model import MODEL

LINE = "p, *, *, shop/*, call, , allow, all\n"


def looked(folder: Path, text: str) -> Checked:
    (folder / "model.conf").write_text(MODEL)
    (folder / "policy.csv").write_text(text)
    return check(folder / "model.conf", folder / "policy.csv")


def test_a_comment_above_a_line_leaves_out_what_it_names(tmp_path: Path) -> None:
    assert [problem.rule for problem in looked(tmp_path, LINE).problems] == ["everybody"]
    checked = looked(tmp_path, "# check: ignore everybody\n" + LINE)
    assert (checked.problems, checked.left_out) == ((), 1)
    checked = looked(tmp_path, "# check: ignore unknown-tool, everybody: it is a demo\n# more\n" + LINE)
    assert (checked.problems, checked.left_out) == ((), 1)


def test_it_holds_for_the_next_line_alone(tmp_path: Path) -> None:
    text = "# check: ignore everybody\np, *, *, bank/*, call, , allow, b\n" + LINE
    (found,) = looked(tmp_path, text).problems
    assert found.line == 3


def test_a_rule_that_there_is_not_is_told_with_its_place(tmp_path: Path) -> None:
    (found, _) = looked(tmp_path, "# check: ignore everbody\n" + LINE).problems
    assert (found.rule, found.line, found.column) == ("unknown-rule", 1, 17)
    assert found.hint == "did you mean `everybody`?"


def test_errors_can_not_be_left_out(tmp_path: Path) -> None:
    checked = looked(tmp_path, "# check: ignore invalid-policy\np, *, *, shop/*, call, , alow, all\n")
    assert [problem.rule for problem in checked.problems] == ["invalid-policy"]
    assert not checked.usable
