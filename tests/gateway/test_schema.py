"""Arguments against a tool's schema, which may be hostile."""

import gc
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import bounded, schema
from gateway.call import Arguments, Tool
from gateway.schema import fault, unusable, violation
from tests.builders import a_tool

REFUND = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^o-[0-9]+$"},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
    "required": ["order"],
    "additionalProperties": False,
}


def said(shape: Any, arguments: str = "{}") -> str | None:
    return violation(a_tool(schema=shape), Arguments.parse(arguments))


@pytest.mark.parametrize("arguments", ['{"order": "o-1"}', '{"order": "o-1", "amount": 3, "lines": [{"sku": "a"}]}'])
def test_arguments_that_fit_are_let_through(arguments: str) -> None:
    assert said(REFUND, arguments) is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("{}", "arguments: 'order' is a required property"),
        ('{"order": 1}', "arguments.order: 1 is not of type 'string'"),
        ('{"order": "o-1", "amount": "30000"}', "arguments.amount: '30000' is not of type 'number'"),
        ('{"order": "o-1", "amount": true}', "arguments.amount: True is not of type 'number'"),
        ('{"order": "o-1", "amount": null}', "arguments.amount: None is not of type 'number'"),
        ('{"order": "o-1", "amount": [1]}', "arguments.amount: [1] is not of type 'number'"),
        ('{"order": "x"}', "arguments.order: 'x' does not match '^o-[0-9]+$'"),
        ('{"order": "o-1", "lines": [{}, {"sku": 7}]}', "arguments.lines[1].sku: 7 is not of type 'string'"),
        (
            '{"order": "o-1", "all": true}',
            "arguments: unknown: 'all'; known: amount, lines, order",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence_with_its_place(arguments: str, sentence: str) -> None:
    assert said(REFUND, arguments) == sentence


def test_a_sentence_is_short_however_long_the_argument() -> None:
    assert len(said(REFUND, '{"order": "' + "x" * 100_000 + '"}') or "") < 400


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"type": "objekt"}, "is not a JSON Schema"),
        ({"type": "object", "properties": []}, "is not a JSON Schema"),
        ({"$ref": "#"}, "refers to itself without end"),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
            "itself without end",
        ),
        ({"$ref": "#/$defs/nowhere"}, "refers to `#/$defs/nowhere`, which is not in it"),
        ({"$ref": "other.json"}, "refers to `other.json`, which is not in it"),
        ({"$schema": {}}, "can't be used"),
        ({"$schema": [], "type": 7}, "can't be used"),
        ({"$dynamicRef": "#nowhere"}, "refers to `#nowhere`, which is not in it"),
        ({"$ref": 7}, "is not a JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, "is not a JSON Schema"),
        ({"allOf": [{"multipleOf": 0}]}, "is not a JSON Schema"),
    ],
)
def test_a_schema_that_cant_be_used_refuses_every_call(shape: Any, words: str) -> None:
    assert words in (said(shape, '{"a": "text"}') or "")


def test_a_schema_nested_too_deeply_refuses_every_call() -> None:
    shape: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        shape = {"properties": {"a": shape}}
    tool = Tool("shop", "refund", {"inputSchema": shape}, "pin of a deep schema")
    assert "can't be used" in (violation(tool, Arguments.parse('{"a": 1}')) or "")


TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/node"}},
    "$defs": {"node": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"$ref": "#/$defs/node"}}}]}},
}


def tree(levels: int) -> str:
    return '{"a": ' * levels + "null" + "}" * levels


def test_arguments_that_are_nested_deeper_than_their_schema_can_be_followed_are_to_be_mended() -> None:
    assert said(TREE, tree(30)) is None
    assert said(TREE, tree(99)) == "arguments: nested too deeply to be checked against the tool's input schema"


ENDLESS: list[dict[str, Any]] = [
    {"type": "object", "$dynamicRef": "#x", "$dynamicAnchor": "x"},
    {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#", "$recursiveAnchor": True},
    {"allOf": [{"$dynamicRef": "#x", "unevaluatedProperties": False}], "$dynamicAnchor": "x"},
    {"$dynamicAnchor": "x", "not": {"not": {"$dynamicRef": "#x"}}},
    {"$dynamicAnchor": "x", "unevaluatedProperties": {"$dynamicRef": "#x"}, "properties": {"a": {"$dynamicRef": "#x"}}},
]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """A validation's deadline counts this thread's time: what the collector takes of it, in a process of many tests,
    is no doing of a schema.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("shape", ENDLESS)
@pytest.mark.parametrize("deep", range(0, 60, 4))
def test_no_schema_breaks_more_than_its_own_calls_wherever_the_stack_ends(shape: dict[str, Any], deep: int) -> None:
    """Where Python refuses to go deeper while the library's Rust asks it for something, that panics."""

    def further(left: int) -> str | None:
        return further(left - 1) if left else said(shape, '{"a": {"a": 1}}')

    assert further(deep) in {
        "the tool's input schema refers to itself without end",
        "the tool's input schema can't be used to check anything",
        None,
    }


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("deep", range(60))
def test_nor_does_a_value(deep: int) -> None:
    def further(left: int) -> str | None:
        return further(left - 1) if left else said(TREE, tree(99))

    assert "nested too deeply" in (further(deep) or "")


class Panic(BaseException):
    """As what Rust code raises that has given up: no Exception."""


@pytest.mark.parametrize(("breaks", "refused"), [(Panic, True), (KeyboardInterrupt, False)])
def test_a_panic_refuses_the_call_and_an_interruption_goes_on(
    monkeypatch: pytest.MonkeyPatch, breaks: type[BaseException], refused: bool
) -> None:
    shape = {"type": "object", "properties": {"a": {"pattern": f"^{breaks.__name__}$"}}}  # more than a glance

    def broken(*_: Any) -> bool:
        raise breaks

    assert said(shape, f'{{"a": "{breaks.__name__}"}}') is None
    monkeypatch.setattr(bounded, "_found", broken)
    if refused:
        assert "can't be used to check anything" in (said(shape, '{"a": "x"}') or "")
    else:
        with pytest.raises(breaks):
            said(shape, '{"a": "x"}')


class Visitors(http.server.BaseHTTPRequestHandler):
    seen: list[str] = []  # noqa: RUF012 - one list for all requests is the purpose

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a server that would gladly hand out a schema that takes everything."""
    Visitors.seen.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Visitors) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_schema_never_makes_us_fetch_anything(elsewhere: str) -> None:
    assert "which is not in it" in (said({"$ref": f"{elsewhere}/schema.json"}) or "")
    assert "which is not in it" in (said({"$schema": f"{elsewhere}/draft", "$ref": f"{elsewhere}/a#/b"}) or "")
    assert "which is not in it" in (said({"$id": f"{elsewhere}/here/", "$ref": "there"}) or "")
    assert Visitors.seen == []


def test_a_schema_never_makes_us_read_a_file(tmp_path: Path) -> None:
    file = tmp_path / "anything.json"
    file.write_text("true")
    assert "which is not in it" in (said({"$ref": file.as_uri()}) or "")


def test_the_standards_own_schemas_can_be_referred_to() -> None:
    shape = {"properties": {"schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}
    assert said(shape, '{"schema": {"type": "string"}}') is None
    assert said(shape, '{"schema": {"type": "text"}}') is not None


def test_a_schema_says_itself_which_dialect_it_is_written_in() -> None:
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert said({"properties": {"a": old}, **old}, '{"a": 1}') is None
    assert said({"prefixItems": "x"}) is not None


def test_each_pin_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr(bounded, "flaw", lambda _dialect, schema, _seconds: compiled.append(schema))
    shape = {"type": "object", "title": "seen by no other test", "minProperties": 0}
    for server in ("one", "two", "three"):
        assert violation(replace(a_tool(schema=shape), server=server), Arguments.parse("{}")) is None
    assert compiled == [shape]
    violation(a_tool(schema=shape, description="another pin"), Arguments.parse("{}"))
    assert compiled == [shape, shape]


def test_only_so_many_schemas_are_kept() -> None:
    assert schema._compiled.cache_info().maxsize == 4096  # noqa: SLF001 - filling it would take seconds


def test_a_fault_is_an_error_of_the_value_or_what_is_wrong_with_the_schema() -> None:
    assert fault("fault-1", {"type": "object"}, {}) is None
    assert list(fault("fault-2", {"items": {"type": "number"}}, [1, ""]).absolute_path) == [1]
    assert fault("fault-3", {"$ref": "#"}, 1) == "refers to itself without end"
    assert str(fault("fault-4", {"type": 1}, 1)).startswith("is not a JSON Schema: ")


def large(title: str) -> dict[str, Any]:
    """40 KB: honest, and too much for the moment that a call has."""
    names = {f"p{number}": {"type": "string", "description": "what it is", "maxLength": 9} for number in range(500)}
    return {"type": "object", "title": title, "properties": names}


def test_what_a_schema_takes_is_found_out_where_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr("gateway.bounded.time.thread_time", lambda: next(clock) / 8000)  # so much at each look
    seen, unseen = a_tool(schema=large("seen")), a_tool(schema=large("unseen"))
    assert unusable(seen.pin, seen.input_schema) is None
    assert violation(seen, Arguments.parse('{"p1": "x"}')) is None
    assert violation(seen, Arguments.parse('{"p1": 7}')) == "arguments.p1: 7 is not of type 'string'"
    assert violation(unseen, Arguments.parse("{}")) == "the tool's input schema takes too many steps to check"


def test_what_was_not_found_out_in_time_is_asked_again() -> None:
    shape = large("asked again")
    assert unusable("again", shape, 0.0) == "takes too many steps to check"
    assert unusable("again", shape) is None
