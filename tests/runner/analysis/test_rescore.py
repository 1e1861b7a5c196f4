"""`rlvr rescore`: the saved rollouts verified again; which verdicts flip, what it would have meant, and nothing changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.analysis.rescore import rescore
from rlvr.runner.analysis.rescore_summary import differences, summarize_rescored
from rlvr.runner.cli import main
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.tasks.pack import load_pack
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status

TASK = """name = "sums"
description = "sums"
license = "CC0-1.0"
[data]
generator = {sizes = {train = 10, test = 10}}
[verifier]
name = "VERIFIER"
[reward]
REWARD
"""
ANSWERS = ["#### 4", "4", "#### 5", "the answer is 4"]  # for number strict: correct, unparsed, incorrect, unparsed


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "sums")


def write_pack(folder: Path, verifier: str = "number", reward: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "task.toml").write_text(TASK.replace("VERIFIER", verifier).replace("REWARD", reward))
    (folder / "data.py").write_text("def generate(split, size, seed):\n    yield from ()\n")
    return folder


def make_run(tmp_path: Path, pack: Path, texts: list[str] = ANSWERS, groups: int = 3, **config: Any) -> RunFolder:
    """A run whose rollouts have the verdicts, rewards and advantages of `number` as it is."""
    loaded = load_pack(str(pack))
    extra = {"pack_folder": str(pack), "verifier": loaded.spec()}
    folder = RunFolder.create(tmp_path / "runs", "sums", "tiny", RunConfig(**config), extra)
    with Engine(workers=1) as engine:
        for step in (1, 2):
            rollouts = []
            for group in range(groups):
                example = Example(f"train-{group}", "2+2?", "4", "even" if group % 2 else "odd")
                verdicts = [engine.verify(registry().verifier("number"), example, Completion(text)) for text in texts]
                rewards = [Reward(float(v.status is Status.CORRECT), {"verdict": v.score}) for v in verdicts]
                values = Advantages().compute([Scored("", r.value, r.parts) for r in rewards], len(texts))
                rollouts += [
                    Rollout(example, "2+2?", Completion(text), verdict, paid, value, group, step)
                    for text, verdict, paid, value in zip(texts, verdicts, rewards, values, strict=True)
                ]
            folder.add_rollouts(rollouts)
    return folder


def called(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["rescore", *map(str, arguments)])
    return int(stopped.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("finished", [False, True])
def test_an_unchanged_verifier_flips_nothing(
    tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str], finished: bool
) -> None:
    folder = make_run(tmp_path, pack)
    if finished:
        folder.finish()
    before = contents(folder.path)
    assert called(folder.path, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["rollouts"], found["flipped"], found["reward"]["changed"]) == (24, 0, 0)
    assert found["advantages"] == {"moved": 0, "turned": 0}
    assert found["verifier"]["differences"] == []
    assert "the verifier has the name, version and options that the run recorded" in captured.err
    assert contents(folder.path) == before


def test_a_laxer_verifier(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack)
    before = contents(folder.path)
    output = tmp_path / "rescored.jsonl"
    assert called(folder.path, "--option", "mode=lenient", "--output", output, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    flips = {(flip["from"], flip["to"]): flip["rollouts"] for flip in found["flips"]}
    assert flips == {("unparsed", "correct"): 12, ("correct", "correct"): 6, ("incorrect", "incorrect"): 6}
    assert found["reward"] == {"then": 0.25, "now": 0.75, "changed": 12}
    assert found["verifier"]["differences"] == ['options.mode: not set -> "lenient"']
    assert found["advantages"]["turned"] == 12  # what was pushed away would have been rewarded
    assert found["by_category"][0] == {
        "category": "even", "rollouts": 8, "flipped": 4, "correct_then": 0.25, "correct_now": 0.75,
    }  # fmt: skip
    assert len(found["flips"][0]["examples"]) == 3
    assert "unparsed -> correct  step 1, train-0, gold 4: 4" in captured.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["flipped"] for row in rows[:4]] == [False, True, False, True]
    assert (rows[1]["status"], rows[1]["new_status"], rows[1]["new_extracted"], rows[1]["new_reward"]) == (
        "unparsed", "correct", "4", 1.0,
    )  # fmt: skip
    assert contents(folder.path) == before


def test_groups_that_would_have_taught(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack, ["4", "4 ", "5"])  # all unparsed: equal rewards
    assert called(folder.path, "--option", "mode=lenient", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["groups"] == {"groups": 6, "no_variance_then": 6, "no_variance_now": 0, "gained": 6, "lost": 0}


def test_another_pack_and_another_verifier(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack)
    other = write_pack(tmp_path / "other", "exact", "correct = 2.0")
    assert called(folder.path, "--pack", other, "--json") == 0
    by_pack = json.loads(capsys.readouterr().out)
    assert called(folder.path, "--verifier", "exact", "--json") == 0
    by_verifier = json.loads(capsys.readouterr().out)
    assert by_pack["flips"] == by_verifier["flips"]
    assert (by_pack["reward"]["now"], by_verifier["reward"]["now"]) == (0.5, 0.25)
    assert 'name: "number" -> "exact"' in by_pack["verifier"]["differences"]


def test_a_pack_that_was_changed(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack)
    write_pack(pack, reward="correct = 3.0")
    assert called(folder.path, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["flipped"], found["reward"]["changed"]) == (0, 6)
    assert "more rewards than verdicts changed" in found["notes"][0]
    assert "more rewards than verdicts changed" in captured.err


def test_a_control_arm_is_said(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack, reward="random")
    assert called(folder.path) == 0
    assert "the run's reward was random" in capsys.readouterr().err


def test_a_verdict_of_ours_is_masked(tmp_path: Path, pack: Path) -> None:
    folder = make_run(tmp_path, pack)
    (pack / "verifier.py").write_text(
        "import rlvr\n@rlvr.verifier('broken', bounded=True)\ndef broken(example, completion):\n    raise OSError('disk')\n"
    )
    write_pack(pack, "broken")
    rows = folder.rollout_rows()
    with Engine(workers=1) as engine:
        loaded = load_pack(str(pack))
        found = rescore(rows, loaded, RunConfig(), engine)
    assert {str(one.verdict.status) for one in found} == {"error"}
    assert {(one.reward.value, one.advantage) for one in found} == {(None, None)}
    figures = summarize_rescored(found, None, loaded.spec())
    assert figures.reward.now is None
    assert figures.verifier.differences == ["the run recorded no verifier"]


def test_parts_of_a_mixtures_reward_weigh_what_their_pack_says(tmp_path: Path, pack: Path) -> None:
    write_pack(pack, "styled", "correct = 5.0\nparts = { format = 0.5 }")
    (pack / "verifier.py").write_text(
        "import rlvr\n@rlvr.verifier('styled', bounded=True)\ndef styled(example, completion):\n"
        "    text = completion.text\n    return rlvr.Verdict.of('4' in text, text, 'x', format=float(len(text) > 1))\n"
    )
    mixture = tmp_path / "mixture"
    mixture.mkdir()
    packs = '[data.packs]\nshares = { "../sums" = 1 }\nsizes = { train = 1 }\n'
    (mixture / "task.toml").write_text(TASK.partition("[data]")[0] + packs)
    rows = make_run(tmp_path, pack, ["#### 4", "4", "#### 5", "no"]).rollout_rows()
    config = RunConfig(normalize_parts=True)
    with Engine(workers=1) as engine:
        found = rescore([{**row, "pack": "sums"} for row in rows], load_pack(str(mixture)), config, engine)
    assert [one.reward.parts for one in found[:2]] == [{"verdict": 5.0, "format": 0.5}, {"verdict": 5.0, "format": 0.0}]
    weights = {"verdict": 5.0, "format": 0.5}
    scored = [Scored("", one.reward.value, one.reward.parts, weights) for one in found[:12]]
    expected = Advantages(normalize_parts=True).compute(scored, 4)
    assert [one.advantage for one in found[:12]] == pytest.approx(expected)
    assert expected[1] > expected[2]  # a right answer before a long one; equal weights would make them equal


def test_rows_of_older_runs_and_cut_off_steps(tmp_path: Path, pack: Path) -> None:
    folder = make_run(tmp_path, pack)
    path = folder.path / "rollouts" / "rollouts.jsonl"
    lines = path.read_text().splitlines()
    old = [
        {k: v for k, v in json.loads(line).items() if k not in ("verifier", "pack", "reward_parts")} for line in lines
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in old[:-3]) + '{"step": 2, "gro')
    with Engine(workers=1) as engine:
        found = rescore(folder.rollout_rows(), load_pack(str(pack)), RunConfig(), engine)
    assert len(found) == 21
    assert not any(one.flipped for one in found)
    assert sum(one.advantage is None for one in found) == 1  # of the group that isn't whole


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (lambda run, tmp: [tmp], 2, "no config.toml in this folder, so it is no run folder"),
        (lambda run, tmp: [run, "--verifier", "numbr"], 2, "did you mean 'number'?"),
        (lambda run, tmp: [run, "--option", "mod=lenient"], 2, "has no option 'mod'"),
        (lambda run, tmp: [run, "--option", "lenient"], 2, "expected KEY=VALUE"),
        (lambda run, tmp: [run, "--pack", tmp / "nowhere"], 2, "nowhere"),
        (lambda run, tmp: [run, "--output", run / "config.toml"], 2, "lies in the run's folder"),
        (lambda run, tmp: [run, "--output", tmp / "no" / "x.jsonl"], 2, "can't write there: No such file or directory"),
    ],
)
def test_bad_arguments(
    tmp_path: Path,
    pack: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Callable[..., list[Any]],
    code: int,
    message: str,
) -> None:
    folder = make_run(tmp_path, pack, groups=1)
    before = contents(folder.path)
    assert called(*arguments(folder.path, tmp_path)) == code
    assert message in capsys.readouterr().err
    assert contents(folder.path) == before


def test_nothing_to_do(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder.create(tmp_path, "sums", "tiny", RunConfig(), {"pack_folder": str(pack)})
    assert called(folder.path) == 5
    assert "has no rollouts" in capsys.readouterr().err


def test_hostile_text(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, pack, ["\x1b[2J[red]4", "#### 4", "\ud83d 4", "4\n" * 3000])
    assert called(folder.path, "--option", "mode=lenient", "--json", "--output", tmp_path / "o.jsonl") == 0
    captured = capsys.readouterr()
    assert "\x1b[2J" not in captured.err
    assert "[red]4" in captured.err
    assert json.loads(captured.out)["rollouts"] == 24


@pytest.mark.parametrize(
    ("then", "now", "found"),
    [
        ({"name": "a", "version": "1"}, {"name": "a", "version": "1"}, []),
        ({"name": "a", "version": "1"}, {"name": "a", "version": "2"}, ['version: "1" -> "2"']),
        ({"options": {"x": 1}}, {"options": {"y": [1]}}, ["options.x: 1 -> not set", "options.y: not set -> [1]"]),
        ({"of": {"p": {"weight": 1.0}}}, {"of": {"p": {"weight": 2.0}}}, ["of.p.weight: 1.0 -> 2.0"]),
        ({"x": {"name": "a"}}, {"name": "a"}, ['x: {"name": "a"} -> not set', 'name: not set -> "a"']),
        ({"options": {"path": Path("a")}}, {"options": {"path": "a"}}, []),  # as JSON keeps it
    ],
)
def test_what_differs(then: object, now: object, found: list[str]) -> None:
    assert differences(then, now) == found
