import traceback

import pytest

from providers import Finished, ProviderError
from providers.discreet import Discreet, told
from tests.fixtures.acting import Acting, answer, heard, timeless

KEY = "sk-ant-hunter2hunter2"


@pytest.mark.parametrize(
    "error", [ProviderError("auth", f"bad key {KEY} in Bearer {KEY}", status=401), KeyError(KEY), ValueError(KEY)]
)
def test_no_error_repeats_a_secret_nor_brings_along_one_that_does(error: Exception) -> None:
    async def scenario() -> None:
        (said,) = await heard(Discreet(Acting([error]), [KEY]))
        assert isinstance(said, ProviderError)
        assert "hunter2" not in "".join(traceback.format_exception(said))

    with timeless() as runner:
        runner.run(scenario())


def test_an_error_keeps_all_else() -> None:
    error = ProviderError("rate_limit", f"{KEY} is slow", status=429, retry_after=3.0, request_id="q")
    said = told(error, ["hunter2", KEY])
    assert (said.kind, str(said), said.status, said.retry_after, said.request_id) == (
        "rate_limit", "*** is slow", 429, 3.0, "q",
    )  # fmt: skip
    harmless = ProviderError("server", "it broke")
    assert told(harmless, [KEY, "", "it"]) is harmless


def test_a_defect_of_an_adapter_is_an_error_of_the_backend() -> None:
    async def scenario() -> None:
        (said,) = await heard(Discreet(Acting([KeyError("choices")]), []))
        assert isinstance(said, ProviderError)
        assert (said.kind, str(said)) == ("protocol", "the adapter of this backend failed: KeyError")
        assert isinstance((await heard(Discreet(Acting([answer()]), [])))[-1], Finished)

    with timeless() as runner:
        runner.run(scenario())
