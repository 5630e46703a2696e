"""The sixteen combinations of eras and transports: what `tests/conformance/matrix.py` looks at.

The table at the end of the test run shows all of it, also what a client sees that talks to the server itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.conformance.matrix import ITSELF, SERVERS, WAYS, Way, row, through_the_gateway, without_a_gateway
from tests.fixtures.table import Table
from tests.fixtures.told import tell

Looked = Callable[[str, Way], Mapping[str, str]]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """What became of the checks of one row; all servers that are reached in this way are looked at together."""
    table = Table()

    def found(server: str, way: Way) -> Mapping[str, str]:
        name = row(server, way)
        if name not in table.rows:
            look = without_a_gateway if server == ITSELF else through_the_gateway
            table.rows |= asyncio.run(look(way, tmp_path_factory.mktemp("combinations")))
        return table.rows[name]

    yield found
    for line in table.lines():
        tell(line)


def named(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("server", [pytest.param(ITSELF, marks=pytest.mark.soak), *SERVERS])
@pytest.mark.parametrize("way", WAYS, ids=named)
def test_everything_gets_through(server: str, way: Way, looked: Looked) -> None:
    wrong = {name: outcome for name, outcome in looked(server, way).items() if outcome not in ("ok", "-")}
    if wrong:
        pytest.fail("\n".join(f"{name}: {outcome}" for name, outcome in wrong.items()), pytrace=False)
