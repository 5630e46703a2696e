"""A conversation as Markdown: what was said, word for word, and which calls were made."""

from dataclasses import replace

from gateway.cli.saving import written
from gateway.conversation import UserSpoke
from gateway.events import Resumed, Waited
from gateway.run import fold
from tests.builders import QUEUED, STARTED, asked, denied, made, recorded, replied, said, wanted


def test_it_reads_as_it_was_said_and_done() -> None:
    talk = replace(QUEUED, conversation=True)
    begun = (talk, STARTED, *wanted(1, "shop/refund", "shop/order"), denied(1), *made(2))
    words = (*said(2, "It is noon.\n\n* sharp"), Waited("user"), UserSpoke("Thanks.", "user:ann"), Resumed("more"))
    summary = replace(replied(2, say="In short."), purpose="summary")
    events = recorded([*begun, *words, asked(3), summary])
    text = written(fold("r-1", events), events)
    assert text.splitlines()[:4] == ["# agent:support, 2026-11-21 12:00 UTC", "", "Run `r-1`.", ""]
    for block in (
        "**user:ann**\n\nWhat time is it?\n",
        "> ✗ shop/refund {}  denied: refunds are not yours  [policy.csv:4]\n",
        "> ✓ shop/refund {}\n",
        "**demo-1**\n\nIt is noon.\n\n* sharp\n",
        "**user:ann**\n\nThanks.\n",
    ):
        assert block in text
    assert "In short." not in text
