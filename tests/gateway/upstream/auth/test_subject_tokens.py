import dataclasses

import pytest

from gateway.call import Subject
from gateway.upstream.auth import subject_tokens
from gateway.upstream.auth.subject_tokens import SubjectTokens
from tests.gateway.upstream.auth.conftest import ANN, BOB


def test_the_newest_token_of_each_subject_is_kept() -> None:
    tokens = SubjectTokens(lambda: 10.0)
    tokens.keep(ANN, "old", expires=5)
    tokens.keep(ANN, "new", expires=20)
    found = tokens.of(dataclasses.replace(ANN, agent="agent:desk"))
    assert found is not None
    assert found.text == "new"
    assert tokens.of(BOB) is None
    assert tokens.of(dataclasses.replace(ANN, tenant="other")) is None


def test_one_that_has_ended_is_none() -> None:
    now = [10.0]
    tokens = SubjectTokens(lambda: now[0])
    tokens.keep(ANN, "x", expires=20)
    now[0] = 20.0
    assert tokens.of(ANN) is None


def test_who_has_not_been_seen_for_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_tokens, "MOST", 2)
    tokens = SubjectTokens()
    tokens.keep(ANN, "1")
    tokens.keep(BOB, "2")
    tokens.keep(ANN, "3")
    tokens.keep(Subject("user:eve", "acme"), "4")
    assert tokens.of(BOB) is None
    assert tokens.of(ANN) is not None


def test_no_token_is_in_a_repr() -> None:
    tokens = SubjectTokens()
    tokens.keep(ANN, "hush-hush")
    assert "hush" not in repr(tokens.of(ANN))
