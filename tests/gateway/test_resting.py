from pathlib import Path

import pytest

from gateway.resting import Rest, Rests

ILL = Rest(100.0, 2, "server")


def test_what_was_found_out_is_there_for_the_next_process_until_it_is_over(tmp_path: Path) -> None:
    file, time = tmp_path / "there" / "endpoints.json", [50.0]
    Rests(file, lambda: time[0]).write("anthropic", ILL)
    Rests(file, lambda: time[0]).write("lab", Rest(200.0, 1, "network"))
    assert Rests(file, lambda: time[0]).read() == {"anthropic": ILL, "lab": Rest(200.0, 1, "network")}
    time[0] = 100.0
    assert set(Rests(file, lambda: time[0]).read()) == {"lab"}
    Rests(file, lambda: time[0]).write("lab", None)
    assert Rests(file, lambda: time[0]).read() == {}


def test_who_is_well_is_not_written_down(tmp_path: Path) -> None:
    Rests(tmp_path / "endpoints.json").write("anthropic", None)
    assert not (tmp_path / "endpoints.json").exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"a": 1}', '{"a": {"until": 9e9, "trips": 1, "kind": "nonsense"}}', '{"a": {"until": "x"}}'],
)
def test_a_memory_that_is_lost_or_wrong_is_no_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.json").write_text(text)
    assert Rests(tmp_path / "endpoints.json").read() == {}


def test_without_a_file_nothing_is_remembered_and_a_folder_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    Rests().write("a", ILL)
    assert Rests().read() == {}
    (tmp_path / "file").write_text("")
    Rests(tmp_path / "file" / "endpoints.json", lambda: 0.0).write("a", ILL)
