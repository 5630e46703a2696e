"""Who is asking."""

import os
import pwd

import pytest

from gateway.errors import ConfigError
from gateway.identity import local_user, user_name, user_subject


def test_the_operating_system_says_who_it_is_and_not_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    assert local_user() == f"user:{pwd.getpwuid(os.getuid()).pw_name}"


def test_a_number_without_a_name_is_a_user_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_007)
    assert local_user() == "user:4000000007"


def test_a_name_from_the_system_holds_nothing_that_policies_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = pwd.struct_passwd(("DOM\\ann, role:admin", "x", 1, 1, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    assert local_user() == "user:DOM_ann__role_admin"


@pytest.mark.parametrize("text", ["ann", "user:ann"])
def test_a_user_may_be_written_short(text: str) -> None:
    assert user_subject(text) == "user:ann"


@pytest.mark.parametrize("text", [
    "ann", "ann.b@acme-corp.org", "7", "A_b", "ann+x@acme.org", "auth0|7", "a=b~c-d_e.f", "a" * 255,
])  # fmt: skip
def test_names_that_directories_and_tokens_use_are_taken_whoever_brings_them(text: str) -> None:
    assert user_subject(text) == user_subject(f"user:{text}") == user_name(text) == f"user:{text}"


@pytest.mark.parametrize(
    "text",
    [
        "", "user:", "role:admin", "agent:support", "user:role:admin", "user:user:ann", "*", "ann*", "ann,role:admin",
        "ann bob", " ann", "ann\n", "ann\x1b[31m", "ann/bob", "-ann", ".", "änn", "ann\u200b", "ann\udc80",
        "|a", "a" * 256,
    ],
)  # fmt: skip
def test_nothing_else_becomes_a_subject_and_the_refusal_can_be_printed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--as: error: .* is not a user \(write `user:ann`\)$") as refused:
        user_subject(text)
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii()


@pytest.mark.parametrize("text", ["", "role:admin", "*", "a b", "a,b", "a/b", "|a", "ann\n", "änn", "a" * 256])
def test_a_name_out_of_a_token_is_never_so_wide_that_it_could_be_something_else(text: str) -> None:
    assert user_name(text) is None
