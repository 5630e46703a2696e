"""What becomes of calls; and what is called beside them is no part of the conversation."""

from dataclasses import replace

from gateway.budget import Spend
from gateway.fates import inquiry_key
from gateway.run import Run
from tests.builders import (
    QUEUED,
    STARTED,
    admitted,
    denied,
    doubted,
    key,
    lost,
    play,
    resolved,
    returned,
    texts,
    wanted,
)

ASIDE = f"{key(1)}/reconcile/1"


def in_doubt() -> Run:
    return play(QUEUED, STARTED, *wanted(1, "shop/refund"), admitted(1), lost(1), "reconcile 1")


def test_an_aside_is_known_and_paid_for_and_never_told() -> None:
    run = play(replace(admitted(1), key=ASIDE, path="shop/find"), run=in_doubt())
    assert (run.asides[ASIDE].status, run.asides[ASIDE].path) == ("admitted", "shop/find")
    assert run.reserved == Spend(tool_calls=1)
    run = play(replace(returned(1, "found"), key=ASIDE), "reconcile 1", run=run)
    assert run.asides[ASIDE].status == "done"
    assert (run.reserved.items(), run.spend.tool_calls) == ((), 2)
    assert [message["role"] for message in run.messages] == ["user", "assistant"]
    run = play(doubted(1), resolved(1, "happened"), run=run)
    assert run.asides == {}
    assert len(run.messages[-1]["parts"]) == 1
    assert "confirms that the call took effect" in texts(run.messages[-1])[0]


def test_a_refused_aside_is_no_refusal_of_what_the_model_wants() -> None:
    before = in_doubt()
    refused = replace(denied(1), key=ASIDE, gate="approved")
    run = play(refused, refused, refused, run=before)
    assert (run.denials, run.refused, run.asides) == (0, {}, {})


def test_each_doubt_has_an_inquiry_of_its_own() -> None:
    run = play(replace(admitted(1), key=ASIDE), replace(returned(1), key=ASIDE), run=in_doubt())
    assert inquiry_key(run.calls[key(1)]) == ASIDE  # a worker that died meanwhile has not to ask again
    run = play(doubted(1), resolved(1, "did_not_happen"), "make 1", admitted(1), lost(1), "reconcile 1", run=run)
    assert inquiry_key(run.calls[key(1)]) == f"{key(1)}/reconcile/2"
