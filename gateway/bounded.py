"""JSON Schema keywords whose cost is bounded, in place of those that a hostile schema makes explode.

`pattern` and its relatives run on RE2, in linear time (Python's `re` takes seconds for 25 characters). RE2 has no
look-around: a `pattern` with one is left to the server to check; where the pattern chooses which schema applies
(`patternProperties`), the schema is refused. `$ref` counts its steps: a dozen lines of references can stand for
billions. `uniqueItems` compares texts, not each item with every other. And keywords are counted: a small schema can
take minutes without a single reference, where each of many items has to meet all of it. All others wait meanwhile; so
a validation has a deadline too, in time of this thread alone, which a busy machine does not shorten. The clock is
looked at wherever the library passes, also where it applies no keyword. It has few steps where others wait
(`AT_ONCE`), and more in a thread, which gives way every millisecond: Python's own threads do so every five, each time
that somebody else wants to go on. It stops before Python's own limit of calls within calls, which
the library's Rust does not survive.
"""

import asyncio
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import re2
from jsonschema import exceptions, validators

from gateway.references import REFERENCES, misled, resolver_of

__all__ = ["AT_LENGTH", "AT_ONCE", "MAX_KEYWORDS", "MAX_STEPS", "Exhausted", "Most", "TooDeep", "Unbounded", "bounded"]
__all__ += ["flaw", "too_deep"]

MAX_STEPS = 10_000  # references that one validation may follow
MAX_KEYWORDS = 200_000  # that one validation may apply, and items that it may compare
SECONDS = 0.5  # of a thread in which nobody waits
SCHEMA_KEYWORDS = 60_000  # that a look at a schema itself may apply: enough for 200 KB of properties
Most = tuple[int, int, float]  # references, keywords, seconds of this thread
AT_LENGTH: Most = (MAX_STEPS, MAX_KEYWORDS, SECONDS)
AT_ONCE: Most = (1_000, 2_000, 0.03)  # while all others wait: it is enough for nearly all
_AT_ONCE = 16  # choices that are compared in the time of a keyword
_LISTS = ("enum", "required")
_OFTEN = 16  # keywords, and whatever the library does by itself, after which the clock is looked at
_BREATHLESS = 0.003  # seconds that a thread works before it lets others on ...
_BREATH = 0.001  # ... and so long, and as often: whoever else wants to work waits for this thread to give way
_MAX_TEXT = 80
_MAX_SAID = 300
_SPARED = 120  # calls within calls that are left to what a keyword does by itself


class Exhausted(Exception):
    """A validation that took more steps than any honest schema needs."""


class TooDeep(Exception):
    """A validation that has called itself so often that Python would soon refuse to go on."""


class Unbounded(Exception):
    """A schema that can't be checked in bounded time."""


def bounded(dialect: Any, schema: Mapping[str, Any]) -> tuple[Any, Callable[[Most], None]]:
    """A validator for the schema, and what to call before each validation. Raises Unbounded."""
    _check_patterns(schema)
    if {"patternProperties", "unevaluatedProperties"} <= _words(schema):  # the second runs the first's patterns itself
        raise Unbounded("`unevaluatedProperties` beside `patternProperties`")
    steps = _Steps()
    resolver = resolver_of(schema, _SPECIFICATIONS)
    return steps.validator(dialect)(schema, registry=_SPECIFICATIONS, _resolver=resolver), steps.begin


def flaw(dialect: Any, schema: Mapping[str, Any], seconds: float) -> str | None:
    """Why this is no schema of its dialect, or refers to what is not there, if so. Raises Exhausted where that is not
    found out in so much time of this thread.
    """
    meta = validators.validator_for(dialect.META_SCHEMA, default=dialect)
    steps = _Steps()
    steps.begin((SCHEMA_KEYWORDS, SCHEMA_KEYWORDS, seconds))  # the references are the standard's own, many
    checker = steps.validator(meta)(dialect.META_SCHEMA, registry=_SPECIFICATIONS, format_checker=meta.FORMAT_CHECKER)
    error = next(checker.iter_errors(schema), None)
    if error is not None:
        return f"is not a JSON Schema: {error.message[:_MAX_SAID]}"
    return misled(schema, _SPECIFICATIONS, steps.step)


_SPECIFICATIONS = validators.SPECIFICATIONS  # type: ignore[attr-defined] # not in the stubs


class _Count(threading.local):
    """Of the validation that a thread is at."""

    followed, applied, passed = 0, 0, 0
    references, keywords, until = 0, 0, 0.0
    rest = 0.0


class _Steps:
    """What the validations of one schema may take, and the validators that count it, one for each dialect."""

    def __init__(self) -> None:
        self._count = _Count()
        self._made: dict[Any, Any] = {}
        self._bounded = {
            "pattern": _pattern,
            "patternProperties": self._pattern_properties,
            "additionalProperties": self._additional_properties,
            "uniqueItems": self._unique_items,
        }

    def begin(self, most: Most) -> None:
        count = self._count
        count.followed, count.applied = 0, 0
        now = time.thread_time()
        count.references, count.keywords, count.until = *most[:2], now + most[2]
        count.rest = now + _BREATHLESS if _is_apart() else math.inf

    def take(self, steps: int = 1) -> None:
        """So many steps more. Raises Exhausted."""
        count = self._count
        count.applied += steps
        if count.applied > count.keywords or count.followed > count.references:
            raise Exhausted
        self.look()

    def step(self) -> None:
        """One that may take long by itself. Raises Exhausted."""
        self.take()
        self._check()

    def look(self) -> None:
        """Looks at the clock, now and then. Raises Exhausted."""
        self._count.passed += 1
        if not self._count.passed % _OFTEN:
            self._check()

    def _check(self) -> None:
        now = time.thread_time()
        if now > self._count.until:
            raise Exhausted
        if now > self._count.rest:
            time.sleep(_BREATH)
            self._count.rest = now + _BREATH

    def validator(self, dialect: Any) -> Any:
        """The dialect's validator, with keywords that are bounded and counted."""
        if dialect not in self._made:
            keywords = {
                name: self._counting(name, keyword) for name, keyword in {**dialect.VALIDATORS, **self._bounded}.items()
            }
            made = self._made[dialect] = validators.extend(dialect, keywords)  # type: ignore[no-untyped-call]
            made.evolve, made.is_type = self._evolving(made), self._typing(made.is_type)
        return self._made[dialect]

    def _counting(self, name: str, keyword: Any) -> Any:
        refers = name in REFERENCES

        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if refers:
                self._count.followed += 1
                self._check()
            self.take(1 + len(value) // _AT_ONCE if name in _LISTS and isinstance(value, list) else 1)
            if _deep():
                raise TooDeep
            yield from keyword(validator, value, instance, schema) or ()

        return counted

    def _unique_items(self, validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:
        if not (wanted and validator.is_type(instance, "array")):
            return
        texts: set[str] = set()
        for item in instance:
            texts.add(json.dumps(self._equal(item), sort_keys=True))
        if len(texts) != len(instance):
            yield exceptions.ValidationError("the items must differ from one another")

    def _equal(self, value: Any) -> Any:
        """Equal values in one form: to JSON Schema `1.0` is `1`."""
        self.take()
        if isinstance(value, dict):
            return {key: self._equal(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._equal(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def _finds(self, pattern: str, text: str) -> bool:
        self.take()
        return _found(pattern, text)

    def _pattern_properties(
        self, validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
    ) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if self._finds(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)

    def _additional_properties(
        self, validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        patterns = schema.get("patternProperties", {})
        known = schema.get("properties", {})
        extra = [key for key in instance if key not in known and not any(self._finds(each, key) for each in patterns)]
        if validator.is_type(allowed, "object"):
            for key in extra:
                yield from validator.descend(instance[key], allowed, path=key)
        elif not allowed and extra:
            names = ", ".join(repr(key[:_MAX_TEXT]) for key in sorted(extra)[:5])
            yield exceptions.ValidationError(f"unknown: {names}; known: {', '.join(sorted(known)) or 'nothing'}")

    def _evolving(self, own: Any) -> Callable[..., Any]:
        """A part of a schema may name a dialect with `$schema`. It gets our validator for it, not the library's."""

        def evolve(validator: Any, **changes: Any) -> Any:
            self.look()
            schema = changes.setdefault("schema", validator.schema)
            named = validators.validator_for(schema, default=own)
            same = {field.alias: getattr(validator, field.name) for field in own.__attrs_attrs__ if field.init}
            return (own if named is own else self.validator(named))(**same | changes)

        return evolve

    def _typing(self, plain: Callable[..., bool]) -> Callable[..., bool]:
        """`unevaluatedProperties` goes by itself through all that stands beside it, and asks this each time."""

        def is_type(validator: Any, instance: Any, named: str) -> bool:
            self.look()
            return plain(validator, instance, named)

        return is_type


def _is_apart() -> bool:
    """Whether this is a thread that may rest: no event loop runs in it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def too_deep() -> exceptions.ValidationError:
    """Said of a value."""
    return exceptions.ValidationError("nested too deeply to be checked against the tool's input schema")


def _deep() -> bool:
    try:
        sys._getframe(sys.getrecursionlimit() - _SPARED)  # noqa: SLF001 - Python says it in no other way
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any | None:
    """None for what RE2 does not take."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _check_patterns(schema: Any) -> None:
    """Where patterns choose schemas, each must be one that RE2 takes."""
    if isinstance(schema, list):
        for item in schema:
            _check_patterns(item)
    if not isinstance(schema, Mapping):
        return
    patterns = schema.get("patternProperties")
    for pattern in patterns if isinstance(patterns, Mapping) else ():
        if _compiled(pattern) is None:
            raise Unbounded(f"the pattern `{pattern[:_MAX_TEXT]}`")
    for item in schema.values():
        _check_patterns(item)


def _words(schema: Any) -> set[str]:
    """Every key in it, at any depth."""
    items = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    return set(schema if isinstance(schema, Mapping) else ()).union(*map(_words, items))


def _found(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield exceptions.ValidationError(f"{instance[:_MAX_TEXT]!r} does not match {pattern[:_MAX_TEXT]!r}")
