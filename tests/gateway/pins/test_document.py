"""`toolgate.lock` as text: read as it was written, merged by git, refused when it is broken."""

import gc
import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.pins.document import dump, parse
from gateway.pins.entries import Accepted, Identity, PinnedEntry, PinnedServer, Pins
from gateway.visible import hides

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
LINE = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
ANN = Accepted("user:ann", "2026-11-25T15:30:00Z")


def written(pins: Pins) -> str:
    return "".join(dump(pins))


def tool(name: str = "add", accepted: Accepted | None = None, added_at: str = "", **more: Any) -> PinnedEntry:
    return PinnedEntry.of({"name": name, "inputSchema": {"type": "object"}, **more}, accepted, added_at)


def one(**more: Any) -> Pins:
    return {"shop": PinnedServer(Identity("npx shop", "shop", "1"), {"add": tool(**more)})}


def test_the_file_reads_as_people_read_it() -> None:
    pins = {"shop": PinnedServer(Identity("npx shop", "shop", "1"), {"add": tool("add", ANN, description="Adds.")})}
    entry = pins["shop"].entries["add"]
    assert (
        written(pins).partition("version = 2\n")[2]
        == f"""
[servers.shop]
launch = "npx shop"
name = "shop"
version = "1"

[servers.shop.tools.add]
pin = "{entry.pin}"
schema = "{entry.schema}"
accepted_by = "user:ann"
accepted_at = "2026-11-25T15:30:00Z"
definition = '''
{{
 "description": "Adds.",
 "inputSchema": {{
  "type": "object"
 }},
 "name": "add"
}}
'''
"""
    )


@given(JSON, LINE, LINE)
def test_it_is_read_as_it_was_written_and_holds_nothing_invisible(value: Any, launch: str, name: str) -> None:
    server = PinnedServer(Identity(launch, name), {"x.y": tool("x.y", added_at="then", value=value)}, ANN)
    pins = {"a.b": server, "c": PinnedServer(Identity(""))}
    text = written(pins)
    assert parse(text, "toolgate.lock") == pins
    assert not any(hides(character) for character in text.replace("\n", ""))


def test_the_order_of_servers_and_tools_is_that_of_their_names() -> None:
    def pinned(*names: str) -> PinnedServer:
        return PinnedServer(Identity("x"), {name: tool(name) for name in names})

    assert written({"b": pinned("y", "x"), "a": pinned()}) == written({"a": pinned(), "b": pinned("x", "y")})


def test_the_end_of_a_literal_string_within_a_definition_does_not_end_it() -> None:
    pins = one(description="'''\n[servers.evil]\nlaunch = 'x' '''''")
    assert parse(written(pins), "toolgate.lock") == pins


GOOD = written(one(description="Adds."))


OFFERED = {
    "about:instructions": {"instructions": "Ask first."},
    "prompt:add": {"name": "add"},
    "resource:file:///a": {"uri": "file:///a"},
    "template:file:///{x}": {"uriTemplate": "file:///{x}"},
}
WHOLE: Pins = {
    "shop": PinnedServer(
        Identity("npx shop"),
        {"add": tool(), **{name: PinnedEntry.of(definition, ANN) for name, definition in OFFERED.items()}},
    )
}
FULL = written(WHOLE)


@pytest.mark.parametrize(("text", "place", "said"), [
    (f"<<<<<<< HEAD\n{GOOD}", "toolgate.lock:1:1", "not TOML"),
    (GOOD[:-10], "toolgate.lock:", "not TOML"),
    (GOOD.replace("version = 2\n", "version = 3\n", 1), "toolgate.lock:3:1", "`version` must be 1 or 2"),
    (GOOD.replace("version = 2\n", "version = true\n", 1), "toolgate.lock:3:1", "`version` must be 1 or 2"),
    ("", "toolgate.lock", "`version` must be 1 or 2"),
    (GOOD.replace("launch", "lunch"), "toolgate.lock:6:1", "there is no key `lunch`"),
    (GOOD.replace('launch = "npx shop"\n', ""), "toolgate.lock:5:10", "`servers.shop.launch` is missing"),
    (GOOD.replace('"npx shop"', "3"), "toolgate.lock:6:1", "must be text in quotes"),
    (GOOD.replace("Adds.", "Pays."), "toolgate.lock:11:1", "`servers.shop.tools.add.pin` is not the hash"),
    (GOOD.replace("tools.add", "tools.sub"), "toolgate.lock:10:", "that of another tool"),
    (GOOD.replace("'''\n{", "'''\n{{"), "toolgate.lock:13:1", "is not a JSON object"),
    (GOOD.replace("schema =", 'accepted_by = "user:ann"\nschema ='), "toolgate.lock:10:", "need each other"),
    ("version = 1\nservers = 3", "toolgate.lock:2:1", "`servers` must be a table"),
    ("version = 1\n[servers]\nshop = 3", "toolgate.lock:3:1", "`servers.shop` must be a table"),
    (GOOD + "\nvresion = 1", "toolgate.lock:", "there is no key `vresion`"),
    (GOOD.replace("launch", 'tools_only = "x"\nlaunch'), "toolgate.lock:6:1", "must be true or false"),
    (GOOD.replace("tools.add", "prompts.add"), "toolgate.lock:12:1", "there is no key `schema`"),
    (FULL.replace("prompts.add", "prompts.sub"), "toolgate.lock:", "that of another prompt"),
    (FULL.replace("about.instructions", "about.us"), "toolgate.lock:", "that of another about"),
])  # fmt: skip
def test_a_broken_file_is_refused_with_the_place(text: str, place: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, "toolgate.lock")
    assert any(place in str(problem) and said in str(problem) for problem in refused.value.problems), refused.value


def test_what_is_no_tool_has_a_section_of_its_own_kind() -> None:
    headers = [line for line in FULL.splitlines() if line.startswith("[")]
    assert headers == [
        "[servers.shop]",
        "[servers.shop.tools.add]",
        "[servers.shop.about.instructions]",
        "[servers.shop.prompts.add]",
        '[servers.shop.resources."file:///a"]',
        '[servers.shop.templates."file:///{x}"]',
    ]
    assert FULL.count("schema = ") == 1
    assert parse(FULL, "toolgate.lock") == WHOLE


def test_a_file_of_the_first_version_knows_nothing_but_tools_and_that_is_kept_until_its_server_is_seen() -> None:
    old = parse(GOOD.replace("version = 2\n", "version = 1\n"), "toolgate.lock")
    assert [server.tools_only for server in old.values()] == [True]
    assert [server.tools_only for server in parse(GOOD, "toolgate.lock").values()] == [False]
    assert parse(written(old), "toolgate.lock") == old


def test_two_branches_that_pin_different_tools_merge_without_a_person(tmp_path: Path) -> None:
    def pins(*names: str) -> str:
        return written({"shop": PinnedServer(Identity("npx shop"), {name: tool(name) for name in names})})

    for file, text in (("base", pins("m")), ("ours", pins("a", "m")), ("theirs", pins("m", "z"))):
        (tmp_path / file).write_text(text)
    merged = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert merged.stdout == pins("a", "m", "z")


@given(JSON)
def test_a_definition_is_written_as_json_with_an_indent_of_one(value: Any) -> None:
    """Files that are there stay as they are."""
    definition = {"name": "add", "inputSchema": {"type": "object"}, "value": value}
    pins = {"shop": PinnedServer(Identity("x"), {"add": PinnedEntry.of(definition)})}
    (text,) = [entry["definition"] for entry in tomllib.loads(written(pins))["servers"]["shop"]["tools"].values()]
    plain = json.dumps(definition, ensure_ascii=False, indent=1, sort_keys=True)
    assert json.loads(text) == json.loads(plain)
    if plain.isascii() and "''" not in plain:
        assert text == plain + "\n"


def test_it_is_written_in_pieces_of_one_definition_and_leaves_nothing_behind() -> None:
    """A gateway that starts collects no garbage: what is left behind then stays."""

    def encoders() -> int:
        functions = [each for each in gc.get_objects() if type(each) is type(encoders)]
        return sum(each.__qualname__.startswith("_make_iterencode.") for each in functions)

    pins = {"shop": PinnedServer(Identity("x"), {name: tool(name) for name in ("a", "b", "c")})}
    gc.disable()
    try:
        before = encoders()
        assert len(list(dump(pins))) == 5
        assert encoders() == before
    finally:
        gc.enable()
