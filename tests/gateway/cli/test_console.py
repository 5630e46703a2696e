import io

import pytest

from gateway.cli.console import console


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variables", "escapes"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_a_terminal_gets_colours_unless_it_says_no(
    variables: dict[str, str], escapes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    paper = _Terminal()
    monkeypatch.setattr("sys.stderr", paper)
    console(stderr=True).print("text", style="bold red")
    assert ("\x1b[" in paper.getvalue()) == escapes
    assert "text" in paper.getvalue()


def test_a_pipe_gets_plain_text_on_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("long " * 100, style="bold")
    assert capsys.readouterr().out == "long " * 100 + "\n"
