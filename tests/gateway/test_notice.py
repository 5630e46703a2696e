"""People elsewhere see the same call, and nothing of this machine."""

import json

from gateway.notice import lines, notice, short
from gateway.preview import LONGEST, Background
from tests.builders import a_call, an_approval

ASKED = an_approval(call=a_call("shop/refund", {"amount": 900, "note": "a\u202eb"}), rule="/srv/secret/policy.csv:3")


def test_it_holds_the_whole_call_and_what_it_is_bound_to() -> None:
    told = notice(ASKED, Background())
    assert told["arguments"] == {"amount": 900, "note": "a\u202eb"}
    assert (told["id"], told["digest"], told["rule"]) == (ASKED.id, ASKED.digest, "policy.csv:3")
    assert ["with", r'note = "a\u{202e}b"'] in told["shown"]
    assert "/srv" not in json.dumps(told)
    assert "claim" not in told


def test_the_lines_say_what_is_known_beside_the_call_and_until_when_it_stands() -> None:
    labels = [line.label for line in lines(ASKED, Background())]
    assert labels[0] == "call"
    assert labels[-2:] == ["cost", "until"]
    long = an_approval(call=a_call("shop/refund", {"note": "x" * LONGEST}))
    assert any("x" * LONGEST in line.text for line in lines(long, Background()))
    assert not any("x" * LONGEST in line.text for line in lines(long, Background(), whole=False))


def test_a_rule_is_named_without_its_folder() -> None:
    assert (short("a/b.csv:1"), short("b.csv:1"), short(None)) == ("b.csv:1", "b.csv:1", None)
