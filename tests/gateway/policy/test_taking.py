"""Whether an edited policy may take the place of the one in force."""

from dataclasses import replace

import pytest

from gateway.errors import PolicyError
from gateway.policy.files import Source
from gateway.policy.load import digest_of
from gateway.policy.model import MODEL
from gateway.policy.taking import FEW, InForce, Size, loss, marked, take
from gateway.policy.wording import SHRUNK

ALLOW = "p, *, *, shop/t{}, call, , allow, may\n"
DENY = "p, *, *, shop/t{}, call, , deny, no\n"
OBLIGE = "o, *, *, shop/t{}, call, , redact=ssn, keep it in\n"


def lines(allow: int, deny: int = 0) -> str:
    return "".join(ALLOW.format(n) for n in range(allow)) + "".join(DENY.format(n) for n in range(deny))


def sources(text: str) -> tuple[Source, ...]:
    return Source("model.conf", MODEL.encode()), Source("policy.csv", text.encode())


def before(text: str) -> InForce:
    policy = take(sources(text), None)
    return InForce(policy.digest, Size.of(policy))


def refusal(text: str, in_force: str) -> str:
    with pytest.raises(PolicyError) as refused:
        take(sources(text), before(in_force))
    return str(refused.value)


def test_what_loses_more_than_half_of_its_lines_says_that_it_is_meant_or_is_refused() -> None:
    in_force = lines(9)
    digest = before(in_force).digest
    said = refusal(lines(4), in_force)
    assert said.startswith("policy.csv: error: only 4 of the 9 `p` lines in force are left")
    marker = f"# policy: shrunk on purpose from {digest[:12]}"
    assert f"write `{marker}` into the file" in said
    assert "toolgate policy reload --force" in said
    assert len(take(sources(f"{marker}\n{lines(4)}"), before(in_force)).rules) == 4
    assert len(take(sources(lines(5)), before(in_force)).rules) == 5


def test_what_loses_most_of_its_denials_is_refused_however_many_grants_are_left() -> None:
    assert "only 1 of the 4 `ask` and `deny` lines in force are left" in refusal(lines(30, 1), lines(30, 4))
    assert len(take(sources(lines(30, 2)), before(lines(30, 4))).rules) == 32


def test_what_loses_most_of_its_duties_is_refused_as_if_they_were_denials() -> None:
    in_force = lines(30, 1) + "".join(OBLIGE.format(n) for n in range(4))
    assert "only 1 of the 4 `o` lines in force are left" in refusal(lines(30, 1) + OBLIGE.format(0), in_force)
    kept = lines(30, 1) + OBLIGE.format(0) + OBLIGE.format(1)
    assert len(take(sources(kept), before(in_force)).obligations) == 2


def test_of_a_policy_of_few_lines_any_but_the_last_may_go() -> None:
    assert len(take(sources(lines(1)), before(lines(FEW - 1))).rules) == 1
    assert len(take(sources(lines(3)), before(lines(0, FEW - 1) + lines(3))).rules) == 3


@pytest.mark.parametrize("marker", [SHRUNK, SHRUNK + " from {other}", "# {own}"])
def test_a_marker_that_names_another_policy_or_none_says_nothing(marker: str) -> None:
    in_force = lines(9)
    text = marker.format(other="0" * 12, own=before(in_force).digest)
    assert "only 2 of the 9" in refusal(f"{text}\n{lines(2)}", in_force)


def test_a_marker_is_spent_once_its_policy_is_in_force() -> None:
    first = before(lines(20))
    smaller = f"# policy: shrunk on purpose from {first.digest[:12]}\n{lines(8)}"
    assert len(take(sources(smaller), first).rules) == 8
    assert "only 2 of the 8" in refusal(smaller[: smaller.index("t2")].rpartition("p,")[0], smaller)


def test_a_digest_that_a_person_has_accepted_is_taken_and_no_other() -> None:
    few, model = lines(2), sources("")[0]
    accepted = {digest_of(model, sources(few)[1:])}
    assert len(take(sources(few), before(lines(9)), accepted).rules) == 2
    with pytest.raises(PolicyError):
        take(sources(lines(1)), before(lines(9)), accepted)


@pytest.mark.parametrize("text", ["", "# nothing\n", "g, user:ann, role:x, *\n"])
def test_an_emptied_policy_is_taken_only_if_it_is_meant_and_denies_everything(text: str) -> None:
    with pytest.raises(PolicyError, match="there is no `p` line"):
        take(sources(text), None)
    in_force = before(lines(2))
    accepted = {digest_of(sources(text)[0], sources(text)[1:])}
    assert take(sources(text), in_force, accepted).rules == ()
    assert take(sources(f"# policy: shrunk on purpose from {in_force.digest[:8]}\n{text}"), in_force).rules == ()
    with pytest.raises(PolicyError, match="there is no `p` line"):
        take(sources(f"# policy: shrunk on purpose from 00000000\n{text}"), in_force)


def test_lines_that_ask_or_deny_and_lines_that_oblige_are_counted_apart() -> None:
    """So that many of one kind do not hide that another is gone."""
    assert loss(Size(9, 44, 40), Size(9, 42, 40)) is None
    assert loss(Size(9, 44, 40), Size(9, 40, 40)) == "only 0 of the 4 `ask` and `deny` lines in force are left"
    assert loss(Size(49, 44, 4), Size(49, 41, 1)) == "only 1 of the 4 `o` lines in force are left"
    assert loss(Size(49, 44, None), Size(49, 20, 1)) == (
        "only 20 of the 44 `ask`, `deny` and `o` lines in force are left"
    )


def test_a_version_that_was_kept_without_their_numbers_is_counted_again() -> None:
    files = sources(lines(9) + "o, *, *, */*, call, , redact=ssn, x\n" * 4)
    kept = InForce(take(files, None).digest, replace(Size.of(take(files, None)), obliging=None), files)
    with pytest.raises(PolicyError, match="only 1 of the 4 `o` lines"):
        take(sources(lines(9) + "o, *, *, */*, call, , redact=ssn, x\n"), kept)


def test_what_says_the_same_is_no_loss() -> None:
    assert loss(Size(10, 5), Size(10, 5)) is None
    assert loss(Size(0, 0), Size(0, 0)) is None
    assert loss(Size(10, 0), Size(5, 0)) is None


def test_a_marker_may_be_written_on_windows_and_must_be_a_whole_line() -> None:
    digest = "1a2b3c4d5e6f" + "0" * 52
    text = "# policy: shrunk on purpose from 1a2b3c4d5e6f"
    assert marked([Source("f", f"{text}\r\n".encode())], digest)
    assert not marked([Source("f", f"p, x {text}\n".encode())], digest)
    assert not marked([Source("f", b"# policy: shrunk on purpose from 1a2b3c4\n")], digest)  # too short to be sure


# ---- files of a folder


def folder(**texts: str) -> tuple[Source, ...]:
    return Source("model.conf", MODEL.encode()), *(Source(f"{name}.csv", it.encode()) for name, it in texts.items())


def in_force(*files: Source) -> InForce:
    policy = take(files, None)
    return InForce(policy.digest, Size.of(policy), files)


SUSPENDED = "p, role:suspended, *, */*, call, , deny, suspended\n"
MEMBERS = "g, user:{}, role:suspended, *\n"


def members(count: int) -> str:
    return "".join(MEMBERS.format(f"u{number}") for number in range(count))


def test_what_loses_most_of_those_whom_a_line_restricts_is_refused() -> None:
    old = in_force(*sources(lines(3) + SUSPENDED + members(4)))
    with pytest.raises(PolicyError, match="only 1 of the 4 `g` lines in force that say whom a line restricts are left"):
        take(sources(lines(3) + SUSPENDED + members(1)), old)
    assert len(take(sources(lines(3) + SUSPENDED + members(2)), old).grants) == 2
    chain = "p, role:out, *, */*, call, , deny, out\ng, role:suspended, role:out, *\n"
    through = in_force(*sources(lines(3) + chain + members(4)))
    with pytest.raises(PolicyError, match="only 1 of the 5 `g` lines"):
        take(sources(lines(3) + chain), through)


def test_roles_that_only_grant_may_be_lost() -> None:
    sales = "p, role:suspended, *, shop/*, call, , allow, may\n"
    old = in_force(*sources(lines(3) + sales + members(6)))
    assert take(sources(lines(3) + sales), old).grants == ()
    looks = "p, *, *, shop/*, call, 'role:suspended' in subject.roles, ask, they are asked\n"
    old = in_force(*sources(lines(3) + looks + members(6)))
    with pytest.raises(PolicyError, match="only 0 of the 6 `g` lines"):
        take(sources(lines(3) + looks), old)


LOSSES = {
    "g": f"{SUSPENDED}g, user:eve, role:suspended, *\n",
    "deny": DENY.format(1),
    "ask": "p, *, *, shop/t0, call, , ask, careful\n",
    "o": "o, *, *, shop/t0, call, , redact=ssn, privacy\n",
}


@pytest.mark.parametrize("line", LOSSES.values(), ids=LOSSES)
def test_a_file_that_restricted_does_not_go_unless_it_is_meant(line: str) -> None:
    before = in_force(*folder(a=lines(3), b=line))
    with pytest.raises(
        PolicyError, match=r"`b\.csv` is gone, and with it [12] `ask`, `deny`, `o` or `g` lines? in force"
    ):
        take(folder(a=lines(3)), before)
    marker = f"# policy: shrunk on purpose from {before.digest[:12]}\n"
    taken = take(folder(a=marker + lines(3)), before)
    assert len(taken.rules) == 3
    left = folder(a=lines(3))
    assert take(left, before, {digest_of(left[0], left[1:])}).obligations == ()


def test_a_file_of_members_whom_a_line_of_another_file_restricts_does_not_go() -> None:
    before = in_force(*folder(a=lines(3) + SUSPENDED, roles=members(2)))
    with pytest.raises(PolicyError, match=r"`roles\.csv` is gone, and with it 2 `ask`, `deny`, `o` or `g` lines"):
        take(folder(a=lines(3) + SUSPENDED), before)


def test_a_file_that_granted_or_whose_lines_stand_elsewhere_may_go() -> None:
    before = in_force(*folder(a=lines(1), b=lines(1), c=DENY.format(1)))
    assert len(take(folder(a=lines(1) + DENY.format(1)), before).rules) == 2
    assert len(take(folder(a=lines(1), d=DENY.format(1)), before).rules) == 2


def test_a_spent_marker_says_nothing_of_a_file_that_is_emptied_later() -> None:
    before = in_force(*folder(a=lines(3), b=DENY.format(1)))
    marker = f"# policy: shrunk on purpose from {before.digest[:12]}\n"
    assert len(take(folder(a=lines(3), b=marker), before).rules) == 3
    later = in_force(*folder(a=lines(3), b=marker + DENY.format(1)))
    with pytest.raises(PolicyError, match=r"b\.csv: error: this file holds no line"):
        take(folder(a=lines(3), b=marker), later)


def test_what_is_built_already_is_taken_for_files_that_say_the_same_and_for_no_others() -> None:
    built = take(sources(lines(9)), None)
    assert take(sources(lines(9)), None, (), built) is built
    assert len(take(sources(lines(8)), None, (), built).rules) == 8
    with pytest.raises(PolicyError):
        take(sources(lines(9)), before(lines(30)), (), built)
