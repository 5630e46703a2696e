import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.cli.logs import log_to_stderr, say_nothing_of_servers

OURS = logging.getLogger("toolgate.upstream")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    log_to_stderr("warning")


def test_our_warnings_are_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("warning")
    log_to_stderr("warning")  # a second time changes nothing
    OURS.warning("server %s is down: \x1b[2J%s", "shop", "two\nlines")
    OURS.info("not worth it")
    assert capsys.readouterr().err == "toolgate: server shop is down: \\e[2Jtwo\\nlines\n"


def test_what_broke_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("error")
    OURS.error("forwarding failed", exc_info=ValueError("a defect"))
    assert capsys.readouterr().err == "toolgate: forwarding failed: ValueError('a defect')\n"


def test_libraries_are_not_heard() -> None:
    """In a process of its own: pytest listens to every logger, and then Python's last resort is silent anyway."""
    code = (
        "import logging; from gateway.cli.logs import log_to_stderr, say_nothing_of_servers; log_to_stderr('warning');"
        " logging.getLogger('mcp.client').error('what a server sent: secret')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(("level", "heard"), [("debug", True), ("error", False), ("nonsense", False)])
def test_the_level_is_chosen_by_name(level: str, heard: bool, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(level)
    OURS.debug("detail")
    assert ("detail" in capsys.readouterr().err) == heard


@pytest.mark.parametrize(("level", "heard"), [("warning", False), ("debug", True)])
def test_a_command_that_tells_of_servers_itself_has_no_log_of_them(
    level: str, heard: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr(level)
    say_nothing_of_servers()
    OURS.warning("server shop is down")
    OURS.error("forwarding failed")
    said = capsys.readouterr().err
    assert ("is down" in said, "forwarding failed" in said) == (heard, True)
    log_to_stderr("warning")  # the next command
    OURS.warning("server shop is down")
    assert "is down" in capsys.readouterr().err
