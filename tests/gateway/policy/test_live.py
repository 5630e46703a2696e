"""A policy that is edited while it decides. Time is a number that the test moves; nothing sleeps."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from gateway.errors import PolicyError
from gateway.policy import LivePolicy
from gateway.policy.live import SETTLES
from gateway.policy.model import MODEL
from tests.fixtures.policies import a_query

ALLOW = "p, user:ann, *, shop/refund, call, , allow, may\n"
DENIED = ALLOW + "p, role:blocked, *, */*, call, , deny, blocked\ng, user:ann, role:blocked, *\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A model, a policy file, and somebody who edits them."""

    def __init__(self, folder: Path) -> None:
        self.model, self.policy, self.clock = folder / "model.conf", folder / "policy.csv", Clock()
        self.model.write_text(MODEL)
        self.policy.write_text(ALLOW)

    def live(self, every: float = 0.0) -> LivePolicy:
        return LivePolicy(self.model, self.policy, every=every, clock=self.clock)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def effect(live: LivePolicy) -> str:
    return live.current.decide(a_query()).effect


def test_an_edit_applies_to_the_next_call(desk: Desk) -> None:
    live = desk.live()
    assert effect(live) == "allow"
    desk.policy.write_text(DENIED)
    assert effect(live) == "deny"
    desk.policy.write_text(ALLOW)
    assert effect(live) == "allow"


def test_an_edit_that_the_file_systems_clock_does_not_show_counts_too(desk: Desk) -> None:
    live = desk.live()
    stat = desk.policy.stat()
    same_length = ALLOW.replace("allow, may", "deny,  may")
    assert len(same_length) == len(ALLOW)
    with desk.policy.open("r+") as file:
        file.write(same_length)
    os.utime(desk.policy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert effect(live) == "deny"


def test_files_that_do_not_change_are_not_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    live = desk.live()
    desk.clock.now += SETTLES
    first = live.current
    reads: list[Path] = []
    monkeypatch.setattr("gateway.policy.live.read_sources", reads.append)
    assert live.current is first
    assert reads == []


def test_a_touched_file_with_the_same_content_is_the_same_policy(desk: Desk) -> None:
    live = desk.live()
    first = live.current
    desk.clock.now += SETTLES
    os.utime(desk.policy, ns=(1, 1))
    assert live.current is first


BROKEN = {
    "a mistake": ALLOW + "p, *, *, */*, call, , Deny, why\n",
    "nothing": "",
    "no p line": "g, user:ann, role:a, *\n",
    "cut in a line": DENIED[:70],
    "not UTF-8": "p, *, *, */*, call, , deny, caf\udce9\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_edit_leaves_the_last_good_policy_in_force(desk: Desk, text: str) -> None:
    live = desk.live()
    good = live.current
    desk.policy.write_text(text, errors="surrogateescape")
    assert live.current is good
    assert isinstance(live.problem, PolicyError)
    desk.clock.now += 10 * SETTLES
    assert live.current is good
    assert str(live.problem) != "None"
    desk.policy.write_text(DENIED)
    assert effect(live) == "deny"
    assert str(live.problem) == "None"


def test_going_back_to_the_old_text_mends_a_broken_edit(desk: Desk) -> None:
    live = desk.live()
    desk.policy.write_text("P, x\n")
    assert "unknown line type" in str(live.problem)
    desk.policy.write_text(ALLOW)
    assert live.problem is None
    assert effect(live) == "allow"


@pytest.mark.parametrize("which", ["policy", "model"])
def test_a_vanished_file_leaves_the_last_good_policy_in_force(desk: Desk, which: str) -> None:
    live = desk.live()
    path = desk.policy if which == "policy" else desk.model
    text = path.read_text()
    path.unlink()
    assert effect(live) == "allow"
    assert "can't be read" in str(live.problem)
    path.write_text(text)
    assert live.problem is None


def test_another_model_is_refused(desk: Desk) -> None:
    live = desk.live()
    desk.model.write_text(MODEL.replace("p.eft == deny", "p.eft == denied"))
    assert "can't be classified" in str(live.problem)
    assert effect(live) == "allow"


def test_a_file_swapped_by_renaming_is_seen(desk: Desk, tmp_path: Path) -> None:
    live = desk.live()
    desk.clock.now += 10 * SETTLES
    assert effect(live) == "allow"
    new = tmp_path / "new.csv"
    new.write_text(DENIED)
    new.replace(desk.policy)
    assert effect(live) == "deny"


def test_a_symlink_that_is_turned_is_seen(desk: Desk, tmp_path: Path) -> None:
    for name, text in (("one.csv", ALLOW), ("two.csv", DENIED)):
        (tmp_path / name).write_text(text)
    desk.policy.unlink()
    desk.policy.symlink_to(tmp_path / "one.csv")
    live = desk.live()
    desk.clock.now += 10 * SETTLES
    assert effect(live) == "allow"
    desk.policy.unlink()
    desk.policy.symlink_to(tmp_path / "two.csv")
    assert effect(live) == "deny"


def test_a_new_file_in_a_folder_is_seen(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text(ALLOW)
    live = LivePolicy(desk.model, folder, clock=desk.clock)
    desk.clock.now += 10 * SETTLES
    assert effect(live) == "allow"
    (folder / "b.csv").write_text("p, *, *, shop/*, call, , deny, no\n")
    assert effect(live) == "deny"


def a_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "a.csv").write_text(ALLOW)
    (folder / "b.csv").write_text("p, *, *, shop/*, call, , deny, no\n")
    return folder


@pytest.mark.parametrize("text", ["", "# nothing but this\n"])
def test_a_file_of_a_folder_that_is_cut_to_nothing_keeps_its_denials(desk: Desk, tmp_path: Path, text: str) -> None:
    folder = a_folder(tmp_path)
    live = LivePolicy(desk.model, folder, clock=desk.clock)
    (folder / "b.csv").write_text(text)
    assert effect(live) == "deny"
    assert "b.csv: error: this file holds no line" in str(live.problem)


def test_a_file_that_leaves_a_folder_is_told_of_once(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = a_folder(tmp_path)
    live = LivePolicy(desk.model, folder, clock=desk.clock)
    assert effect(live) == "deny"
    (folder / "b.csv").unlink()
    for _ in range(3):
        assert effect(live) == "allow"
        desk.clock.now += SETTLES
    (told,) = caplog.records
    assert told.name == "toolgate.policy"
    assert told.getMessage().endswith("b.csv is gone, and what it said is policy no more")


def test_files_are_looked_at_no_more_often_than_asked_for(desk: Desk) -> None:
    live = desk.live(every=2.0)
    desk.policy.write_text(DENIED)
    assert effect(live) == "allow"
    desk.clock.now += 2.0
    assert effect(live) == "deny"


def test_the_first_reading_must_be_good(desk: Desk) -> None:
    desk.policy.write_text("P, x\n")
    with pytest.raises(PolicyError, match="unknown line type"):
        desk.live()


def test_ten_threads_never_see_a_half_policy_while_it_is_edited(desk: Desk) -> None:
    """Both versions deny: one by a rule for a role, the other by one for the user. Stock Casbin lets some through."""
    versions = [DENIED, ALLOW.replace("allow", "deny") + "p, role:other, *, */*, read, , allow, x\n"]
    desk.policy.write_text(DENIED)
    live = desk.live()
    wrong: list[str] = []
    decided = [0] * 10
    start, done = Barrier(11), Event()

    def ask(number: int) -> None:
        start.wait(30)
        while not done.is_set():
            answer = effect(live)
            decided[number] += 1
            if answer != "deny":
                wrong.append(answer)

    threads = [Thread(target=ask, args=(number,), daemon=True) for number in range(10)]
    for thread in threads:
        thread.start()
    start.wait(30)
    for text in edits(versions):
        new = desk.policy.with_suffix(".new")
        new.write_text(text)
        new.replace(desk.policy)
        assert effect(live) == "deny"
    done.set()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert sum(decided) > 0
    assert not any(thread.is_alive() for thread in threads)


def edits(versions: list[str]) -> Iterator[str]:
    for number in range(30):
        yield "P, broken\n" if number % 5 == 4 else versions[number % 2]


def test_a_broken_edit_is_told_once_with_its_line_and_its_mending_too(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    live = desk.live()
    desk.policy.write_text(ALLOW + "p, *, *, */*, call, , Deny, why\n")
    for _ in range(3):
        desk.clock.now += SETTLES
        effect(live)
    desk.policy.write_text(DENIED)
    effect(live)
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(",")[0] for line in told[::2]] == [
        "the edited policy is refused",
        "the policy is in force again as it stands in its files",
    ]
    assert "policy.csv:2:" in told[1]
    assert "did you mean" in told[1]
    assert len(told) == 3
