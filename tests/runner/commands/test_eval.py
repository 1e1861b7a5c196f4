"""`rlvr eval`: figures of a model without training, its files, thresholds and sweeps over few-shot examples."""

import json
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytestmark = pytest.mark.train


def test_the_summary_is_printed_written_and_compared_with_the_threshold(warm, tmp_path: Path) -> None:
    asked = ("eval", "addition", "--model", "tiny", "-n", "4", "-k", "2", "--json", "--output", "e.json")
    done = warm(*asked, "--min-accuracy", "1", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert json.loads((tmp_path / "e.json").read_text()) == summary
    assert (summary["questions"], summary["samples"], summary["temperature"]) == (4, 2, 1.0)
    assert (summary["pack"], summary["model"], summary["split"], summary["seed"]) == ("addition", "tiny", "test", 0)
    assert set(summary["strict"]["pass_at_k"]) == {"1", "2"}
    assert "step" not in summary
    assert len((tmp_path / "e.jsonl").read_text().splitlines()) == 8
    assert "accuracy of tiny on addition: 4 questions, 0 shots" in done.stderr


def test_a_sweep_leaves_an_earlier_evaluation_alone(warm, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"id": "test-0"}\n')
    done = warm("eval", "addition", "--model", "tiny", "-n", "2", "--shots", "0,1", "--output", "e.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "e.jsonl").read_text() == '{"id": "test-0"}\n'


def test_a_sweep_over_shots(warm, tmp_path: Path) -> None:
    done = warm(
        "eval",
        "addition",
        "--model",
        "tiny",
        "-n",
        "5",
        "--shots",
        "0,2,4",
        "--json",
        "--output",
        "e.json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    sweep = json.loads(done.stdout)["sweep"]
    assert [summary["shots"] for summary in sweep] == [0, 2, 4]
    lengths = [summary["longest_prompt_tokens"] for summary in sweep]
    assert lengths == sorted(set(lengths))
    files = [f"e-{n}-shots.{kind}" for n in (0, 2, 4) for kind in ("json", "jsonl")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    asked = [[json.loads(line)["id"] for line in (tmp_path / f"e-{n}-shots.jsonl").open()] for n in (0, 2, 4)]
    assert asked[0] == asked[1] == asked[2]  # the same questions
    assert json.loads((tmp_path / "e-2-shots.json").read_text()) == sweep[1]


@pytest.mark.parametrize(
    ("shots", "says"),
    [
        ("0,2,2", "--shots 0,2,2: expected a number, or different numbers with commas between, such as 0,2,4,8"),
        ("0,x", "--shots 0,x: expected a number"),
        ("8->0", "--shots 8->0: expected a number"),
        ("0,99", "99 shots asked for, but pack 'addition' has 8 few-shot examples"),
    ],
)
def test_a_sweep_that_cannot_be(warm, tmp_path: Path, shots: str, says: str) -> None:
    done = warm("eval", "addition", "--model", "tiny", "--shots", shots, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []
