"""What toolgate.toml says of single tools, as the paths know it."""

import json
from pathlib import Path

import pytest

from gateway.config import Config, load_config, origins
from gateway.effects import Effects, Recipe, ToolWord
from gateway.errors import ConfigError
from gateway.policy.logic import UNDECIDED
from gateway.tool_words import effects_of

ORDER = """\
[servers.shop]
retries = 1

[servers.shop.tools.create_order]
idempotency_argument = "request_id"
retry_errors = ["busy"]
undo = { tool = "cancel_order", arguments = { id = "{result.id}", part = 1.5 } }

[servers.shop.tools.create_order.reconcile]
tool = "books/find_order"
arguments = { key = "{key}" }
happened = "result.found == true"
did_not_happen = "result.found == false"
after = "2s"

[servers.shop.tools.refund]
read_only = false
retries = 0
undo = "shop/charge"
"""


def load(folder: Path, toml: str) -> Config:
    (folder / "toolgate.toml").write_text(toml)
    servers = {"mcpServers": {"shop": {"command": "x"}, "books": {"command": "x"}}}
    (folder / ".mcp.json").write_text(json.dumps(servers))
    return load_config(folder, {"HOME": str(folder)})


def test_what_is_said_of_tools_is_compiled_and_names_are_made_whole(tmp_path: Path) -> None:
    effects = effects_of(load(tmp_path, ORDER))
    order = effects.of("shop/create_order")
    assert (order.idempotency_argument, order.retries, order.retry_errors) == ("request_id", 1, ("busy",))
    assert order.undo == Recipe("shop/cancel_order", {"id": "{result.id}", "part": 1.5})
    assert isinstance(order.undo.arguments and order.undo.arguments["part"], float)  # JSON has no decimals
    asked = order.reconcile
    assert asked is not None
    assert asked.did_not is not None
    assert (asked.recipe, asked.after) == (Recipe("books/find_order", {"key": "{key}"}), 2.0)
    assert [asked.happened({"found": found}) for found in (True, False, 1)] == [True, False, UNDECIDED]
    assert [asked.did_not({"found": found}) for found in (True, False, 1)] == [False, True, UNDECIDED]
    assert effects.of("shop/refund") == ToolWord(retries=0, undo=Recipe("shop/charge"))
    assert effects.of("shop/other") == ToolWord(retries=1)
    assert effects.of("books/find_order") == ToolWord()


def test_where_nothing_is_said_nothing_is_looked_up(tmp_path: Path) -> None:
    assert effects_of(load(tmp_path, "[servers.shop]\ntrusted = true")) == Effects()


@pytest.mark.parametrize(
    ("toml", "line", "said"),
    [
        ('undo = { tool = "gone/x" }', 2, "names the server `gone`, which no .mcp.json describes"),
        ('undo = { tool = "x", arguments = { a = "{results.id}" } }', 2, "there is no place `{results.id}`"),
        ('reconcile = { tool = "x", happened = "args.a == 1" }', 2, "there is no `args` here"),
        ('reconcile = { tool = "x", happened = "result.a ==" }', 2, "at character 10: `==` has nothing behind it"),
        (
            'reconcile = { tool = "x", happened = "result.a == 1", arguments = { a = "{result.a}" } }',
            2,
            "there is no place `{result.a}`",
        ),
        (
            'reconcile = { tool = "x", happened = "result.a == 1", did_not_happen = "result.a == 1" }',
            2,
            "one result can't say both",
        ),
    ],
)
def test_every_mistake_is_told_in_its_line(tmp_path: Path, toml: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        effects_of(load(tmp_path, f"[servers.shop.tools.order]\n{toml}"))
    (problem,) = wrong.value.problems
    assert (problem.file, problem.line) == ("toolgate.toml", line)
    assert said in problem.message


def test_what_was_said_of_a_tool_is_shown_with_its_line(tmp_path: Path) -> None:
    shown = {row.key: (row.shown, row.origin) for row in origins(load(tmp_path, ORDER))}
    assert shown["servers.shop.tools.create_order.idempotency_argument"] == ("request_id", "toolgate.toml:5")
    assert shown["servers.shop.tools.create_order.reconcile.happened"] == ("result.found == true", "toolgate.toml:12")
    assert "servers.shop.tools.refund.idempotency_argument" not in shown
