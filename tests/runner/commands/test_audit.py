"""`rlvr audit`: bars, reports, a pack's gold answers and near misses, several verifiers in one table."""

import json
from pathlib import Path

import pytest

from rlvr.runner.cli import main
from rlvr.runner.commands.audit import Bars, missed
from rlvr.verifiers.audit import AuditCase, AuditOutcome, AuditRun, Label, summarize
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Verdict


class Called:
    """`rlvr audit` with arguments: (exit code, stdout); `err` is what it wrote to stderr last."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.err = capsys, ""

    def __call__(self, *arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *map(str, arguments)])
        out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0), out


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str]) -> Called:
    return Called(capsys)


def run(*accepted: tuple[Label, bool]) -> AuditRun:
    example, completion = Example("1", "?", "5"), Completion("5")
    outcomes = [
        AuditOutcome(AuditCase("1", "s", example, completion, label), Verdict.of(yes)) for label, yes in accepted
    ]
    return AuditRun(registry().verifier("number"), outcomes, wall_s=1.0)


def test_bars() -> None:
    summary = summarize(run((Label.WRONG, True), (Label.RIGHT, True)))
    assert missed(summary, Bars(max_false_accept=1.0, max_errors=0)) == []
    assert missed(summary, Bars(max_false_accept=0.5, min_throughput=1e9)) == [
        "false accept 1 is over 0.5", "throughput 2 per second is below 1e+09",
    ]  # fmt: skip
    assert missed(summarize(run((Label.RIGHT, True))), Bars(max_false_accept=0.1)) == [
        "false accept: no case measures it"
    ]


def test_the_command(tmp_path: Path, called: Called) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"gold": "1/2", "completion": "\\boxed{0.5}", "expected": True}) + "\n")
    report = tmp_path / "out"
    code, out = called(
        "math", "--cases", file, "--against", "math-verify", "--report", report, "--json", "--max-false-reject", 0
    )
    assert code == 0
    assert [summary["verifier"] for summary in json.loads(out)["verifiers"]] == ["math", "math-verify"]
    assert json.loads((report / "audit.json").read_text()) == json.loads(out)
    assert "| cases | 1 | 1 |" in (report / "audit.md").read_text()
    assert "<table>" in (report / "audit.html").read_text()
    assert called("exact", "--cases", file, "--no-attacks", "--max-false-reject", 0)[0] == 1
    assert called("exact", "--limit", 0, "--no-attacks", "--seeds", 0)[0] == 5


def test_a_table_on_a_terminal_is_cut(called: Called, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    rows = [{"gold": "1", "completion": f"{n} [red]", "expected": True} for n in range(50)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert called("exact", "--cases", file, "--no-attacks")[0] == 0
    assert "[red]" in called.err  # what a model wrote is no markup
    assert "… and 10 more (--report DIR has them)" in called.err


PACK = {
    "task.toml": """
name = "twice"
description = "Twice a number"
license = "CC0-1.0"
gold_completion = "{gold}."
[data.generator]
sizes = { train = 4, test = 2 }
[verifier]
name = "twice"
""",
    "data.py": """
def generate(split, size, seed):
    for n in range(size):
        yield {"question": str(n), "gold": str(2 * n)}

def near_misses(row, random):
    return [f"{int(row['gold']) + random.choice([-1, 1])}.", "0."]
""",
    "verifier.py": """
import rlvr

@rlvr.verifier("twice", bounded=True)
def twice(example, completion):
    return completion.text in (example.gold + ".", "7.")
""",
    "cases.jsonl": '{"question": "1", "gold": "2", "completion": "3.", "expected": "incorrect"}\n',
}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name, text in PACK.items():
        (folder / name).write_text(text)
    return folder


def test_a_pack_is_measured_on_gold_answers_and_near_misses(pack: Path, called: Called) -> None:
    code, out = called(pack, "--seeds", 50, "--json")
    assert code == 0
    (summary,) = json.loads(out)["verifiers"]
    assert (summary["gold_accepted"]["count"], summary["gold_accepted"]["total"]) == (50, 50)
    near = summary["near_misses_refused"]
    assert near["total"] == 50
    assert 45 <= near["count"] < 50  # 7 is accepted, and 0 is the gold answer of 0
    assert summary["false_accept"]["total"] == 1


def test_several_verifiers_make_one_table(pack: Path, tmp_path: Path, called: Called) -> None:
    file = tmp_path / "table.md"
    code, out = called("exact", pack, "--seeds", 20, "--json", "--markdown", file)
    assert code == 0
    assert [summary["verifier"] for summary in json.loads(out)["verifiers"]] == ["exact", "twice"]
    assert "| exact | 20 of 20 |" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give names of verifiers or folders of packs, or --all"),
        (["--all", "exact"], "give names of verifiers or folders of packs, or --all"),
        (["exact", "choice", "--against", "math"], "--against, --option and --cases go with one verifier"),
        (["exact", "--cases", "nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["exact", "--option", "x"], "expected KEY=VALUE"),
    ],
)
def test_bad_arguments(called: Called, arguments: list[str], message: str) -> None:
    assert called(*arguments) == (2, "")
    assert message in called.err
