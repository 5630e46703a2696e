import asyncio
import threading

from providers import ProviderError, Request
from providers.late import Late
from tests.fixtures.acting import ASKED, Acting, answer, heard


class Backend(Acting):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


class Counts(Backend):
    async def count(self, request: Request) -> int:
        return len(request.system)


class Miscounts(Backend):
    async def count(self, _request: Request) -> int:
        raise ProviderError("network", "gone")


def test_it_is_connected_when_it_is_asked_once_and_in_a_thread() -> None:
    connected: list[str] = []
    backend = Backend([answer()])

    def connect() -> Backend:
        connected.append(threading.current_thread().name)
        return backend

    async def scenario() -> None:
        late = Late(connect)
        assert connected == []
        await asyncio.gather(*(heard(late) for _ in range(5)))
        assert len(connected) == 1
        assert connected[0] != threading.main_thread().name
        assert len(backend.asked) == 5
        await late.aclose()
        assert backend.closed == 1

    asyncio.run(scenario())


def test_what_was_never_asked_need_not_be_closed() -> None:
    connected: list[str] = []

    def connect() -> Backend:
        connected.append("here")
        return Backend([answer()])

    asyncio.run(Late(connect).aclose())
    assert connected == []


def test_a_backend_that_can_count_counts_and_one_that_can_not_says_so() -> None:
    async def scenario() -> list[int | None]:
        return [await Late(lambda made=made: made([answer()])).count(ASKED) for made in (Counts, Backend, Miscounts)]  # type: ignore[misc]

    assert asyncio.run(scenario()) == [len("Be brief."), None, None]
