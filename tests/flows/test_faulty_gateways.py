"""Whatever happens to a gateway at whichever point of a client's visit, over whichever database: what he wanted is made
in the end, nothing twice, and nothing is left behind. As `test_faults` has it for workers.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.fixtures.faults import Fault
from tests.fixtures.playing import Point, Theatre, theatre
from tests.fixtures.postgres import Server
from tests.fixtures.told import tell
from tests.fixtures.visiting import OF_GATEWAYS, Visit, visited

KINDS = ("sqlite", "postgresql")
SAMPLE = {"sqlite": ("killed", "answer lost"), "postgresql": ("cut off", "database restarted")}
Paid = Callable[..., tuple[Sequence[Point], list[str]]]


@pytest.fixture(scope="module")
def house() -> Iterator[Theatre]:
    with theatre("tests.fixtures.faulty_gateway") as made:
        yield made


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def visit(request: pytest.FixtureRequest, tmp_path: Path, house: Theatre, kind: str) -> Paid:
    """A visit in a folder of this name, with perhaps a fault at a point: its points, and what is wrong after it."""
    server: Server | None = request.getfixturevalue("postgres") if kind == "postgresql" else None

    def paid(name: str, point: Point | None = None, fault: Fault | None = None) -> tuple[Sequence[Point], list[str]]:
        url = server.emptied() if server else None
        era = fault.era if fault else None
        with Visit(tmp_path / name, house, url, server, era=era, point=point, fault=fault).set() as made:
            made.visit()
            return made.met.points, visited(made)

    return paid


def recorded(visit: Paid) -> Sequence[Point]:
    points, wrong = visit("whole")
    assert wrong == []
    assert len(points) > 20
    return points


def of(kind: str) -> Sequence[Fault]:
    return [fault for fault in OF_GATEWAYS if fault.kind in (None, kind)]


def struck(visit: Paid, fault: Fault, point: Point) -> list[str]:
    """What is wrong after this."""
    _, found = visit(f"{fault.name} {point[1]} {point[0]}".replace("/", "-"), point, fault)
    return [f"{fault.name}, {point[0]}: {wrong}" for wrong in found]


def test_whatever_happens_at_a_point_of_its_own_the_client_gets_what_he_wants(visit: Paid, kind: str) -> None:
    """A few faults once, each at another point; with `./dev test --all` all at all of them."""
    points, failures = recorded(visit), list[str]()
    faults = [fault for fault in of(kind) if fault.name in SAMPLE[kind]]
    for number, fault in enumerate(faults):
        able = [point for point in points if fault.may(point[0])]
        failures += struck(visit, fault, able[len(able) * (2 * number + 1) // (2 * len(faults))])
    assert failures == []


@pytest.mark.soak
@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind in KINDS for fault in of(kind)],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_whatever_happens_at_whichever_point_the_client_gets_what_he_wants(
    visit: Paid, kind: str, fault: Fault
) -> None:
    """One line of the table: `.` where all was well, `!` where not, ` ` where the fault does not happen."""
    points = recorded(visit)
    wrong = {point: struck(visit, fault, point) for point in points if fault.may(point[0])}
    line = "".join(" " if point not in wrong else "!" if wrong[point] else "." for point in points)
    tell(f"gateway, {kind:<10} {fault.name:<27} {len(wrong):>3} played, {line.count('!')} wrong |{line}|")
    assert [each for found in wrong.values() for each in found] == []
