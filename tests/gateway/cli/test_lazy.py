from pathlib import Path

from tests.gateway.cli.conftest import Command


def test_a_group_of_a_group_lists_its_commands_and_offers_the_nearest(bare: Path, toolgate: Command) -> None:
    assert "\n  explain " in toolgate("policy", "--help").out
    wrong = toolgate("policy", "chekc")
    assert (wrong.code, wrong.err) == (
        2,
        "toolgate: there is no command `chekc`; did you mean `check`? (see `toolgate policy --help`)\n",
    )
