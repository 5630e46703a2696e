"""What the flows have to say at the end of the test run."""

import pytest

from tests.fixtures.table import TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in TABLE.lines():
        terminalreporter.write_line(line)
