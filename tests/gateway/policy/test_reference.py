"""docs/policy-language.md is the whole language: nothing in it is unknown, and nothing that is known is missing."""

import re
from pathlib import Path

from gateway.policy import parse
from gateway.policy.custom import EFFECTS, Model, read_model
from gateway.policy.functions import FUNCTIONS
from gateway.policy.scope import NAMES
from gateway.policy.wording import ACTIONS, PREFIXES
from gateway.policy.wording import EFFECTS as VERDICTS
from gateway.policy.zones import CLOCKS

TEXT = (Path(__file__).parents[3] / "docs" / "policy-language.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_every_function_and_every_name_is_in_the_reference() -> None:
    for name in (*FUNCTIONS, *CLOCKS, "has"):
        assert re.search(rf"`{name}\(", TEXT), name
    for root, names in NAMES.items():
        (rows,) = [re.findall(rf"^\| .*`{root}\..*$", TEXT, re.MULTILINE)]
        for name in names:
            assert any(f".{name}`" in row for row in rows), f"{root}.{name}"
    for word in (*ACTIONS, *VERDICTS, *(f"{prefix}:NAME" for prefix in PREFIXES)):
        assert f"`{word}`" in TEXT, word
    for effect in EFFECTS:
        assert f"`{effect}`".replace("||", r"\|\|") in TEXT


def test_every_line_of_the_reference_is_one() -> None:
    lines = [line for _, code in CODE for line in code.splitlines() if line.startswith("p, ")]
    assert len(parse("\n".join(lines)).rules) == 7


def test_the_model_of_the_reference_is_one() -> None:
    (text,) = (code for kind, code in CODE if kind == "ini")
    assert isinstance(read_model("model.conf", text), Model)
