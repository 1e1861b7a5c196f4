"""`rlvr check`: what is wrong with a pack is a problem with its file and line, and the exit code is 1."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def edit(name: str, old: str, new: str) -> None:
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new, 1))


def append(name: str, text: str) -> None:
    Path(name).write_text(Path(name).read_text() + text)


def spoil_gold() -> None:
    edit("mine/task.toml", '"exact"', '"number"')
    edit("mine/task.toml", 'license = "Apache-2.0"', 'license = "Apache-2.0"\ngold_completion = "#### {gold}"')
    Path("mine/data.py").write_text("def generate(split, size, seed): return [{'question': split, 'gold': 'six'}]")


@pytest.mark.parametrize(
    ("spoil", "check", "message"),
    [
        (lambda: append("mine/fewshot.jsonl", "{"), "few-shot examples", "PACK/fewshot.jsonl:9: not valid JSON: "),
        (lambda: append("mine/cases.jsonl", '{"expected": "yes"}'), "labelled cases", "PACK/cases.jsonl:17: expected = 'yes': "),
        (lambda: Path("mine/data.py").write_text("def generate(split, size, seed): return []"), "data",
         "PACK/task.toml: split 'train' is empty (source generator, seed 0, size 4000)"),
        (lambda: Path("mine/data.py").write_text("def generate(split, size, seed): return [{'question': '1'}]"), "data",
         "PACK/data.py: split 'train', row 0: no column 'gold'; found question"),
        (lambda: edit("mine/task.toml", "steps = 400", "stepz = 300"), "run defaults",
         "PACK/task.toml: [run]: stepz: unknown field; did you mean 'steps'?"),
        (lambda: append("mine/task.toml", "[run.profiles.x]\nsteps = -1"), "run defaults",
         "PACK/task.toml: [run.profiles.x]: steps: Input should be greater than 0, found -1"),
        (spoil_gold, "gold answers of train", "PACK/data.py: split 'train', row 0: gold answer 'six' of train-0: error: "),
    ],
)  # fmt: skip
def test_check_finds_it(run: Run, spoil: Callable[[], object], check: str, message: str) -> None:
    spoil()
    code, out, err = run("check", "mine", "--json")
    assert code == 1
    found = {c["name"]: c["problems"] for c in json.loads(out)["checks"]}
    assert found[check][0].replace(str(Path("mine").resolve()), "PACK").startswith(message)
    assert f"{check}: " in err


def test_check_of_a_sound_pack(run: Run) -> None:
    code, out, err = run("check", "mine")
    assert (code, out) == (0, "")
    assert "FAILED" not in err


def test_a_wrong_mirror(run: Run) -> None:
    pytest.importorskip("datasets")
    code, out, _ = run("check", "gsm8k", "--hub-mirror", "nowhere", "--json")
    assert code == 1
    problems = [p for c in json.loads(out)["checks"] for p in c["problems"]]
    assert problems[0].startswith(
        "hub mirror 'nowhere' has no folder 'openai/gsm8k' (set by --hub-mirror or RLVR_HUB_MIRROR"
    )
