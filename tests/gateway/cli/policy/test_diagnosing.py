from pathlib import Path

from gateway.call import Tool
from gateway.cli.policy.diagnosing import Desk, diagnosed
from gateway.policy.model import MODEL

FINE = "p, *, *, shop/refund, call, args.amount > 1, deny, no\n"


def a_desk(folder: Path, *, split: bool = False) -> Desk:
    (folder / "model.conf").write_text(MODEL)
    policy = folder / ("policy.d" if split else "policy.csv")
    if split:
        policy.mkdir()
        (policy / "a.csv").write_text(FINE)
        (policy / "b.csv").write_text("p, role:nobody, *, */*, read, , deny, no\n")
    else:
        policy.write_text(FINE)
    tool = Tool("shop", "refund", {"name": "refund", "inputSchema": {"properties": {"amount": {}}}}, "pin")
    return Desk(folder / "model.conf", policy, lambda: [tool])


def messages(desk: Desk, path: Path, text: str | None = None) -> dict[str, list[str]]:
    texts = {} if text is None else {path.resolve(): text}
    return {file.name: [str(p.message) for p in found] for file, found in diagnosed(desk, path, texts).items()}


def test_the_text_of_an_open_file_counts_and_not_what_is_on_the_disk(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    assert messages(desk, desk.policy) == {"policy.csv": []}
    assert messages(desk, desk.policy, FINE + "P, x\n") == {"policy.csv": ["unknown line type `P`"]}
    assert messages(desk, desk.policy, FINE) == {"policy.csv": []}


def test_lines_are_compared_with_the_tools_that_are_pinned(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    found = messages(desk, desk.policy, FINE.replace("args.amount", "args.amuont"))["policy.csv"]
    assert any("amuont" in message for message in found)


def test_each_file_of_a_folder_has_its_own_findings(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, split=True)
    found = messages(desk, desk.policy / "a.csv", FINE + "g, user:x\n")
    assert found["a.csv"] == ["`g` needs 3 fields (member, role, tenant), found 1"]
    assert found["b.csv"] == []
    assert messages(desk, desk.policy / "a.csv")["b.csv"] == ["nobody has `role:nobody`"]


def test_another_file_is_looked_at_alone(tmp_path: Path) -> None:
    desk, other = a_desk(tmp_path), tmp_path / "candidate.csv"
    assert messages(desk, other, "p, *, *, */*, call, , Deny, x\n") == {"candidate.csv": ["unknown effect `Deny`"]}


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    desk.model.unlink()
    (said,) = messages(desk, desk.policy)["policy.csv"]
    assert "can't be read" in said
