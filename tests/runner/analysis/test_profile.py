"""Profiles: figures of an example, the file that grows and continues, and the histogram. With a fake generator."""

import json
import math
import random
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.profile import (
    ExampleProfile,
    ProfileFile,
    order,
    profile,
    summarize_profile,
)
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.evaluate import Evaluator
from rlvr.runner.generation.backend import Sampling
from rlvr.tasks.pack import load_pack
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

SETTINGS = {"pack": "addition", "samples": 64}
COLUMNS = ["id", "question", "category", "samples", "correct", "pass_rate", "low", "high", "truncated", "mean_length"]


class Tokenizer:
    chat_template = None

    def __call__(self, texts, add_special_tokens: bool = True):
        return {"input_ids": [list(map(ord, text)) for text in texts]}


class Digits:
    """Samples digits; dies after `alive` prompts."""

    name = "fake"

    def __init__(self, alive: float = math.inf) -> None:
        self.alive, self.asked = alive, 0

    def generate(self, prompts, sampling, on_done) -> None:
        draw = random.Random(sampling.seed)
        for index in range(len(prompts)):
            if self.asked == self.alive:
                raise KeyboardInterrupt
            self.asked += 1
            on_done(index, [Completion(str(draw.randrange(10)), (1,), (), "length") for _ in range(sampling.n)])


@pytest.fixture
def examples() -> list[Example]:
    return order(load_split(load_pack("addition"), "train").examples, 20, seed=0)


@pytest.fixture
def fill(tmp_path: Path, examples: list[Example]):
    """fill(generator, examples, file): what `profile` returns, with 64 samples of each example, 4 examples at a time."""
    pack = load_pack("addition")

    def fill(generator, asked=examples, path=tmp_path / "p.parquet"):
        with Engine(workers=1) as engine:
            evaluator = Evaluator(pack, Shots.of(pack, ShotSchedule.constant(0)), Tokenizer(), 100, engine)
            return profile(ProfileFile(path, SETTINGS), evaluator, asked, generator, Sampling(1, n=64, seed=0))

    return fill


def test_the_profile_of_an_example() -> None:
    verdicts = [Verdict.of(True), Verdict.of(False), Verdict.unparsed("?"), Verdict(Status.ERROR)]
    completions = [Completion("x", (1,) * n, (), "length" if n > 2 else "stop") for n in (1, 2, 3, 4)]
    row = ExampleProfile.of(Answered(Example("a", "1+1", "2", "two"), completions, verdicts, []))
    assert row == ExampleProfile("a", "1+1", "two", 3, 1, 0.5, 2.5)
    assert list(row.to_row()) == COLUMNS
    assert row.pass_rate == pytest.approx(1 / 3)
    assert ExampleProfile.from_row(row.to_row(), Path("p")) == row
    assert ExampleProfile("a", "", "", 0, 0, 0.0, 1.0).pass_rate is None


@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize("correct", [0, 1, 5, 8])
def test_the_chance_of_a_group_with_variance_is_that_of_drawing_one(size: int, correct: int) -> None:
    row, draw = ExampleProfile("a", "", "", 8, correct, 0.0, 1.0), random.Random(0)
    samples = [True] * correct + [False] * (8 - correct)
    drawn = sum(len(set(draw.sample(samples, size))) == 2 for _ in range(4000)) / 4000
    assert row.variance_chance(size) == pytest.approx(drawn, abs=0.03)


def test_a_group_larger_than_the_sample() -> None:
    assert ExampleProfile("a", "", "", 2, 1, 0.0, 1.0).variance_chance(4) == pytest.approx(1 - 2 * 0.5**4)
    assert ExampleProfile("a", "", "", 0, 0, 0.0, 1.0).variance_chance(4) == 0


def test_a_larger_number_of_examples_adds_to_a_smaller_one(examples: list[Example]) -> None:
    split = load_split(load_pack("addition"), "train").examples
    assert order(split, 50, seed=0)[:20] == examples
    assert order(split, 20, seed=1) != examples
    assert sorted(e.id for e in order(split, 0, seed=0)) == sorted(e.id for e in split)


def test_rows_are_written_as_they_are_decided_and_the_rest_follows(fill, tmp_path: Path, examples) -> None:
    whole = fill(Digits(), path=tmp_path / "whole.parquet")
    with pytest.raises(KeyboardInterrupt):
        fill(Digits(alive=9))
    lines = (tmp_path / "p.parquet.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 8  # settings, and two parts of four examples
    assert json.loads(lines[1])["id"] == examples[0].id
    with (tmp_path / "p.parquet.jsonl").open("a") as file:
        file.write('{"id": "cut o')  # killed while it wrote
    again = Digits()
    assert fill(again) == whole
    assert again.asked == 12
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("p.")] == ["p.parquet"]
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(tmp_path / "p.parquet")
    assert table.column_names == COLUMNS
    assert table["id"].to_pylist() == [example.id for example in examples]
    assert {row["samples"] for row in table.to_pylist()} == {64}


def test_a_finished_profile_is_read_and_grows(fill, examples) -> None:
    first = fill(Digits(), examples[:8])
    nothing, rest = Digits(), Digits()
    assert fill(nothing, examples[:8]) == first
    assert nothing.asked == 0
    assert fill(rest)[:8] == first
    assert rest.asked == 12


def test_a_profile_with_other_settings_is_refused(fill, tmp_path: Path) -> None:
    fill(Digits())
    path = tmp_path / "p.parquet"
    with pytest.raises(
        ConfigError, match="a profile with samples = 64, asked for 16: give another --file, or delete it"
    ):
        ProfileFile(path, SETTINGS | {"samples": 16})
    path.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"p\.parquet: can't be read as Parquet"):
        ProfileFile(path, SETTINGS)
    (tmp_path / "p.parquet.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(ConfigError, match="no profile by `rlvr profile`"):
        ProfileFile(path, SETTINGS)


def test_the_summary() -> None:
    rows = [
        ExampleProfile("a", "", "two", 8, 0, 0.0, 10.0),
        ExampleProfile("b", "", "two", 8, 4, 0.5, 20.0),
        ExampleProfile("c", "", "three", 8, 8, 0.0, 30.0),
        ExampleProfile("d", "", "three", 0, 0, 0.5, 40.0),
    ]
    summary = summarize_profile(rows, 8)
    assert (summary.examples, summary.undecided, summary.never, summary.always) == (4, 1, 1, 1)
    assert (summary.pass_rate, summary.variance) == (0.5, pytest.approx(1 / 3))
    assert (summary.truncated, summary.mean_length) == (0.25, 25.0)
    assert sum(bar.examples for bar in summary.histogram) == 3
    assert [(bar.low, bar.high) for bar in summary.histogram if bar.examples] == [(0, 0), (0.5, 0.75), (1, 1)]
    assert {name: figures.examples for name, figures in summary.categories.items()} == {"two": 2, "three": 2}
    assert json.loads(json.dumps(summary.as_json()))["categories"]["two"]["pass_rate"] == 0.25
    assert summarize_profile([], 8).pass_rate == 0
