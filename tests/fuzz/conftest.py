"""What these tests have to say at the end of the test run."""

import pytest

from tests.fixtures.told import told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in told():
        terminalreporter.write_line(line)
