"""`json_schema`: documents as models write them, strict reading, rules of comparison, schemas that are wrong."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

pytest.importorskip("jsonschema", reason="needs jsonschema")
pytest.importorskip("re2", reason="needs google-re2")

from rlvr.verifiers.symbolic.fields import Unreadable
from rlvr.verifiers.symbolic.json_schema.text import parse
from rlvr.verifiers.symbolic.json_schema.verifier import json_schema

C, X, U, E = Status.CORRECT, Status.INCORRECT, Status.UNPARSED, Status.ERROR
TREE = {"$defs": {"t": {"type": "object", "properties": {"in": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"}


def verify(gold: str, answer: str, **metadata: Any) -> Verdict:
    verdict: Verdict = json_schema(Example("", "", gold, metadata=metadata), Completion(answer))
    return verdict


@pytest.mark.parametrize(
    ("gold", "answer", "metadata", "status", "reason"),
    [
        ("2", "2.0", {}, C, ""),
        ("true", "1", {}, X, "the document is 1, not true"),
        ("1", "true", {}, X, ""),
        ("[1, 2]", "[2, 1]", {}, X, "/* is 2, not 1"),
        ("[1, 2]", "[2, 1]", {"compare": {"": "multiset"}}, C, ""),
        ("[1, 1]", "[1]", {"compare": {"": "multiset"}}, X, "lacks"),
        ("[1, 1]", "[1]", {"compare": {"": "set"}}, C, ""),
        ("[1]", "[1, 1]", {"compare": {"": "set"}}, C, ""),
        ("[1]", "[1, 1]", {"compare": {"": "multiset"}}, X, "doesn't belong"),
        ("[1, 2]", "[1, 1]", {"compare": {"": "set"}}, X, "lacks"),
        ('["A b"]', '["a  B"]', {"compare": {"": "set", "/*": "text"}}, C, ""),
        ("[1, 2]", "[2.001, 1]", {"compare": {"": "set", "/*": {"as": "number", "tolerance": 0.01}}}, C, ""),
        ('{"a/b": 1}', '{"a/b": 1.1}', {"compare": {"/a~1b": {"as": "number", "tolerance": 0.2}}}, C, ""),
        ('{"a": 1}', '{"a": 1, "b": 2}', {}, X, "/b was not asked for"),
        ('{"a": 1}', '{"a": 1, "b": 2}', {"extra": True}, C, ""),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', {"fields": ["/a"]}, C, ""),
        ('{"a": [1, 2]}', '{"a": [1, 3]}', {"fields": ["/a/0"]}, C, ""),
        ('{"a": [1, 2]}', '{"a": []}', {"fields": ["/a/0"]}, X, "/a/0 is missing"),
        ("", "3", {"schema": {"type": "integer"}}, C, ""),
        ("", "3.5", {"schema": {"type": "integer"}}, X, "doesn't conform to 'type'"),
        ("", '[1, 1.0, "a"]', {"schema": {"uniqueItems": True}}, X, "appears twice"),
        ("", "[1, true, [1], {}, []]", {"schema": {"uniqueItems": True}}, C, ""),
        ("", '{"x1": 1}', {"schema": {"patternProperties": {"^x": {"type": "string"}}}}, X, "/x1"),
        (
            "",
            '{"x1": 1, "y": 2}',
            {"schema": {"patternProperties": {"^x": {}}, "additionalProperties": False}},
            X,
            "'y' was not asked for",
        ),
        ("", '{"y": 2}', {"schema": {"additionalProperties": {"type": "string"}}}, X, "/y"),
        ("", '"' + "a" * 5000 + '!"', {"schema": {"pattern": "^(a+)+$"}}, X, "'pattern'"),
        ("", '{"in": ' * 30 + "{}" + "}" * 30, {"schema": TREE}, C, ""),
        ("", '{"in": ' * 30 + "1" + "}" * 30, {"schema": TREE}, X, "'type'"),
    ],
)
def test_documents(gold: str, answer: str, metadata: dict[str, Any], status: Status, reason: str) -> None:
    verdict = verify(gold, answer, **metadata)
    assert verdict.status is status, verdict
    assert reason in verdict.reason


def test_parts_say_what_was_right() -> None:
    verdict = verify('{"a": 1}', '{"a": 2}', schema={"required": ["a"]})
    assert verdict.parts == {"schema": 1.0, "values": 0.0}


@pytest.mark.parametrize(
    ("gold", "metadata", "message"),
    [
        ("", {}, "neither"),
        ("{", {}, "gold answer"),
        ("1", {"schema": {"type": "number-ish"}}, "not a JSON schema"),
        ("1", {"schema": {"$ref": "http://127.0.0.1:1/schema.json"}}, "leads out of it"),
        ("1", {"schema": {"$ref": "file:///etc/passwd"}}, "leads out of it"),
        ('"a"', {"schema": {"pattern": "(?=a)"}}, "RE2"),
        ("1", {"schema": {"enum": ["x" * 60_000]}}, "more than 50000"),
        ("1", {"schema": []}, "'schema'"),
        ("1", {"schema": {"patternProperties": {"a": {}}, "unevaluatedProperties": False}}, "not supported"),
        ("1", {"compare": {"a": "exact"}}, "'compare'"),
        ("1", {"compare": {"/a": "close"}}, "'as'"),
        ("1", {"compare": {"/a": {"as": "number", "tolerance": -1}}}, "'tolerance'"),
        ("1", {"fields": ["/a"]}, "nothing at '/a'"),
        ("1", {"fields": [1]}, "JSON pointers"),
        ("1", {"extra": 1}, "'extra'"),
    ],
)
def test_a_wrong_example_is_our_fault(gold: str, metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        verify(gold, "1", **metadata) if gold != '"a"' else verify(gold, '"a"', **metadata)


def test_a_schema_without_end_is_an_error() -> None:
    example = Example("", "", "1", metadata={"schema": {"$ref": "#"}})
    assert shared_engine().verify(json_schema, example, Completion("1")).status is E


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.sampled_from([None, 2]))
def test_every_document_equals_itself(value: Any, indent: int | None) -> None:
    gold = json.dumps(value)
    assert parse(gold) == value
    assert verify(gold, f"```json\n{json.dumps(value, indent=indent, ensure_ascii=False)}\n```").status is C


@settings(max_examples=150, deadline=None)
@given(JSON, JSON)
def test_documents_that_differ_are_told_apart(one: Any, two: Any) -> None:
    same = _typed(one) == _typed(two)
    assert (verify(json.dumps(one), json.dumps(two)).status is C) == same


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:01.eE-+ntrufalse\\ \n`', max_size=30))
def test_reading_is_total(text: str) -> None:
    try:
        value = parse(text)
    except Unreadable:
        return
    assert value == json.loads(text)


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (isinstance(value, bool), value)
