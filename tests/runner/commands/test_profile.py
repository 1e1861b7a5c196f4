"""`rlvr profile` end to end on the tiny model: figures, continuing, and a filtered pack that `rlvr check` passes."""

import json
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytestmark = pytest.mark.train

PROFILE = ("profile", "addition", "--model", "tiny", "-n", "40", "-k", "8")


def test_a_profile_and_a_pack_made_of_it(warm, tmp_path: Path) -> None:
    done = warm(*PROFILE, "--shots", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["examples"], summary["group_size"], summary["file"]) == (40, 8, "profile-addition-tiny.parquet")
    assert sum(bar["examples"] for bar in summary["histogram"]) == 40
    assert set(summary["categories"]) == {"two", "three"}
    assert "examples by pass rate" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [summary["file"]]

    done = warm(*PROFILE, "--shots", "1", "--json", "--keep", "0.1:0.9", "--output", "some", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "40 of 40 examples are there already" in done.stderr
    assert "loading tiny" not in done.stderr
    again = json.loads(done.stdout)
    assert again == summary | {"kept": again["kept"], "pack": "some", "control": "some-control"}
    rates = [bar["examples"] for bar in summary["histogram"] if 0.1 <= bar["low"] < bar["high"] < 1]
    assert 0 < again["kept"] == sum(rates)
    for pack in ("some", "some-control"):
        assert len((tmp_path / pack / "train.jsonl").read_text().splitlines()) == again["kept"]
        assert warm("check", f"./{pack}", cwd=tmp_path).returncode == 0
    done = warm(*PROFILE, "--shots", "2", cwd=tmp_path)
    assert done.returncode == 2
    assert "a profile with shots = 1, asked for 2" in done.stderr


@pytest.mark.parametrize(("flags", "says"), [
    (["--keep", "0.9:0.1", "--output", "x"], "--keep 0.9:0.1: expected two pass rates LOW:HIGH from 0 to 1"),
    (["--keep", "0.1:0.9"], "--keep 0.1:0.9: give the folder of the filtered pack with --output FOLDER"),
    (["--output", "x"], "--output is the folder of the pack that --keep LOW:HIGH writes; the profile goes to --file"),
    (["--keep", "0.1:0.9", "--output", "."], "--output .: the folder's name is the pack's"),
    (["--keep", "0.1:0.9", "--output", "x", "--split", "test"], "expected a profile of the split train, not of test"),
    (["-k", "0"], "-k 0: expected at least 1"),
    (["--shots", "99"], "99 shots asked for, but pack 'addition' has"),
    (["--file", "nowhere/p.parquet"], "--file nowhere/p.parquet: can't write there"),
    (["--split", "dev"], "pack 'addition' has no split 'dev' (it has: train, test)"),
    (["--max-tokens", "500"], "more than the context of 128"),
])  # fmt: skip
def test_bad_input_is_one_line(warm, tmp_path: Path, flags: list[str], says: str) -> None:
    done = warm("profile", "addition", "--model", "tiny", *flags, cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors)) == (2, 1), done.stderr
    assert says in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_where_no_example_is_kept_nothing_is_written(warm, tmp_path: Path) -> None:
    done = warm(*PROFILE[:5], "4", "-k", "2", "--keep", "1:1", "--output", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "--keep 1:1: none of the 4 examples has such a pass rate; nothing was written" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["profile-addition-tiny.parquet"]


def test_a_mixture_is_filtered_by_its_members(warm, tmp_path: Path) -> None:
    done = warm("profile", "mixed", "--model", "tiny", "--keep", "0.1:0.9", "--output", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "--keep: mixed draws from other packs: filter " in done.stderr
