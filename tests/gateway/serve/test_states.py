"""What a client carries is his own, for this request, for an hour; nobody else's, and for nothing else."""

import base64
from dataclasses import replace

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import Subject
from gateway.clients import Round
from gateway.keyring import KeyRing
from gateway.serve.states import STATE_SECONDS, Bond, Carried, States

ANN = Subject("user:ann", "acme", "agent:desk")
BOND = Bond(ANN, "sales", "tools/call", "crm/ask", {"name": "crm__ask", "arguments": {"a": 1}})
CARRIED = Carried("the server's own", Round("r-1", "call/1", 2))


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def states(key: int = 1) -> States:
    return States(KeyRing([bytes([key]) * 32]))


@pytest.mark.parametrize("carried", [CARRIED, Carried(parked="p"), Carried(), Carried(state="")])
def test_what_was_sealed_comes_back(carried: Carried) -> None:
    assert states().opened(states().sealed(carried, BOND), BOND) == carried


def test_the_answers_and_the_envelope_of_the_next_round_make_no_difference() -> None:
    further = {**BOND.params, "inputResponses": {"q": {}}, "requestState": "x", "_meta": {"progressToken": 2}}
    assert states().opened(states().sealed(CARRIED, BOND), replace(BOND, params=further)) == CARRIED


@pytest.mark.parametrize(
    "other",
    [
        replace(BOND, subject=replace(ANN, user="user:bob")),
        replace(BOND, subject=replace(ANN, tenant="globex")),
        replace(BOND, subject=replace(ANN, agent=None)),
        replace(BOND, profile="stock"),
        replace(BOND, profile=""),
        replace(BOND, method="prompts/get"),
        replace(BOND, path="billing/ask"),
        replace(BOND, params={"name": "crm__ask", "arguments": {"a": 2}}),
        replace(BOND, params={"name": "crm/ask", "arguments": {"a": 1}}),
    ],
)
def test_a_state_is_good_for_nothing_else(other: Bond) -> None:
    sealed = states().sealed(CARRIED, BOND)
    with pytest.raises(MCPError, match="does not belong to this request") as caught:
        states().opened(sealed, other)
    assert caught.value.code == types.INVALID_PARAMS


@pytest.mark.parametrize("text", ["", "?", "é", "QUJD", "the server's own", "A" * 100_000])
def test_what_we_did_not_seal_is_refused(text: str) -> None:
    with pytest.raises(MCPError, match="does not belong"):
        states().opened(text, BOND)


def test_a_changed_byte_or_another_key_is_refused() -> None:
    sealed = bytearray(base64.urlsafe_b64decode(states().sealed(CARRIED, BOND)))
    sealed[-1] ^= 1
    with pytest.raises(MCPError, match="does not belong"):
        states().opened(base64.urlsafe_b64encode(sealed).decode(), BOND)
    with pytest.raises(MCPError, match="does not belong"):
        states(2).opened(states().sealed(CARRIED, BOND), BOND)


def test_nobody_can_read_what_is_sealed() -> None:
    sealed = base64.urlsafe_b64decode(states().sealed(CARRIED, BOND))
    assert b"server" not in sealed


def test_a_state_is_good_for_an_hour() -> None:
    clock = Clock()
    states = States(KeyRing([bytes(32)]), clock=clock)
    sealed = states.sealed(CARRIED, BOND)
    clock.now += STATE_SECONDS
    assert states.opened(sealed, BOND) == CARRIED
    clock.now += 1
    with pytest.raises(MCPError, match="too old"):
        states.opened(sealed, BOND)


def test_each_state_is_something_else_to_use_up() -> None:
    first, second = states().sealed(CARRIED, BOND), states().sealed(CARRIED, BOND)
    opened = [states().opened(sealed, BOND).once for sealed in (first, first, second)]
    assert opened[0] is not None
    assert opened[0] == opened[1] != opened[2]
