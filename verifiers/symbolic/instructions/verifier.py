"""`instructions`: a text keeps constraints that a program can check, after IFEval and IFBench. All must hold.

`example.metadata["constraints"]` is a list of objects: `kind`, one of `kinds.KINDS`, and its parameters. Only the form is
checked: no constraint says whether the text is any good, or keeps to its subject. The verdict's parts have the result of each.

Invisible characters are removed before anything is counted, and a word that mixes alphabets, which can hide another word,
makes the text unreadable.
"""

import functools
import inspect
import re
import types
import typing
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.fields import fail, field
from rlvr.verifiers.symbolic.instructions.kinds import KINDS, Text, check_parameters
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_TEXT = 50_000  # characters
MAX_CONSTRAINTS = 30

_WORD = re.compile(r"[^\W\d_]+")
_LOOKALIKES = ("LATIN", "CYRILLIC", "GREEK")
_BLANKS = "\u2800\u3164\uffa0\u115f\u1160"  # letters and signs that look blank
_JOINERS = "\u200c\u200d"  # they belong to the spelling of some scripts


@verifier("instructions", cases=Path(__file__).with_name("cases.jsonl"))
def instructions(example: Example, completion: Completion) -> Verdict:
    """A text keeps every constraint on its words, form, casing and language."""
    constraints = _constraints(example.metadata)
    if len(completion.text) > MAX_TEXT:
        return Verdict.unparsed(f"the text has {len(completion.text)} characters, more than {MAX_TEXT}")
    text = _visible(completion.text.rpartition("</think>")[2]).strip()
    if not text:
        return Verdict.unparsed("the text is empty")
    mixed = _mixed(text)
    if mixed:
        return Verdict.unparsed(f"the word {mixed[:40]!r} mixes alphabets")
    piece = Text(text, example.question)
    results: dict[str, float] = {}
    problems = []
    for name, parameters in constraints:
        problem = KINDS[name](piece, **parameters)
        same = sum(
            part == name or (part.startswith(f"{name}_") and part[len(name) + 1 :].isdigit()) for part in results
        )
        results[f"{name}_{same + 1}" if same else name] = float(not problem)
        if problem:
            problems.append(f"{name}: {problem}")
    return Verdict.of(not problems, text, "; ".join(problems) or "every constraint holds", **results)


def _constraints(metadata: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(kind, parameters) of each constraint. Raises VerifierError for an unknown one or a wrong type."""
    given = field(metadata, "constraints", list)
    if not 1 <= len(given) <= MAX_CONSTRAINTS:
        fail(f"field 'constraints' must have 1 to {MAX_CONSTRAINTS} of them")
    constraints = []
    for row in given:
        if not isinstance(row, dict) or row.get("kind") not in KINDS:
            fail(
                f"a constraint must be an object with a known 'kind', not {row!r:.100}; known are {', '.join(sorted(KINDS))}"
            )
        name, parameters = (
            row["kind"],
            {key: value for key, value in row.items() if key != "kind" and value is not None},
        )
        expected = _parameters(name)
        for key, value in parameters.items():
            if key not in expected or not _fits(value, expected[key][0]):
                fail(f"constraint {name!r}: {key} = {value!r:.60}; it takes {', '.join(expected) or 'no parameters'}")
        missing = [key for key, (_, needed) in expected.items() if needed and key not in parameters]
        problem = f"{missing[0]} is missing" if missing else check_parameters(name, parameters)
        if problem:
            fail(f"constraint {name!r}: {problem}")
        constraints.append((name, parameters))
    return constraints


@functools.cache
def _parameters(name: str) -> dict[str, tuple[Any, bool]]:
    """Parameter -> (its type, whether it is required)."""
    signature = inspect.signature(KINDS[name])
    return {
        key: (parameter.annotation, parameter.default is inspect.Parameter.empty)
        for key, parameter in list(signature.parameters.items())[1:]
    }


def _fits(value: Any, annotation: Any) -> bool:
    if isinstance(annotation, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(annotation) if option is not types.NoneType)
    if annotation is int:
        return type(value) is int and 0 <= value <= 100_000
    if annotation is str:
        return isinstance(value, str) and len(value) <= 5_000
    return isinstance(value, list) and len(value) <= 100 and all(_fits(item, str) for item in value)


def _visible(text: str) -> str:
    """`text` in composed Unicode (NFC), with \\n as line end, without invisible characters."""
    text = text.replace("\r\n", "\n")
    if text.isascii():
        return "".join(c for c in text if c >= " " or c in "\n\t") if not text.isprintable() else text
    text = unicodedata.normalize("NFC", text)
    text = text.translate(dict.fromkeys(map(ord, _BLANKS)))
    return "".join(c for c in text if c in "\n\t" + _JOINERS or unicodedata.category(c) not in ("Cf", "Cc", "Co", "Cs"))


def _mixed(text: str) -> str:
    """A word that has letters of two alphabets with lookalikes, or ""."""
    if text.isascii():
        return ""
    for word in _WORD.findall(text):
        if not word.isascii() and len({s for c in word if (s := _alphabet(c))}) > 1:
            return str(word)
    return ""


@functools.lru_cache(maxsize=4096)
def _alphabet(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((alphabet for alphabet in _LOOKALIKES if name.startswith(alphabet)), "")
