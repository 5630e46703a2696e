"""Whatever happens to whoever drives a run, at whichever point, over whichever database: it ends as it would have.

The points are those of a recording: before and after everything that the reference run records, leases, sends or asks
(`tests.fixtures.faulty`). At each of them each fault (`tests.fixtures.faults`) strikes a process that stands still just
there. What must be true then is in `tests.fixtures.reckoning`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gateway.run import Run
from tests.fixtures.faults import FAULTS, Fault
from tests.fixtures.playing import Play, Point, Theatre, theatre
from tests.fixtures.postgres import Server
from tests.fixtures.reckoning import wrongs
from tests.fixtures.told import tell

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def house() -> Iterator[Theatre]:
    with theatre() as made:
        yield made


Stage = Callable[..., Play]
Recording = tuple[Play, Run]
Records = dict[str, Recording]


@pytest.fixture(scope="module")
def records() -> Records:
    """By the database."""
    return {}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, house: Theatre, kind: str) -> Stage:
    """A new playing in a folder of this name; with a server over HTTP, if its era is given."""
    server: Server | None = request.getfixturevalue("postgres") if kind == "postgresql" else None
    return lambda name, era=None: Play(tmp_path / name, house, server.emptied() if server else None, server, era=era)


@pytest.fixture
def whole(stage: Stage, kind: str, records: Records) -> Recording:
    if kind not in records:
        records[kind] = recorded(stage)
    return records[kind]


def recorded(stage: Stage) -> Recording:
    """The run as it is when nothing happens to it."""
    with stage("whole").set() as whole:
        whole.play()
        assert wrongs(whole) == []
        assert len(whole.met.points) > 75  # how many there are depends on which facts share a commit
        return whole, whole.run


def struck(stage: Stage, whole: Recording, fault: Fault, point: Point) -> list[str]:
    """What is wrong after this."""
    with stage(f"{fault.name} {point[1]} {point[0]}".replace("/", "-"), fault.era).set() as play:
        play.strike(point, fault, whole[0])
        return wrongs(play, whole[1])


def name_of(point: Point) -> str:
    name, number = point
    return f"{name} (no. {number})" if number > 1 else name


def where(fault: Fault, points: Sequence[Point]) -> list[Point]:
    return [point for point in points if fault.may(point[0])]


def of(kind: str) -> Sequence[Fault]:
    return [fault for fault in FAULTS if fault.kind in (None, kind)]


def sample(kind: str) -> Sequence[Fault]:
    """Each fault over one of the databases over which it can happen."""
    return [fault for n, fault in enumerate(FAULTS) if fault.kind == kind or (not fault.kind and KINDS[n % 2] == kind)]


def test_whatever_happens_at_a_point_of_its_own_the_run_ends_as_it_would_have(
    stage: Stage, whole: Recording, kind: str
) -> None:
    """Each fault once, each at another point; with `./dev test --all` each at all of them."""
    points = whole[0].met.points
    faults = sample(kind)
    failures = []
    for number, fault in enumerate(faults):
        able = where(fault, points)
        point = able[len(able) * (2 * number + 1) // (2 * len(faults))]
        failures += [f"{fault.name}, {name_of(point)}: {each}" for each in struck(stage, whole, fault, point)]
    assert failures == []


@pytest.mark.soak
@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind in KINDS for fault in of(kind)],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_whatever_happens_at_whichever_point_the_run_ends_as_it_would_have(
    stage: Stage, whole: Recording, kind: str, fault: Fault
) -> None:
    """One line of the table: `.` where the run has ended as it would have, `!` where it has not, ` ` where the fault
    does not happen.
    """
    points = whole[0].met.points
    wrong = {point: struck(stage, whole, fault, point) for point in where(fault, points)}
    line = "".join(" " if point not in wrong else "!" if wrong[point] else "." for point in points)
    tell(f"{kind:<10} {fault.name:<27} {len(wrong):>3} played, {line.count('!')} wrong |{line}|")
    assert [f"{name_of(point)}: {each}" for point, found in wrong.items() for each in found] == []


@pytest.mark.soak
def test_the_points_are_listed(whole: Recording, kind: str) -> None:
    for number, point in enumerate(whole[0].met.points, 1):
        tell(f"{kind:<10} point {number:>3}: {name_of(point)}")
