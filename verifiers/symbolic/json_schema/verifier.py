"""`json_schema`: structured output. The completion is one JSON document that conforms and has the right values.

`example.gold` is the gold document (empty: values are not compared); `example.metadata`:

- `schema`: a JSON schema (default: none). References reach within it only, and its patterns are RE2's: linear time.
  `format` is an annotation, as the standard has it, and not checked.
- `fields`: JSON pointers of the values that are compared (default: all of the document).
- `compare`: place -> `exact`, `number` (with `tolerance`), `text` (letter case and white space don't matter), `set` or
  `multiset` (lists without order); see values.py.
- `extra`: whether objects may have members that the gold ones don't have (default: no).

Nothing may surround the document but the fences of one block.
"""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import Unreadable, fail, field
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.json_schema.text import document, parse
from rlvr.verifiers.symbolic.json_schema.values import Comparison, rules_of
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_SCHEMA = 50_000  # characters of a schema
_NOTHING = object()


@verifier("json_schema", cases=Path(__file__).with_name("cases.jsonl"))
def json_schema(example: Example, completion: Completion) -> Verdict:
    """One JSON document, which conforms to the schema and has the right values.

    Raises VerifierError for a wrong example.
    """
    schema = field(example.metadata, "schema", dict, {})
    comparison = Comparison(rules_of(example.metadata), field(example.metadata, "extra", bool, False))
    if not schema and not example.gold.strip():
        fail("neither a 'schema' nor a gold document")
    gold = _gold(example.gold)
    try:
        text = document(completion.text)
        value = parse(text)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    misfit = _misfit(schema, value) if schema else ""
    wrong = _wrong_value(example.metadata, comparison, gold, value) if gold is not _NOTHING else ""
    parts = {"schema": float(not misfit), "values": float(not wrong)}
    reason = misfit or wrong or "conforms, and the values are right"
    return Verdict.of(not (misfit or wrong), text, reason, **parts)


def _gold(text: str) -> Any:
    try:
        return parse(text) if text.strip() else _NOTHING
    except Unreadable as error:
        raise VerifierError(f"the gold answer: {error}") from None


def _wrong_value(metadata: Mapping[str, Any], comparison: Comparison, gold: Any, value: Any) -> str:
    for pointer in field(metadata, "fields", list, [""]):
        wanted = _at(gold, pointer)
        if wanted is _NOTHING:
            fail(f"field 'fields': the gold answer has nothing at {pointer!r:.80}")
        given = _at(value, pointer)
        if given is _NOTHING:
            return f"{pointer} is missing"
        place = "/".join("*" if part.isdigit() else part for part in pointer.split("/"))
        wrong = comparison.difference(wanted, given, place)
        if wrong:
            return wrong
    return ""


def _at(value: Any, pointer: Any) -> Any:
    """The value at a JSON pointer, or _NOTHING."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        fail(f"field 'fields' must be a list of JSON pointers, not {pointer!r:.80}")
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return _NOTHING
    return value


def _misfit(schema: Mapping[str, Any], value: Any) -> str:
    """The first thing that doesn't conform, with its place, or "". Raises VerifierError if the schema is wrong."""
    referencing = load("referencing", "jsonschema")
    text = json.dumps(schema, sort_keys=True)
    if len(text) > MAX_SCHEMA:
        fail(f"field 'schema' has {len(text)} characters, more than {MAX_SCHEMA}")
    try:
        errors: list[Any] = list(itertools.islice(_validator(text).iter_errors(value), 1))
    except referencing.exceptions.Unresolvable as unresolved:
        fail(f"field 'schema': a reference leads out of it: {str(unresolved)[:200]}")
    if not errors:
        return ""
    error = errors[0]
    place = "".join(f"/{part}" for part in error.absolute_path) or "the document"
    return f"{place[:100]} doesn't conform to {error.validator!r}: {error.message[:200]}"


@functools.lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    """The validator of a schema, which is checked itself. Raises VerifierError."""
    jsonschema, referencing = load("jsonschema", "jsonschema"), load("referencing", "jsonschema")
    schema = json.loads(text)
    base = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema)
    except jsonschema.SchemaError as error:
        fail(f"field 'schema' is not a JSON schema: {error.message[:200]}")
    if '"unevaluatedProperties"' in text and '"patternProperties"' in text:
        fail("field 'schema': unevaluatedProperties beside patternProperties is not supported")
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    return jsonschema.validators.extend(base, own)(schema, registry=referencing.Registry())


# ---- keywords whose implementation in the library isn't linear


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not _re2(pattern).search(value):
        yield load("jsonschema", "jsonschema").ValidationError(f"{value[:100]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for pattern, inner in patterns.items():
            compiled = _re2(pattern)
            for name, member in value.items():
                if compiled.search(name):
                    yield from validator.descend(member, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    patterns = [_re2(pattern) for pattern in schema.get("patternProperties", {})]
    for name, member in value.items():
        if name in schema.get("properties", {}) or any(pattern.search(name) for pattern in patterns):
            continue
        if inner is False:
            yield load("jsonschema", "jsonschema").ValidationError(f"{name[:100]!r} was not asked for")
        else:
            yield from validator.descend(member, inner, path=name)


def _unique_items(validator: Any, unique: bool, value: Any, schema: Any) -> Iterator[Any]:
    if unique and validator.is_type(value, "array") and len({_frozen(item) for item in value}) < len(value):
        yield load("jsonschema", "jsonschema").ValidationError("an item appears twice")


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((name, _frozen(member)) for name, member in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return (isinstance(value, bool), value)


@functools.lru_cache(maxsize=256)
def _re2(pattern: str) -> Any:
    re2 = load("re2", "google-re2")
    options = re2.Options()
    options.max_mem, options.log_errors = 1 << 20, False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        fail(f"field 'schema': the pattern {pattern!r:.80} is not one of RE2")
