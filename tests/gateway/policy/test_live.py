"""A policy that is edited while it decides. Time is a number that the test moves; nothing sleeps."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event, Semaphore, Thread, get_ident
from typing import Any

import pytest

from gateway.errors import PolicyError
from gateway.policy import LivePolicy, Policy, load
from gateway.policy.decide import Decision
from gateway.policy.files import Source, journal_of, read_sources
from gateway.policy.live import LONGEST, SETTLES, Caution, Coming
from gateway.policy.model import MODEL
from gateway.policy.scope import Query
from gateway.policy.taking import take
from tests.fixtures.policies import a_query

ALLOW = "p, user:ann, *, shop/refund, call, , allow, may\n"
DENIED = ALLOW + "p, role:blocked, *, */*, call, , deny, blocked\ng, user:ann, role:blocked, *\n"


CALM = Caution()
LOSES = 1e6  # seconds, so that the clock on the wall does not matter


class Clock:
    def __init__(self) -> None:
        self.now, self.asked = 1000.0, Semaphore(0)

    def __call__(self) -> float:
        self.asked.release()
        return self.now


class Desk:
    """A model, a policy file, and somebody who edits them."""

    def __init__(self, folder: Path) -> None:
        self.model, self.policy, self.clock = folder / "model.conf", folder / "policy.csv", Clock()
        self.model.write_text(MODEL)
        self.policy.write_text(ALLOW)

    def live(self, every: float = 0.0, caution: Caution = CALM) -> LivePolicy:
        return LivePolicy(self.model, self.policy, every=every, caution=caution, clock=self.clock)

    def after_a_restart(self, before: LivePolicy) -> LivePolicy:
        """As a process finds it that knows what was in force."""
        return self.live(caution=Caution(before=before.in_force))


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


def test_what_came_together_is_judged_by_one_look_and_what_comes_after_an_edit_never_by_the_one_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, looks = desk.live(), list[str]()
    stamps = LivePolicy._stamps  # noqa: SLF001 - how often the files are looked at

    def counted(self: LivePolicy) -> Any:
        looks.append("look")
        return stamps(self)

    monkeypatch.setattr(LivePolicy, "_stamps", counted)
    came = desk.clock.now
    desk.clock.now += 1
    assert live.glance_since(came).decide(a_query()).effect == "allow"
    assert live.glance_since(came) is live.glance_since(came - 5)
    assert (looks, live.coming) == (["look"], None)
    desk.policy.write_text(DENIED)
    live.glance_since(came)
    assert (looks, live.coming) == (["look"], None)  # it came before the edit
    live.glance_since(desk.clock.now)  # in the very moment of the last look: nobody knows which was first
    assert looks == ["look", "look"]
    assert live.coming is not None
    assert asyncio.run(live.settled()).decide(a_query()).effect == "deny"


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


def test_a_file_that_denied_and_leaves_a_folder_is_refused_until_it_is_meant_and_told_of_once(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = a_folder(tmp_path)
    live = LivePolicy(desk.model, folder, clock=desk.clock)
    assert effect(live) == "deny"
    (folder / "b.csv").unlink()
    assert effect(live) == "deny"
    assert "b.csv` is gone, and with it 1 `ask`, `deny`, `o` or `g` line in force" in str(live.problem)
    live.accept({load(desk.model, folder).digest})
    caplog.clear()
    for _ in range(3):
        assert effect(live) == "allow"
        desk.clock.now += SETTLES
    told = caplog.records[-1]
    assert len(caplog.records) == 2  # and that it is in force again
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
        "the policy's files are refused",
        "the policy is in force again as it stands in its files",
    ]
    assert "policy.csv:2:" in told[1]
    assert "did you mean" in told[1]
    assert len(told) == 3


# ---- how a file may change

LONG_QUIET = 1e6  # seconds, so that the clock on the wall does not matter


def write_slowly(desk: Desk, text: str, look: Callable[[], object]) -> None:
    """As an editor does that empties the file first; `look` is called between the pieces."""
    with desk.policy.open("w") as file:
        look()
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()
            look()
            desk.clock.now += LONG_QUIET / 10


def test_a_file_that_is_being_written_is_left_alone_until_it_rests(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policy.live.LONGEST", 1e9)
    live = desk.live(caution=Caution(quiet=LONG_QUIET))
    seen: list[str] = []
    grants = "".join(f"p, user:u{number}, *, */*, call, , allow, may\n" for number in range(6))
    write_slowly(desk, f"{grants}{DENIED}", lambda: seen.append(effect(live)))
    assert seen == ["allow"] * 10
    desk.clock.now += LONG_QUIET * 0.8
    assert effect(live) == "allow"
    desk.clock.now += LONG_QUIET * 0.2
    assert effect(live) == "deny"
    assert caplog.records == []


def test_a_file_that_is_away_for_a_moment_while_it_is_written_anew_is_not_missed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    live = desk.live(caution=Caution(quiet=LONG_QUIET))
    desk.policy.unlink()
    assert effect(live) == "allow"
    assert live.problem is None
    desk.policy.write_text(DENIED)
    os.utime(desk.policy, (1, 1))
    assert effect(live) == "deny"
    assert caplog.records == []


def test_a_file_that_never_rests_is_read_all_the_same(desk: Desk) -> None:
    live = desk.live(caution=Caution(quiet=LONG_QUIET))
    begun = desk.clock.now
    while effect(live) == "allow":
        desk.policy.write_text(f"{DENIED}# {desk.clock.now}\n")
        desk.clock.now += LONGEST / 8
        assert desk.clock.now - begun < 2 * LONGEST


def test_a_file_that_was_written_long_ago_and_comes_by_renaming_counts_at_once(desk: Desk, tmp_path: Path) -> None:
    live = desk.live(caution=Caution(quiet=LONG_QUIET))
    new = tmp_path / "new.csv"
    new.write_text(DENIED)
    os.utime(new, (1, 1))
    new.replace(desk.policy)
    assert effect(live) == "deny"


@pytest.mark.parametrize("folder", [False, True], ids=["policy.csv", "policy.d"])
def test_a_config_map_of_kubernetes_is_followed(desk: Desk, tmp_path: Path, folder: bool) -> None:
    """Its files link to `..data/NAME`, and `..data` to a folder of a date; an update turns that one link."""
    mount = tmp_path / ("policy.d" if folder else "config")
    mount.mkdir()

    def update(date: str, text: str) -> None:
        (mount / f"..{date}").mkdir()
        (mount / f"..{date}" / "policy.csv").write_text(text)
        (mount / "..data_tmp").symlink_to(f"..{date}")
        (mount / "..data_tmp").rename(mount / "..data")

    update("2026_11_25_1", ALLOW)
    (mount / "policy.csv").symlink_to("..data/policy.csv")
    live = LivePolicy(desk.model, mount if folder else mount / "policy.csv", clock=desk.clock)
    desk.clock.now += 10 * SETTLES
    assert effect(live) == "allow"
    update("2026_11_25_2", DENIED)
    assert effect(live) == "deny"
    desk.clock.now += 10 * SETTLES
    update("2026_11_25_3", "P, broken\n")
    assert effect(live) == "deny"
    assert "policy.csv:1:1: error: unknown line type `P`" in str(live.problem)


@pytest.mark.parametrize("what", ["folder", "pipe", "dangling link"])
def test_what_is_no_file_any_more_leaves_the_last_good_policy_in_force(desk: Desk, what: str) -> None:
    live = desk.live()
    desk.policy.unlink()
    match what:
        case "folder":
            desk.policy.mkdir()
        case "pipe":
            os.mkfifo(desk.policy)
        case _:
            desk.policy.symlink_to("nowhere")
    assert effect(live) == "allow"
    assert live.problem is not None


# ---- what loses most of its lines

MANY = "".join(f"p, *, *, bank/t{number}, call, , deny, no\n" for number in range(9)) + ALLOW


def test_a_policy_that_is_cut_stays_in_force_whole_until_somebody_says_that_it_is_meant(desk: Desk) -> None:
    desk.policy.write_text(MANY)
    live = desk.live()
    whole = live.current
    desk.policy.write_text(MANY[-len(ALLOW) :])
    assert live.current is whole
    assert "policy.csv: error: only 1 of the 10 `p` lines in force are left" in str(live.problem)
    live.accept({"0" * 64})  # something else
    assert live.current is whole
    live.accept({load(desk.model, desk.policy).digest})
    assert len(live.current.rules) == 1
    assert live.problem is None


def test_a_marker_in_the_file_says_it_too(desk: Desk) -> None:
    desk.policy.write_text(MANY)
    live = desk.live()
    marker = f"# policy: shrunk on purpose from {live.current.digest[:12]}\n"
    desk.policy.write_text(marker + ALLOW)
    assert len(live.current.rules) == 1
    desk.policy.write_text(marker)
    assert len(live.current.rules) == 1  # it was meant for another one


# ---- what is written in two halves


def test_a_file_that_is_appended_to_in_two_halves_never_counts_as_a_half(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = desk.live(caution=Caution(loses=LOSES))
    head, tail = DENIED[: len(ALLOW)], DENIED[len(ALLOW) :]
    desk.policy.write_text(head)
    for _ in range(3):
        assert effect(live) == "deny"
        desk.clock.now += LOSES / 4
    live.accept({"0" * 64})  # something else
    assert effect(live) == "deny"
    with desk.policy.open("a") as file:
        file.write(tail + "# done\n")
    assert effect(live) == "deny"
    assert live.in_force.sources[1].content.endswith(b"# done\n")


def test_a_file_that_lost_a_denial_and_is_left_alone_counts_after_a_while(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = desk.live(caution=Caution(loses=LOSES))
    desk.policy.write_text(ALLOW)
    assert effect(live) == "deny"
    desk.clock.now += LOSES
    assert effect(live) == "allow"


def test_a_file_that_is_renamed_into_place_or_accepted_counts_at_once(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = desk.live(caution=Caution(loses=LOSES))
    aside = desk.policy.with_name("new")
    aside.write_text(ALLOW)
    aside.replace(desk.policy)
    assert effect(live) == "allow"
    desk.policy.write_text(DENIED)
    assert effect(live) == "deny"
    live.accept({load_text(desk, ALLOW)})
    desk.policy.write_text(ALLOW)
    assert effect(live) == "allow"


def load_text(desk: Desk, text: str) -> str:
    desk.policy.write_text(text)
    digest = load(desk.model, desk.policy).digest
    desk.policy.write_text(DENIED)
    return digest


# ---- a link that goes round in a circle


@pytest.mark.parametrize("name", ["policy", "model"])
def test_a_link_to_itself_is_a_refused_edit(desk: Desk, name: str) -> None:
    live = desk.live()
    file = getattr(desk, name)
    file.unlink()
    file.symlink_to(file)
    assert effect(live) == "allow"
    assert "can't be read" in str(live.problem)


# ---- across a restart


@pytest.mark.parametrize("text", [*BROKEN.values(), ALLOW], ids=[*BROKEN, "most of it is gone"])
def test_a_restart_changes_nothing_that_is_in_force(desk: Desk, text: str, caplog: pytest.LogCaptureFixture) -> None:
    desk.policy.write_text(MANY)
    first = desk.live()
    desk.policy.write_text(text, errors="surrogateescape")
    again = desk.after_a_restart(first)
    assert again.current.digest == first.current.digest
    assert len(again.current.rules) == 10
    assert str(desk.policy) in str(again.problem)
    assert "the policy's files are refused, and the last good one stays in force" in caplog.text
    desk.policy.write_text(MANY + DENIED)
    assert len(again.current.rules) == 12
    assert again.problem is None


def test_a_file_that_is_gone_leaves_what_it_said_in_force_also_after_a_restart(desk: Desk) -> None:
    first = desk.live()
    desk.policy.unlink()
    again = desk.after_a_restart(desk.after_a_restart(first))
    assert effect(again) == "allow"
    assert "can't be read" in str(again.problem)


def test_what_was_in_force_and_can_not_be_read_any_more_does_not_hide_what_is_wrong_now(desk: Desk) -> None:
    first = desk.live().in_force
    desk.policy.write_text("P, x\n")
    broken = replace(first, sources=(first.sources[0], Source("policy.csv", b"q, of another version\n")))
    with pytest.raises(PolicyError, match="unknown line type `P`"):
        desk.live(caution=Caution(before=broken))


def test_what_is_new_since_the_last_process_counts_at_once(desk: Desk) -> None:
    first = desk.live()
    desk.policy.write_text(DENIED)
    again = desk.after_a_restart(first)
    assert effect(again) == "deny"
    assert again.problem is None


# ---- who decides while somebody edits


def settled(live: LivePolicy) -> str:
    return asyncio.run(live.settled()).decide(a_query()).effect


def patient(desk: Desk, caution: Caution) -> LivePolicy:
    """By the clock of this machine."""
    return LivePolicy(desk.model, desk.policy, caution=caution)


async def waits(desk: Desk, live: LivePolicy) -> "asyncio.Task[Policy]":
    """Somebody who has looked at the files several times, and waits for them."""
    desk.clock.asked = Semaphore(0)
    waiting = asyncio.create_task(live.settled())
    for _ in range(5):
        assert await asyncio.to_thread(desk.clock.asked.acquire, timeout=60)
    assert not waiting.done()
    return waiting


def test_who_waits_for_an_edit_to_end_gets_what_it_says(desk: Desk) -> None:
    live = desk.live(caution=Caution(quiet=1e6))
    desk.policy.write_text(DENIED)
    assert (effect(live), live.coming) == ("allow", Coming())

    async def scenario() -> str:
        waiting = await waits(desk, live)
        desk.clock.now += LONGEST
        return (await waiting).decide(a_query()).effect

    assert asyncio.run(scenario()) == "deny"
    assert live.coming is None


def test_who_waits_for_a_file_that_lost_a_denial_gets_what_it_says_and_may_know_before(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = desk.live(caution=Caution(loses=1e6))
    desk.policy.write_text(ALLOW)
    assert effect(live) == "deny"
    assert live.coming is not None
    assert live.coming.policy is not None
    assert live.coming.policy.decide(a_query()).effect == "allow"

    async def scenario() -> str:
        waiting = await waits(desk, live)
        desk.clock.now += 1e6
        return (await waiting).decide(a_query()).effect

    assert asyncio.run(scenario()) == "allow"
    assert live.coming is None


def test_a_file_that_lost_members_of_a_role_that_is_denied_may_still_be_growing(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = desk.live(caution=Caution(loses=LOSES))
    desk.policy.write_text(DENIED.replace("g, user:ann, role:blocked, *\n", ""))
    assert effect(live) == "deny"
    desk.clock.now += LOSES
    assert effect(live) == "allow"


def test_an_edit_is_read_in_a_thread_while_the_loop_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    live = desk.live()
    begun, go_on, here = Event(), Event(), get_ident()
    reading: list[int] = []

    def slow(*given: Any) -> Policy:
        reading.append(get_ident())
        begun.set()
        assert go_on.wait(60)
        return take(*given)

    async def scenario() -> str:
        desk.policy.write_text(DENIED)
        assert live.glance.decide(a_query()).effect == "allow"
        assert live.coming == Coming()
        waiting = asyncio.create_task(live.settled())
        assert await asyncio.to_thread(begun.wait, 60)
        assert live.glance.decide(a_query()).effect == "allow"  # the loop goes on while it is read
        assert not waiting.done()
        go_on.set()
        return (await waiting).decide(a_query()).effect

    monkeypatch.setattr("gateway.policy.live.take", slow)
    assert asyncio.run(scenario()) == "deny"
    assert reading
    assert here not in reading


def test_an_edit_that_comes_while_others_look_is_waited_for_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They looked before it came: that nothing was coming then says nothing of it."""
    live = desk.live()
    begun, go_on = Event(), Event()

    def slow(path: Path) -> list[Source]:
        found = read_sources(path)
        if path == desk.policy:
            begun.set()
            assert go_on.wait(60)
        return found

    async def scenario() -> str:
        monkeypatch.setattr("gateway.policy.live.read_sources", slow)
        others = asyncio.create_task(asyncio.to_thread(lambda: live.current))
        assert await asyncio.to_thread(begun.wait, 60)
        desk.policy.write_text(DENIED)
        assert live.glance.decide(a_query()).effect == "allow"
        assert live.coming == Coming()
        waiting = asyncio.create_task(live.settled())
        go_on.set()
        assert (await others).decide(a_query()).effect == "allow"
        return (await waiting).decide(a_query()).effect

    assert asyncio.run(scenario()) == "deny"
    assert live.coming is None


def test_an_edit_that_makes_no_difference_to_who_asks_is_not_waited_for(desk: Desk) -> None:
    desk.policy.write_text(DENIED)
    live = patient(desk, Caution(loses=1e6))
    desk.policy.write_text(ALLOW)

    async def scenario(same: bool) -> bool:
        task = asyncio.create_task(live.settled(lambda policy: same and len(policy.rules) == 1))
        done, _ = await asyncio.wait([task], timeout=60 if same else 0.2)
        task.cancel()
        return bool(done)

    assert asyncio.run(scenario(same=True))
    assert not asyncio.run(scenario(same=False))


def test_a_broken_edit_is_waited_for_no_longer_than_until_it_is_refused(desk: Desk) -> None:
    live = patient(desk, Caution(quiet=0.1))
    desk.policy.write_text("P, x\n")
    assert settled(live) == "allow"
    assert live.coming is None
    assert "unknown line type" in str(live.problem)


def test_nobody_waits_for_ever_for_an_edit_that_nobody_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.live.LONGEST", 0.1)
    live = patient(desk, Caution(quiet=0.05))
    journal_of(desk.policy).touch()
    desk.policy.write_text(DENIED)
    assert settled(live) == "allow"
    assert live.coming == Coming()


@pytest.mark.parametrize(("half", "whole"), [(ALLOW, DENIED), (DENIED, f"{DENIED}p, *, *, a/b, call, , deny, no\n")])
def test_a_process_that_starts_in_the_middle_of_an_edit_waits_for_its_end(
    desk: Desk, half: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.policy.write_text(DENIED if half is ALLOW else ALLOW)
    before = desk.live().in_force
    desk.policy.write_text(half)
    monkeypatch.setattr("gateway.policy.live.time.sleep", lambda _: desk.policy.write_text(whole))
    live = patient(desk, Caution(quiet=1e6, loses=1e9, before=before))
    assert live.in_force.sources[1].content.decode() == whole


def test_a_process_that_starts_with_what_was_in_force_or_is_accepted_waits_for_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.policy.write_text(DENIED)
    before = desk.live().in_force
    monkeypatch.setattr("gateway.policy.live.time.sleep", lambda _: pytest.fail("it waited"))
    patient(desk, Caution(quiet=1e9, loses=1e9, before=before))
    accepted = (load_text(desk, ALLOW),)
    desk.policy.write_text(ALLOW)
    assert effect(patient(desk, Caution(quiet=1e9, loses=1e9, before=before, accepted=accepted))) == "allow"


# ---- who listens


def test_whoever_overhears_is_told_also_after_an_edit_and_else_nobody_is_there(desk: Desk) -> None:
    live = desk.live()
    first = live.current
    assert first.hear is None
    heard: list[tuple[Query, Decision]] = []

    def hear(query: Query, decision: Decision) -> None:
        heard.append((query, decision))

    live.overheard(hear)
    before = live.current
    assert before.hear is hear
    assert before.decide(a_query()).effect == "allow"
    desk.policy.write_text(DENIED)
    assert live.current.hear is hear
    assert effect(live) == "deny"
    live.overheard(None)
    last = live.current
    assert last.hear is None
