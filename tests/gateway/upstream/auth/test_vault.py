import asyncio
import dataclasses
import itertools
import shutil
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.keyring import KeyRing
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.vault import Binding, Vault

ANN = Binding("acme", "user:ann", "tracker", "https://tracker.example/mcp")
GRANT = Grant("token-of-ann", 1.0, 2.0, "read", "refresh-of-ann", "https://idp.example", {"client_id": "x"})


def file_of(vault: Vault, binding: Binding, folder: Path) -> Path:
    vault.write(binding, GRANT)
    return folder / f"{binding.digest}.grant"


def test_what_is_written_is_read_again_by_another_process(vault: Vault, tmp_path: Path) -> None:
    vault.write(ANN, GRANT)
    assert vault.read(ANN) == GRANT
    assert Vault(tmp_path / "logins", KeyRing([b"k" * 32])).read(ANN) == GRANT


def test_on_disk_nothing_can_be_read_by_anybody_else(vault: Vault, tmp_path: Path) -> None:
    file = file_of(vault, ANN, tmp_path / "logins")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    data = file.read_bytes()
    for word in (b"token-of-ann", b"refresh-of-ann", b"user:ann", b"tracker", b"client_id"):
        assert word not in data
    assert "ann" not in file.name


@pytest.mark.parametrize("field", ["tenant", "user", "server", "resource"])
def test_a_grant_is_for_one_tenant_user_server_and_address(vault: Vault, tmp_path: Path, field: str) -> None:
    other = dataclasses.replace(ANN, **{field: "other"})
    file = file_of(vault, ANN, tmp_path / "logins")
    assert vault.read(other) is None
    shutil.copy(file, file.with_name(f"{other.digest}.grant"))  # not even when somebody moves the file
    with pytest.raises(StoreError, match="can't be opened"):
        vault.read(other)


def test_four_texts_can_not_be_shifted_into_one_another() -> None:
    parts = [Binding(*four).digest for four in itertools.product(["a", "ab", ""], ["b", ""], ["c"], ["d"])]
    assert len(parts) == len(set(parts))


def test_with_other_keys_it_does_not_open_and_says_what_to_do(vault: Vault, tmp_path: Path) -> None:
    vault.write(ANN, GRANT)
    other = Vault(tmp_path / "logins", KeyRing([b"n" * 32]))
    with pytest.raises(StoreError, match="log in again, or bring back the key"):
        other.read(ANN)
    assert list(other.all()) == []


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 100])
def test_a_broken_file_is_said_and_replaced_by_the_next_log_in(vault: Vault, tmp_path: Path, data: bytes) -> None:
    file = file_of(vault, ANN, tmp_path / "logins")
    file.write_bytes(data)
    with pytest.raises(StoreError):
        vault.read(ANN)
    vault.write(ANN, GRANT)
    assert vault.read(ANN) == GRANT


def test_news_of_another_process_are_seen_at_once(vault: Vault, tmp_path: Path) -> None:
    other = Vault(tmp_path / "logins", KeyRing([b"k" * 32]))
    assert vault.read(ANN) is None
    for number in range(5):
        other.write(ANN, dataclasses.replace(GRANT, access_token=f"token-{number}"))
        read = vault.read(ANN)
        assert read is not None
        assert read.access_token == f"token-{number}"
    assert other.remove(ANN)
    assert vault.read(ANN) is None
    assert not other.remove(ANN)


def test_all_are_listed(vault: Vault) -> None:
    bob = dataclasses.replace(ANN, user="user:bob")
    vault.write(ANN, GRANT)
    vault.write(bob, GRANT)
    assert {kept.binding.user for kept in vault.all()} == {"user:ann", "user:bob"}


def test_no_draft_is_left_behind(vault: Vault, tmp_path: Path) -> None:
    file = file_of(vault, ANN, tmp_path / "logins")
    assert list(file.parent.iterdir()) == [file]


def test_of_two_processes_one_waits_for_the_other(vault: Vault, tmp_path: Path) -> None:
    other = Vault(tmp_path / "logins", KeyRing([b"k" * 32]))
    order: list[str] = []

    async def second(began: asyncio.Event) -> None:
        began.set()
        async with other.locked(ANN):
            order.append("second")

    async def go() -> None:
        began = asyncio.Event()
        async with vault.locked(ANN):
            waiting = asyncio.create_task(second(began))
            await began.wait()
            order.append("first")
        await waiting

    asyncio.run(go())
    assert order == ["first", "second"]


def test_who_waits_in_vain_is_told(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.auth.vault._LOCK_PATIENCE", 0)

    async def go() -> None:
        async with vault.locked(ANN), vault.locked(ANN):
            pass

    with pytest.raises(StoreError, match="another process"):
        asyncio.run(go())


def test_a_grant_takes_the_place_of_the_one_that_it_was_made_of_and_of_no_other(vault: Vault) -> None:
    new, newer = (dataclasses.replace(GRANT, access_token=token) for token in ("new", "newer"))
    assert not vault.swap(ANN, GRANT, new)
    assert vault.read(ANN) is None
    vault.write(ANN, GRANT)
    assert vault.swap(ANN, GRANT, new)
    assert not vault.swap(ANN, GRANT, newer)
    assert not vault.swap(ANN, GRANT, None)
    assert vault.read(ANN) == new
    assert vault.swap(ANN, new, None)
    assert vault.read(ANN) is None


def test_who_logs_out_where_nobody_ever_logged_in_makes_no_folder(vault: Vault, tmp_path: Path) -> None:
    assert not vault.remove(ANN)
    assert not (tmp_path / "logins").exists()
