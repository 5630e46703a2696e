"""The SDK's application, as it knows those who come through the door."""

from typing import Any

from mcp.server.auth.middleware.bearer_auth import authorization_context

from gateway.call import Subject
from gateway.profile import WHOLE, Profile
from gateway.serve.application import as_one
from gateway.serve.asking import Asker

PART = Profile("part", ["echo"])


def test_the_sdk_takes_no_two_askers_for_one() -> None:
    subjects = [
        Subject("user:ann", "acme"), Subject("user:ann", "globex"), Subject("user:bob", "acme"),
        Subject("user:ann", "acme", "agent:desk"),
    ]  # fmt: skip
    askers = [Asker(subject, profile) for subject in subjects for profile in (WHOLE, PART)]
    seen: list[Any] = [authorization_context(as_one(asker)) for asker in askers]
    assert all(seen[i] != seen[j] for i in range(len(seen)) for j in range(i))
    assert seen == [authorization_context(as_one(asker)) for asker in askers]
