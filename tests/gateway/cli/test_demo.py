"""The options of the demo; what it plays is in `test_scenes`."""

from click.testing import CliRunner

from gateway.cli.demo import demo_command


def test_its_help_says_what_will_be_seen() -> None:
    shown = CliRunner().invoke(demo_command, ["--help"])
    assert shown.exit_code == 0
    assert "allows, asks, denies, survives a kill and stops on budget" in " ".join(shown.output.split())
