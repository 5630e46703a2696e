import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.keyring import KEY, VARIABLE, Broken, KeyRing, load_keyring, new_key

OLD, NEW = b"o" * KEY, b"n" * KEY


def text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_was_sealed_opens_for_whoever_says_the_same_binding(text: bytes, bound_to: bytes) -> None:
    ring = KeyRing([OLD])
    assert ring.unseal(ring.seal(text, bound_to), bound_to) == text


@given(st.data())
def test_a_sealed_text_that_was_changed_anywhere_does_not_open(data: st.DataObject) -> None:
    ring = KeyRing([OLD])
    sealed = bytearray(ring.seal(b"secret", b"here"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Broken):
        ring.unseal(bytes(sealed), b"here")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"x" * 35, b"\x01" + b"x" * 80])
def test_what_nobody_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Broken):
        KeyRing([OLD]).unseal(sealed, b"")


def test_a_sealed_text_opens_for_its_own_purpose_only() -> None:
    ring = KeyRing([OLD])
    with pytest.raises(Broken):
        ring.unseal(ring.seal(b"secret", b"ann"), b"bob")


def test_the_first_key_seals_and_all_unseal_so_that_keys_can_be_changed() -> None:
    before, both, after = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
    assert both.unseal(before.seal(b"x", b""), b"") == b"x"
    assert after.unseal(both.seal(b"x", b""), b"") == b"x"
    with pytest.raises(Broken):
        after.unseal(before.seal(b"x", b""), b"")


def test_the_same_text_never_looks_the_same_twice() -> None:
    ring = KeyRing([OLD])
    assert len({ring.seal(b"x", b"") for _ in range(50)}) == 50


def test_a_ring_shows_no_key() -> None:
    assert repr(KeyRing([OLD, NEW])) == "KeyRing(2 keys)"


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, b""]])
def test_a_ring_has_keys_of_the_right_length(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing(keys)


# ---- where keys come from


def test_keys_of_the_environment_come_before_the_file_and_no_file_is_made(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    ring = load_keyring(file, {VARIABLE: f"{text_of(NEW)}, {text_of(OLD)}"})
    assert ring.unseal(KeyRing([OLD]).seal(b"x", b""), b"") == b"x"
    assert KeyRing([NEW]).unseal(ring.seal(b"x", b""), b"") == b"x"
    assert not file.exists()


def test_a_key_may_be_written_in_the_alphabet_of_urls(tmp_path: Path) -> None:
    key = b"\xfb\xff" * 16
    ring = load_keyring(tmp_path / "keys", {VARIABLE: base64.urlsafe_b64encode(key).decode().rstrip("=")})
    assert KeyRing([key]).unseal(ring.seal(b"x", b""), b"") == b"x"


def test_the_file_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "keys"
    sealed = load_keyring(file, {}).seal(b"x", b"")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert load_keyring(file, {}).unseal(sealed, b"") == b"x"
    assert list(file.parent.iterdir()) == [file]


def test_a_key_is_put_in_front_of_the_others_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    sealed = load_keyring(file, {}).seal(b"x", b"")
    file.write_text(f"{new_key()}  # from today on\n{file.read_text()}")
    assert load_keyring(file, {}).unseal(sealed, b"") == b"x"


def test_of_two_who_make_the_file_at_the_same_time_both_use_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda _: load_keyring(file, {}).seal(b"x", b""), range(8)))
    ring = load_keyring(file, {})
    assert {ring.unseal(one, b"") for one in sealed} == {b"x"}


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    load_keyring(file, {})
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="may be read by others") as wrong:
        load_keyring(file, {})
    assert "chmod 600" in wrong.value.problems[0].hint


@pytest.mark.parametrize("text", ["tiny", "a" * 44, text_of(OLD) + "AAAA", "\x00", "# nothing"])
def test_a_word_that_is_no_key_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    for environ in ({VARIABLE: text}, {}):
        file = tmp_path / "keys"
        file.touch(mode=0o600)
        file.write_text(text)
        with pytest.raises(ConfigError) as wrong:
            load_keyring(file, environ)
        assert text not in str(wrong.value)
        assert "openssl rand -base64 32" in str(wrong.value)


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    load_keyring(tmp_path / "keys", {**os.environ, VARIABLE: " "})
    assert (tmp_path / "keys").exists()
