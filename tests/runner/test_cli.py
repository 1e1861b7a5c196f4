"""The command line in a newcomer's hands: whatever is wrong is one line on stderr, with the next step and its exit code."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.cli import COMMANDS, SUMMARIES, main
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig

Run = Callable[..., tuple[int, str, str]]


def edit(name: str, old: str, new: str) -> None:
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new, 1))


# ---- help


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for name in COMMANDS:
        assert name in out
    assert "rlvr run tasks/gsm8k --profile quick" in out
    assert "--debug" in out


def test_every_command_has_a_summary_and_help(run: Run) -> None:
    assert set(SUMMARIES) == set(COMMANDS)
    for name in COMMANDS:
        code, out, err = run(name, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: rlvr {name}")
        assert '[default: ""]' not in out
        assert "[default: False]" not in out


@pytest.mark.parametrize("name", ["run", "eval", "profile", "verify", "check", "audit"])
def test_help_shows_examples(run: Run, name: str) -> None:
    assert f"\n    rlvr {name} " in run(name, "--help")[1]


def test_version(run: Run) -> None:
    import rlvr

    assert run("--version") == (0, rlvr.__version__ + "\n", "")


# ---- what is wrong with the words themselves

HELP = "(see `rlvr --help`)"
USAGE = [
    (["runn"], f'Unknown command "runn". Did you mean "run"? Available commands: {", ".join([*COMMANDS][:8])}, ... {HELP}'),
    (["frobnicate", "x"], f'Unknown command "frobnicate". Available commands: {", ".join([*COMMANDS][:8])}, ... {HELP}'),
    (["--frob"], 'Unknown command "--frob".'),
    (["list", "pack"], 'Unknown command "pack". Did you mean "packs"?'),
    (["model", "pul"], 'Unknown command "pul". Did you mean "pull"?'),
    (["check"], 'Command "check" parameter PACK requires an argument. (see `rlvr check --help`)'),
    (["check", "gsm8k", "x"], "Unexpected argument: 'x'. (see `rlvr check --help`)"),
    (["run", "mine", "--stps", "5"], "Unknown option: --stps. Did you mean --steps?"),
    (["run", "mine", "--steps", "five"], 'Invalid value for --steps: unable to convert "five" into int.'),
    (["run", "mine", "--steps"], 'Command "run" parameter --steps requires an argument.'),
    (["run", "mine", "--backend", "vlm"], 'Invalid value "vlm" for --backend. Choose from: "auto", "vllm", "transformers".'),
    (["run"], "name a pack: `rlvr run tasks/gsm8k` (`rlvr list packs` shows what is installed)"),
    (["run", "gsm8q"], "no pack is called 'gsm8q'; did you mean 'gsm8k'? (`rlvr list packs` shows all)"),
    (["eval", "tasks/gsm8q"], "no pack is called 'gsm8q'; did you mean 'gsm8k'?"),
    (["check", "./nowhere"], "no pack is called './nowhere' (`rlvr list packs` shows all)"),
    (["check", "."], ".: no task.toml in this folder, so it is no task pack"),
    (["verify", "numbr", "x"], "no verifier is called 'numbr'; did you mean 'number'? (`rlvr list verifiers` shows all)"),
    (["audit", "numbr"], "no verifier is called 'numbr'; did you mean 'number'?"),
    (["run", "mine", "--steps", "-5"], "command line: steps: Input should be greater than 0, found -5"),
    (["run", "mine", "--learning-rate", "inf"], "command line: learning_rate: Input should be a finite number, found inf"),
    (["run", "gsm8k", "--profile", "quik"], "--profile quik: pack 'gsm8k' has no such profile; did you mean 'quick'?"),
    (["run", "mine", "-c", "nothing.toml"], "nothing.toml: No such file or directory"),
    (["run", "mine", "-c", "."], ".: Is a directory"),
    (["run", "mine", "--resume", "x"], "--resume continues a run as it was: of the other arguments only --steps goes with it"),
    (["run", "--resume", "nothing"], "nothing: no config.toml in this folder, so it is no run folder"),
    (["run", "--resume", "mine"], "mine: no config.toml in this folder, so it is no run folder"),
    (["eval", "mine", "-n", "-3"], "-n -3: expected at least 0"),
    (["eval", "mine", "-k", "0"], "-k 0: expected at least 1"),
    (["eval", "mine", "--shots", "-1"], "--shots -1: expected a number, or different numbers"),
    (["eval", "mine", "--max-tokens", "-4"], "--max-tokens -4: expected at least 0"),
    (["eval", "mine", "--temperature", "nan"], "--temperature nan: expected a number from 0 to 100"),
    (["eval", "mine", "--min-accuracy", "60"], "--min-accuracy 60.0: expected a number from 0 to 1"),
    (["eval", "mine", "--shots", "99"], "99 shots asked for, but pack 'addition' has 8 few-shot examples"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_usage(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_DEBUG", "")
    with pytest.raises(SystemExit):
        main(["check", "gsm8q", "--debug"])
    err = capfd.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: no pack is called 'gsm8q'")


def test_what_stands_behind_two_hyphens_is_text(run: Run) -> None:
    assert run("verify", "exact", "--gold=--debug", "--json", "--", "--debug")[0] == 0


def test_an_error_of_ours_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlvr.runner.commands.check.load_pack", lambda _: 1 / 0)
    code, out, err = run("check", "mine")
    assert (code, out) == (70, "")
    assert err == (
        "error: ZeroDivisionError: division by zero (this is a bug in rlvr; run again with --debug for the traceback)\n"
    )


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rlvr.runner.commands.check.load_pack", interrupt)
    assert run("check", "mine") == (130, "", "error: interrupted\n")


# ---- what is wrong with a pack: one line where it can't be read, else a problem of `rlvr check`


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "addition"', "name =", "mine/task.toml: not valid TOML: Invalid value (at line 1, column 7)"),
        ("style =", "styl =", "mine/task.toml: prompt.styl: unknown field; did you mean 'style'?"),
        ('[verifier]\nname = "exact"', "", "mine/task.toml: verifier: expected a table with the verifier's name"),
        ('name = "exact"', 'name = "exat"', "PACK/task.toml: no verifier is called 'exat'; did you mean 'exact'?"),
        ('name = "exact"', 'name = "exact"\nx = 1', "PACK/task.toml: verifier 'exact' has no option 'x'"),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["run", "--dry-run"], ["eval"]])
def test_a_pack_that_cannot_be_used(run: Run, command: list[str], old: str, new: str, message: str) -> None:
    edit("mine/task.toml", old, new)
    code, out, err = run(command[0], "mine", *command[1:])
    assert (code, out) == (2, "")
    assert err.replace(str(Path("mine").resolve()), "PACK").startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_a_gold_answer_that_does_not_parse_is_an_error_and_not_the_models_fault(run: Run) -> None:
    code, out, _ = run("verify", "number", "--gold", "six", "#### 6", "--json")
    assert (code, json.loads(out)["status"]) == (1, "error")


# ---- what can't be written or read


def rows(name: str, *given: Any) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in given))
    return name


GOOD = {"completion": "#### 5", "answer": "5"}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("/dev/full", "/dev/full: No space left on device; the rows written before it are kept"),
        ("a-file/out.jsonl", "a-file/out.jsonl: Not a directory"),
        ("nowhere/out.jsonl", "nowhere/out.jsonl: No such file or directory"),
        ("mine", "mine: Is a directory"),
        ("/proc/out.jsonl", "/proc/out.jsonl: No such file or directory"),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev and /proc")
def test_verify_cannot_write(run: Run, output: str, message: str) -> None:
    Path("a-file").touch()
    code, out, err = run("verify", "number", "--input", rows("in.jsonl", *[GOOD] * 2000), "--output", output)
    assert (code, out, err) == (2, "", f"error: {message}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(
    "arguments", [["verify", "number", "--input", "in.jsonl"], ["list", "packs", "--json"], ["--help"]]
)
def test_standard_output_is_full(run: Run, arguments: list[str]) -> None:
    rows("in.jsonl", GOOD)
    with open("/dev/full", "w") as full:
        done = shell(*arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr.endswith("No space left on device\n") or "No space left on device;" in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_reader_of_standard_output_leaves(run: Run) -> None:
    rows("in.jsonl", *[GOOD] * 3000)
    command = f"{sys.executable} -m rlvr.runner.cli verify number --input in.jsonl | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"] == "correct"


def test_standard_input_is_closed(run: Run) -> None:
    command = f"exec {sys.executable} -m rlvr.runner.cli verify number --input - <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --input -: standard input is closed\n")


# ---- with the training stack

TINY = ["mine", "--model", "tiny"]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "transformers", "trl"):
        pytest.importorskip(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.train
@pytest.mark.usefixtures("training")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "mine", "--model", "smollm"], 2, "--model smollm: no such folder and no known short name; did you mean"),
        (["run", "mine", "--model", "mine"], 2, "--model mine: the folder has neither config.json nor adapter_config.json, so"),
        (["eval", "mine", "--model", "nobody/nothing-of-this-name"], 3,
         "--model nobody/nothing-of-this-name: nobody/nothing-of-this-name is not in the cache and could not be downloaded"),
        (["eval", *TINY, "--split", "tst"], 2, "pack 'addition' has no split 'tst' (it has: train, test)"),
        (["eval", *TINY, "--output", "nowhere/x.json"], 2, "--output nowhere/x.json: can't write there: No such file"),
        (["eval", *TINY, "--output", "a-file/x.json"], 2, "--output a-file/x.json: can't write there: Not a directory"),
        (["run", *TINY, "--output", "a-file"], 2, "--output a-file: can't make a run folder there: Not a directory"),
        (["run", *TINY, "--output", "/proc/x"], 2, "--output /proc/x: can't make a run folder there: No such file"),
    ],
)  # fmt: skip
def test_models_and_folders(run: Run, arguments: list[str], code: int, message: str) -> None:
    Path("a-file").touch()
    run("model", "pull", "tiny")  # made once, before anything is looked at
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.train
@pytest.mark.usefixtures("training")
@pytest.mark.parametrize(
    ("raised", "free", "message"),
    [
        (OSError(28, "No space left on device"), 0, "FOLDER: No space left on device"),
        (RuntimeError("[enforce fail at inline_container.cc:672]"), 0, "FOLDER: No space left on device"),
        (PermissionError(13, "Permission denied", "x/y"), 1 << 30, "x/y: Permission denied"),
        (RuntimeError("a bug"), 1 << 30, None),
    ],
)
def test_a_run_that_cannot_write_says_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, raised: Exception, free: int, message: str | None
) -> None:
    def fail(_: object, folder: RunFolder, *__: object, **___: object) -> None:
        folder.add_metrics({"step": 1})
        raise raised

    monkeypatch.setattr("rlvr.runner.training.run.run", fail)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))  # type: ignore[attr-defined]
    code, _, err = run("run", *TINY)
    folder = next(Path("runs").iterdir())
    said = err.splitlines()[-1].replace(str(folder), "FOLDER")
    if message is None:
        assert (code, said) == (
            70,
            f"error: RuntimeError: {raised} (this is a bug in rlvr; run again with --debug for the traceback)",
        )
    else:
        again = "what was written is kept. When that is fixed: rlvr run --resume FOLDER"
        assert (code, said) == (2, f"error: {message}; {again}")
    assert RunFolder.open(folder)[0].metrics() == [{"step": 1}]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("config.toml", "format = 2", "format = 99", "a run folder of format 99, this rlvr ("),
        ("config.toml", "steps = 2", "stepz = 2", "config.toml: stepz: unknown field; did you mean 'steps'?"),
        ("environment.json", "{", "", "environment.json: not valid JSON: "),
    ],
)
def test_a_run_folder_that_cannot_be_resumed(run: Run, file: str, old: str, new: str, message: str) -> None:
    path = RunFolder.create(Path("runs"), "addition", "tiny", RunConfig(model="tiny", steps=2), {}).path
    edit(str(path / file), old, new)
    code, out, err = run("run", "--resume", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}")
    assert message in err
    assert err.count("\n") == 1


def test_resume_with_a_wrong_number_of_steps(run: Run) -> None:
    path = RunFolder.create(Path("runs"), "addition", "tiny", RunConfig(model="tiny", steps=2), {}).path
    code, _, err = run("run", "--resume", str(path), "--steps", "-4")
    assert (code, err) == (2, "error: command line: steps: Input should be greater than 0, found -4\n")


# ---- what is loaded


def shell(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 60, "check": False, **more}
    return subprocess.run([sys.executable, "-m", "rlvr.runner.cli", *arguments], **given)


HEAVY = ("torch", "transformers", "trl", "vllm", "datasets", "docker", "reasoning_gym")


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (None, ("pydantic", "rich", "cyclopts", "pluggy", "sympy", "rlvr.verifiers")),
        (["--help"], ("pydantic", "sympy", "pyarrow", "rlvr.verifiers.plugins.registry")),
        (["list", "packs"], ("pyarrow",)),
        (["list", "verifiers"], ("pyarrow", "pydantic")),
        (["verify", "number", "--gold", "5", "#### 5"], ("pyarrow", "pydantic")),
        (["check", "addition"], ("pyarrow",)),
    ],
)
def test_nothing_heavy_is_imported(arguments: list[str] | None, more: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom rlvr.runner.cli import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        if arguments is not None
        else "import rlvr, sys\nif True:\n"
    )
    program += f"    print(*[m for m in {HEAVY + more} if m in sys.modules], file=sys.stderr)\n"
    done = subprocess.run(
        [sys.executable, "-c", program, *(arguments or [])],
        env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.rpartition("\n")[0].rpartition("\n")[2] == ""
