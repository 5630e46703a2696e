"""What goes wrong with a backend, over real sockets and through each SDK: asked again where that may help, and when."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.config import load_config
from gateway.models import Models
from providers import Finished, ProviderError, Retrying, StreamEvent, TextDelta
from providers.clock import CLOCK, Clock
from providers.fake import FakeModel
from providers.own_errors import GaveUp
from providers.scripted import ScriptedProvider
from providers.scripted.faults import parsed
from tests.fixtures.acting import ASKED, heard

T = TypeVar("T")

SCRIPT = "steps:\n  - say: Hello from afar.\n"
NAMES = ("anthropic:claude-x", "openai:gpt-x", "compatible:x@lab")
TABLES = """\
[prices]
unknown_models = "free"
[endpoints.anthropic]
base_url = "{url}"
[endpoints.openai]
base_url = "{url}/v1"
[endpoints.lab]
base_url = "{url}/v1"
"""


def with_models(
    folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch, work: Callable[[Models], Coroutine[Any, Any, T]]
) -> tuple[T, Sequence[float]]:
    """What came of it, and the pauses that were made; nobody waits for them."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def scenario() -> T:
        for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
            monkeypatch.setenv(key, "sk-hunter2hunter2")
        (folder / "talk.yaml").write_text(SCRIPT)
        fake = FakeModel(ScriptedProvider.from_file(folder / "talk.yaml"), fault=parsed(fault) if fault else None)
        async with fake.listening():
            (folder / "toolgate.toml").write_text(TABLES.format(url=fake.url))
            models = Models(load_config(folder, {"HOME": str(folder)}), clock=Clock(CLOCK.now, sleep))
            try:
                return await work(models)
            finally:
                await models.aclose()

    return asyncio.run(scenario()), slept


def asked(
    folder: Path, name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[StreamEvent | ProviderError], Sequence[float]]:
    """What was heard, and the pauses."""
    return with_models(folder, fault, monkeypatch, lambda models: heard(models.open(name).provider))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("500 times=1", "server"),
        ("html times=1", "protocol"),
        ("cut after=2 times=1", "protocol"),
        ("reset after=0 times=1", "network"),
    ],
)
def test_what_may_pass_is_asked_again_and_comes_whole(
    tmp_path: Path, name: str, fault: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, slept = asked(tmp_path, name, fault, monkeypatch)
    (again,) = [event for event in events if isinstance(event, Retrying)]
    assert (again.error.kind, again.attempt) == (kind, 2)
    assert isinstance(events[-1], Finished)
    assert events[-1].reply.message.text == "Hello from afar."
    after = events[events.index(again) :]
    assert "".join(event.text for event in after if isinstance(event, TextDelta)) == "Hello from afar."
    assert slept == [again.delay]


@pytest.mark.parametrize("name", NAMES)
def test_an_endpoint_that_names_a_time_is_left_alone_so_long(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, slept = asked(tmp_path, name, "429 retry_after=7 times=1", monkeypatch)
    assert isinstance(events[-1], Finished)
    assert slept[0] >= 7.0
    events, slept = asked(tmp_path, name, "429 retry_after=900", monkeypatch)
    (gave_up,) = events
    assert isinstance(gave_up, GaveUp)
    assert (gave_up.kind, gave_up.retry_after, slept) == ("rate_limit", 900.0, [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "kind"), [("401", "auth"), ("403", "permission"), ("404", "not_found"), ("400", "bad_request")]
)
def test_what_would_not_pass_is_not_asked_again(
    tmp_path: Path, name: str, fault: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, slept = asked(tmp_path, name, fault, monkeypatch)
    (refused,) = events
    assert isinstance(refused, ProviderError)
    assert (refused.kind, slept) == (kind, [])
    assert "hunter2" not in str(refused)


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_pass_is_given_up_after_so_many_attempts(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, slept = asked(tmp_path, name, "503", monkeypatch)
    assert [type(event) for event in events] == [Retrying, Retrying, Retrying, GaveUp]
    assert len(slept) == 3


@pytest.mark.parametrize(("name", "counts"), [*((name, True) for name in NAMES[:2]), (NAMES[2], False)])
def test_a_backend_that_can_count_is_asked_to(
    tmp_path: Path, name: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(models: Models) -> int | None:
        counted = models.open(name).first.count
        assert counted is not None
        return await counted(ASKED)

    counted, _ = with_models(tmp_path, "", monkeypatch, count)
    assert (isinstance(counted, int) and counted > 0) if counts else counted is None
