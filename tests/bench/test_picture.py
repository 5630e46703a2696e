import re
import xml.etree.ElementTree as ET
from pathlib import Path

from bench.picture import FILE, drawn

SVG = "{http://www.w3.org/2000/svg}"
POLICY = Path(__file__).parents[2] / "policies" / "policy.csv"


def rows(picture: str) -> list[str]:
    """The text of each row, from the top."""
    found: dict[float, list[tuple[float, str]]] = {}
    for text in ET.fromstring(picture).iter(f"{SVG}text"):  # noqa: S314 - our own
        if "y" in text.attrib:
            found.setdefault(float(text.attrib["y"]), []).append((float(text.attrib["x"]), text.text or ""))
    return ["".join(text for _, text in sorted(found[y])).replace("\xa0", " ") for y in sorted(found)]


def test_what_a_terminal_shows_is_drawn_with_its_colours_and_loads_nothing() -> None:
    picture = drawn("a \x1b[31mred\x1b[0m word\nspinning\rdone <&>\nWhat is on record ---\nmore\n")
    shown = rows(picture)
    assert [line.strip() for line in shown if line.strip()] == ["a red word", "toolgate demo", "done <&>"]
    assert re.findall(r"https?://[^\s\"'<]+", picture) == ["http://www.w3.org/2000/svg"]
    assert len(set(re.findall(r"\.demo-r\d+ \{ fill: #\w+", picture))) > 1


def test_the_picture_in_the_readme_is_of_the_policy_that_is_shipped() -> None:
    """When this fails: python -m bench.picture."""
    text = " ".join(" ".join(line.split()) for line in rows(FILE.read_text(encoding="utf-8")))
    told = re.findall(r"(?:agree|denied): ([^\[\]]+?) \[demo/policies/policy\.csv:(\d+)\]", text)
    lines = POLICY.read_text(encoding="utf-8").splitlines()
    assert len(told) >= 2
    for why, line in told:
        assert re.search(rf",\s+{re.escape(why)}\Z", lines[int(line) - 1]), f"line {line} does not say `{why}`"
