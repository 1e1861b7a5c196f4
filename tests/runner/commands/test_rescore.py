"""`rlvr rescore`: which verdicts flip, what it would have meant, and nothing in the run is changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.cli import main
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig


@pytest.fixture
def pack(tmp_path: Path, write_pack: Callable[..., Path]) -> Path:
    return write_pack(tmp_path / "sums")


def called(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["rescore", *map(str, arguments)])
    return int(stopped.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("finished", [False, True])
def test_an_unchanged_verifier_flips_nothing(
    make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str], finished: bool
) -> None:
    folder = make_run(pack)
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


def test_a_laxer_verifier(
    make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(pack)
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


def test_groups_that_would_have_taught(
    make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(pack, ["4", "4 ", "5"])  # all unparsed: equal rewards
    assert called(folder.path, "--option", "mode=lenient", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["groups"] == {"groups": 6, "no_variance_then": 6, "no_variance_now": 0, "gained": 6, "lost": 0}


def test_another_pack_and_another_verifier(
    make_run: Callable[..., RunFolder],
    write_pack: Callable[..., Path],
    tmp_path: Path,
    pack: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = make_run(pack)
    other = write_pack(tmp_path / "other", "exact", "correct = 2.0")
    assert called(folder.path, "--pack", other, "--json") == 0
    by_pack = json.loads(capsys.readouterr().out)
    assert called(folder.path, "--verifier", "exact", "--json") == 0
    by_verifier = json.loads(capsys.readouterr().out)
    assert by_pack["flips"] == by_verifier["flips"]
    assert (by_pack["reward"]["now"], by_verifier["reward"]["now"]) == (0.5, 0.25)
    assert 'name: "number" -> "exact"' in by_pack["verifier"]["differences"]


def test_a_pack_that_was_changed(
    make_run: Callable[..., RunFolder],
    write_pack: Callable[..., Path],
    tmp_path: Path,
    pack: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = make_run(pack)
    write_pack(pack, reward="correct = 3.0")
    assert called(folder.path, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["flipped"], found["reward"]["changed"]) == (0, 6)
    assert "more rewards than verdicts changed" in found["notes"][0]
    assert "more rewards than verdicts changed" in captured.err


def test_a_control_run_is_said(
    make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(pack, reward="random")
    assert called(folder.path) == 0
    assert "the run's reward was random" in capsys.readouterr().err


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
    make_run: Callable[..., RunFolder],
    tmp_path: Path,
    pack: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Callable[..., list[Any]],
    code: int,
    message: str,
) -> None:
    folder = make_run(pack, groups=1)
    before = contents(folder.path)
    assert called(*arguments(folder.path, tmp_path)) == code
    assert message in capsys.readouterr().err
    assert contents(folder.path) == before


def test_nothing_to_do(tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder.create(tmp_path, "sums", "tiny", RunConfig(), {"pack_folder": str(pack)})
    assert called(folder.path) == 5
    assert "has no rollouts" in capsys.readouterr().err


def test_hostile_text(
    make_run: Callable[..., RunFolder], tmp_path: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(pack, ["\x1b[2J[red]4", "#### 4", "\ud83d 4", "4\n" * 3000])
    assert called(folder.path, "--option", "mode=lenient", "--json", "--output", tmp_path / "o.jsonl") == 0
    captured = capsys.readouterr()
    assert "\x1b[2J" not in captured.err
    assert "[red]4" in captured.err
    assert json.loads(captured.out)["rollouts"] == 24
