"""The pack `math`: MATH's training problems by level from the hub or a mirror's file, MATH-500 as test."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example

LEVELS = {"level0": 2, "level1": 564, "level2": 1345, "level3": 1584, "level4": 1681, "level5": 2298}
HUB_ROWS = [  # in the columns of DigitalLearningGmbH/MATH-lighteval
    {
        "problem": "What is $1+1$?", "level": "Level 1", "type": "Prealgebra",
        "solution": "First $\\boxed{1}$ and then, in all, $\\boxed{2}$.",
    },
    {
        "problem": "What is $\\frac{1}{2} + \\frac{1}{3}$?", "level": "Level ?", "type": "Counting & Probability",
        "solution": "It is $\\frac{3}{6} + \\frac{2}{6} = \\boxed{\\frac{5}{6}}$.",
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("tasks/math")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def datasets() -> None:
    pytest.importorskip("datasets")


def need_file(mirror: str) -> None:
    if not Path(mirror, "extra", "math_train.jsonl").is_file():
        pytest.skip("needs extra/math_train.jsonl in the mirror")


def test_the_pack_passes_its_own_check(pack: Pack, engine: Engine, mirror: str) -> None:
    need_file(mirror)
    checks = {result.name: result for result in check(pack, engine, mirror)}
    assert checks["gold answers of train"].checked == sum(LEVELS.values())
    assert checks["gold answers of test"].checked == 500
    assert {result.name: result.problems[:3] for result in checks.values() if not result.ok} == {}
    assert checks["wrong answers earn nothing"].notes == []


def test_examples_have_level_and_subject(pack: Pack, mirror: str) -> None:
    need_file(mirror)
    train, test = (load_split(pack, split, mirror) for split in ("train", "test"))
    assert Counter(example.category for example in train.examples) == LEVELS
    assert {example.category for example in test.examples} == {*LEVELS} - {"level0"}
    subjects = {example.metadata["subject"] for example in test.examples}
    assert subjects == {example.metadata["subject"] for example in train.examples} == {
        "algebra", "counting_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra", "precalculus",
    }  # fmt: skip
    assert (train.origin["hub"], train.origin["file"]) == (
        "DigitalLearningGmbH/MATH-lighteval",
        "extra/math_train.jsonl",
    )
    assert (test.origin["hub"], "file" in test.origin) == ("HuggingFaceH4/MATH-500", False)


def test_the_hubs_columns(pack: Pack, tmp_path: Path) -> None:
    folder = tmp_path / "DigitalLearningGmbH" / "MATH-lighteval"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in HUB_ROWS))
    split = load_split(pack, "train", str(tmp_path))
    assert [(example.gold, example.category, example.metadata["subject"]) for example in split.examples] == [
        ("2", "level1", "prealgebra"),
        ("\\frac{5}{6}", "level0", "counting_probability"),
    ]
    assert "file" not in split.origin


def test_gold_answers_in_solutions(pack: Pack, mirror: str) -> None:
    """MATH-500 has both columns: the answer that is read out of a solution is the one that it states."""
    to_example: Callable[[dict[str, Any]], dict[str, Any]] = getattr(pack.module("data"), "to_example")  # noqa: B009
    rows = [json.loads(line) for line in Path(mirror, "HuggingFaceH4/MATH-500/test.jsonl").read_text().splitlines()]
    read = [to_example({**row, "answer": None})["gold"] for row in rows]
    # One solution writes the number in two forms, each in a box.
    assert [row["answer"] for row, gold in zip(rows, read, strict=True) if gold != row["answer"]] == ["\\frac{639}{40}"]


@pytest.mark.parametrize(
    ("question", "gold", "answer", "accepted"),
    [
        ("Simplify $\\sqrt{242}$.", "11\\sqrt{2}", "\\sqrt{242}", False),
        ("Simplify \\[\\sqrt{ 242 }.\\]", "11\\sqrt{2}", "y = \\sqrt {242}", False),
        ("Find $\\dfrac{1}{3}+\\frac 27.$", "\\frac{13}{21}", "\\frac13+\\frac27", False),
        ("Find $\\binom{8}{4}$.", "70", "\\binom{8}{4}", False),
        ("How much is $154_6$ in base 10?", "70", "154_6", False),
        ("Simplify $2.5-0.32.$", "2.18", "2.5-0.32", False),
        ("Which is larger, $2^{10}$ or $10^3$?", "2^{10}", "2^{10}", True),
        ("Is $\\frac{7}{10}$ or $\\frac{3}{4}$ larger?", "\\frac34", "\\frac{3}{4}", True),
        ("Two angles have $60^\\circ$. And the third?", "60", "60^\\circ", True),
        ("A man is $-3$ floors up. Where is he?", "-3.0", "-3", True),
        ("Ann is 10 years old, and Bob too?", "10", "10\\text{ years}", True),
        ("Let $x = 4$ and $y = x$. What is $y$?", "4", "y=4", True),
        ("Is $f$ odd or even?", "\\text{even}", "\\text{even}", True),
        ("Divide $x^2-1$ by $x-1$.", "x+1", "1+x", True),
        ("Simplify $12x+5x$.", "17x", "2x+5x", False),  # wrong anyway
        ("", "1", "(" * 50_000, False),
    ],
)
def test_a_formula_of_the_question_is_no_answer(
    pack: Pack, engine: Engine, question: str, gold: str, answer: str, accepted: bool
) -> None:
    completion = Completion(f"So it is $\\boxed{{{answer}}}$.")
    verdict = engine.verify(pack.verifier, Example("1", question, gold), completion)
    assert (verdict.status == "correct") == accepted, verdict.reason


def test_few_shot_examples_and_cases(pack: Pack) -> None:
    assert len(pack.shots) == 4
    assert sum(case.expected == "incorrect" for case in pack.cases) >= 10
    assert sum(case.why.startswith("hack") for case in pack.cases) >= 8
