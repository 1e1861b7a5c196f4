"""Saved rollouts verified again: masked verdicts, rewards of mixtures, older rows and steps that were cut off."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.runner.analysis.rescore import rescore
from rlvr.runner.analysis.rescore_summary import summarize_rescored
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.tasks.pack import load_pack
from rlvr.verifiers.engine.engine import Engine


@pytest.fixture
def pack(tmp_path: Path, write_pack: Callable[..., Path]) -> Path:
    return write_pack(tmp_path / "sums")


def test_a_verdict_of_ours_is_masked(
    make_run: Callable[..., RunFolder], write_pack: Callable[..., Path], tmp_path: Path, pack: Path
) -> None:
    folder = make_run(pack)
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


def test_parts_of_a_mixtures_reward_weigh_what_their_pack_says(
    make_run: Callable[..., RunFolder], write_pack: Callable[..., Path], tmp_path: Path, pack: Path
) -> None:
    write_pack(pack, "styled", "correct = 5.0\nparts = { format = 0.5 }")
    (pack / "verifier.py").write_text(
        "import rlvr\n@rlvr.verifier('styled', bounded=True)\ndef styled(example, completion):\n"
        "    text = completion.text\n    return rlvr.Verdict.of('4' in text, text, 'x', format=float(len(text) > 1))\n"
    )
    mixture = tmp_path / "mixture"
    mixture.mkdir()
    packs = '[data.packs]\nshares = { "../sums" = 1 }\nsizes = { train = 1 }\n'
    (mixture / "task.toml").write_text((pack / "task.toml").read_text().partition("[data]")[0] + packs)
    rows = make_run(pack, ["#### 4", "4", "#### 5", "no"]).rollout_rows()
    config = RunConfig(normalize_parts=True)
    with Engine(workers=1) as engine:
        found = rescore([{**row, "pack": "sums"} for row in rows], load_pack(str(mixture)), config, engine)
    assert [one.reward.parts for one in found[:2]] == [{"verdict": 5.0, "format": 0.5}, {"verdict": 5.0, "format": 0.0}]
    weights = {"verdict": 5.0, "format": 0.5}
    scored = [Scored("", one.reward.value, one.reward.parts, weights) for one in found[:12]]
    expected = Advantages(normalize_parts=True).compute(scored, 4)
    assert [one.advantage for one in found[:12]] == pytest.approx(expected)
    assert expected[1] > expected[2]  # a right answer before a long one; equal weights would make them equal


def test_rows_of_older_runs_and_cut_off_steps(make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path) -> None:
    folder = make_run(pack)
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
