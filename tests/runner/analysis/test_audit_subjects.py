"""What an audit measures: a verifier's cases, those of the packs that use it, and what the packs generate."""

import json
from collections import Counter
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.audit_subjects import subjects
from rlvr.verifiers.audit import Kind, Label

TASK = """name = "signs"
description = "Signs"
license = "CC0-1.0"
gold_completion = "{gold}"
[data.generator]
sizes = { train = 4, test = 2 }
[verifiers.words]
name = "exact"
[verifiers.numbers]
name = "number"
"""
DATA = """
def generate(split, size, seed):
    for n in range(size):
        yield {"question": str(n), "gold": str(n), "verifier": "numbers" if n % 2 else "words"}

def near_misses(row, random):
    return [row["gold"] + "1"]
"""
CASES = [
    {"question": "1", "gold": "1", "completion": "1", "expected": "correct", "verifier": "words"},
    {"question": "2", "gold": "2", "completion": "#### 3", "expected": "incorrect", "verifier": "numbers"},
    {"question": "2", "gold": "2", "completion": "x", "expected": "timeout", "verifier": "numbers"},
]


@pytest.fixture
def pack(tmp_path: Path) -> str:
    (tmp_path / "task.toml").write_text(TASK)
    (tmp_path / "data.py").write_text(DATA)
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CASES))
    return str(tmp_path)


def test_each_verifier_of_a_pack_has_the_cases_that_it_decides(pack: str) -> None:
    words, numbers = subjects(pack, [], 20, None)
    assert (words.name, numbers.name) == (f"{pack} words", f"{pack} numbers")
    for subject, gold in ((words, 10), (numbers, 10)):
        kinds = Counter(case.kind for case in subject.cases)
        assert kinds[Kind.GOLD] == kinds[Kind.NEAR_MISS] == gold
        assert subject.notes == []
    own = {
        s.name: [c.label for c in s.cases if c.source == "pack signs" and c.kind is Kind.CASE] for s in (words, numbers)
    }
    assert own == {words.name: [Label.RIGHT], numbers.name: [Label.WRONG]}  # a timeout is no label


def test_a_verifier_brings_the_cases_of_the_packs_that_use_it() -> None:
    (subject,) = subjects("exact", [], 0, None)
    assert any(case.source.startswith("pack ") for case in subject.cases)
    assert all(case.kind is Kind.CASE for case in subject.cases)


def test_files_replace_all_other_cases(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"gold": "5", "completion": "5", "expected": true}\n')
    (subject,) = subjects("exact", [file], 100, None)
    assert [(case.source, case.label) for case in subject.cases] == [("own", Label.RIGHT)]


def test_a_pack_whose_data_cannot_be_had_is_noted(pack: str) -> None:
    Path(pack, "data.py").write_text("def generate(split, size, seed):\n    raise OSError('gone')\n")
    words, _ = subjects(pack, [], 20, None)
    assert len(words.notes) == 1
    assert words.notes[0].startswith("pack signs: ")
    assert "gone" in words.notes[0]


@pytest.mark.parametrize(
    ("name", "message"), [("numbr", "did you mean 'number'"), ("./nowhere", "no verifier is called")]
)
def test_what_is_not_there(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        subjects(name, [], 0, None)
