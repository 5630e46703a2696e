"""Who can be asked, and that nobody is there where nobody is."""

import asyncio
from typing import Any

import pytest

from gateway.caller import ASKING, NOBODY, CantAsk, asks


@pytest.mark.parametrize("name", ASKING)
def test_a_client_can_be_asked_by_each_of_the_three_capabilities(name: str) -> None:
    assert asks({name: {}})


@pytest.mark.parametrize("declared", [{}, {"elicitation": None}, {"sampling": True}, {"tasks": {}}, {"extensions": {}}])
def test_nothing_else_lets_a_server_ask(declared: dict[str, Any]) -> None:
    assert not asks(declared)


def test_nobody_hears_nothing_and_answers_nothing() -> None:
    NOBODY.hear("notifications/progress", {})
    with pytest.raises(CantAsk) as refused:
        asyncio.run(NOBODY.ask("roots/list", {}))
    assert refused.value.code == -32601
    assert (asks(NOBODY.capabilities), NOBODY.wants_progress, NOBODY.log_level) == (False, False, None)
