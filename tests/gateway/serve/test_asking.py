"""Who sends a request; over HTTP nobody by default."""

from types import SimpleNamespace

import pytest

from gateway.call import Deny, Subject
from gateway.profile import Profile
from gateway.serve.asking import ASKER, Asker, asker_of

ANN, BOB = Asker(Subject("user:ann", "acme")), Asker(Subject("user:bob", "acme"))


def test_a_request_says_who_whatever_is_the_default() -> None:
    request = SimpleNamespace(scope={"state": {ASKER: BOB}})
    assert asker_of(request, ANN) == asker_of(request, None) == BOB


def test_without_a_request_it_is_whoever_started_us() -> None:
    assert asker_of(None, ANN) == ANN


@pytest.mark.parametrize("request_", [None, SimpleNamespace(scope={"state": {}}), SimpleNamespace(scope={})])
def test_nobody_is_nobody(request_: object) -> None:
    with pytest.raises(LookupError):
        asker_of(request_, None if request_ is None else ANN)


def test_the_same_person_at_another_profile_is_another_client() -> None:
    assert Asker(ANN.subject, Profile("part", ["x"])) != ANN


def test_only_who_is_here_is_told_where_our_files_are() -> None:
    no = Deny("permitted", "not that", "/home/ann/policies/policy.csv:12")
    assert Asker(ANN.subject, local=True).told(no) is no
    assert ANN.told(no) == Deny("permitted", "not that", "policy.csv:12")
