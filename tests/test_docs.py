"""What the documentation says is true: its Python runs, its TOML is valid, its cheap commands do what is shown.

A page is run from top to bottom in a folder of its own. A line that ends in `` `FILE`: `` in front of a block makes the
block that file, and so does `$ cat FILE` in front of lines in a console block. A page with an entry point has its plugin
installed. Output shown below a command must appear in what the command prints; `$ echo $?` shows the exit code.
"""

import ast
import dataclasses
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from rlvr.runner.settings.run_config import OWNED, RunConfig
from rlvr.tasks import schema
from rlvr.verifiers.plugins import hookspecs
from rlvr.verifiers.rows import rollout_to_row
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict
from rlvr.verifiers.verifier import Verifier

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CARDS = sorted((ROOT / "tasks").glob("*/README.md"))
OTHERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "benchmarks").glob("*.md")), *CARDS]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.\w+)`:$")
_NEED_MORE = re.compile(r"\b(gsm8k|mbpp|humaneval)\b|verify code\b")  # data from the hub, a sandbox
TABLES: dict[str, type[BaseModel]] = {
    "data": schema.Data, "prompt": schema.PromptTable, "reward": schema.RewardRule, "sandbox": schema.SandboxTable,
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int  # of the opening fence
    file: str  # what the line in front of it says that it is, or nothing


@dataclass(frozen=True)
class Command:
    text: str
    code: int
    output: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        before = text[: match.start()]
        named = _FILE.search(before.rstrip().rpartition("\n")[2])
        yield Block(match[1], match[2], before.count("\n") + 1, named[1] if named else "")


def commands(block: Block) -> list[Command]:
    """The commands of a console block, each with its exit code and the output that is shown."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    following = [*found[1:], ("", [])]
    return [
        Command(text, int(after[0]) if next_ == "echo $?" else 0, tuple(output))
        for (text, output), (next_, after) in zip(found, following, strict=False)
    ]


def is_cheap(command: str) -> bool:
    if not re.match(r"rlvr (verify|list|check|new|hello|--help|--version|\w+ --help)\b", command):
        return False
    return "--help" in command or not _NEED_MORE.search(command)


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    function = f'rlvr() {{ "{sys.executable}" -P -m rlvr.runner.cli "$@"; }}\n'
    environment = {**os.environ, "PYTHONPATH": str(cwd), "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", function + command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def missing(source: str) -> bool:
    """True for the adapters to frameworks that aren't installed here."""
    for name in re.findall(r"^import (inspect_ai|verifiers\.v1)\b", source, re.MULTILINE):
        try:
            importlib.import_module(name)
        except ImportError:
            return True
    return False


def install(folder: Path, project: dict[str, Any]) -> None:
    """What an installer would leave of a pyproject.toml, with its modules beside it."""
    for name, module in project["project"]["entry-points"]["rlvr"].items():
        info = folder / f"{module}-1.0.dist-info"
        write(info / "METADATA", f"Metadata-Version: 2.1\nName: {project['project']['name']}\nVersion: 1.0\n")
        write(info / "entry_points.txt", f"[rlvr]\n{name} = {module}\n")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": f"docs_{page.stem.replace('-', '_')}", "__file__": str(tmp_path / "x.py")}
    assert namespace["__name__"] not in sys.modules
    for block in blocks(page):
        if block.file:
            write(tmp_path / block.file, block.text)
        if block.language == "python" and not missing(block.text):
            source = "\n" * block.line + block.text  # so that a traceback names the page's line
            exec(compile(source, str(page), "exec", dont_inherit=True), namespace)
        elif block.language == "toml":
            table = tomllib.loads(block.text)
            if "entry-points" in table.get("project", {}):
                first = next(b.text for b in blocks(page) if b.language == "python" and "hookimpl" in b.text)
                for module in table["project"]["entry-points"]["rlvr"].values():
                    write(tmp_path / f"{module}.py", first)
                install(tmp_path, table)
        elif block.language == "console":
            for command in commands(block):
                if command.text.startswith("cat ") and command.output:
                    write(tmp_path / command.text.split()[1], "\n".join(command.output) + "\n")
                elif is_cheap(command.text) and _inputs_are_there(command.text, tmp_path):
                    _run(command, tmp_path, f"{page.name}:{block.line}")


def _inputs_are_there(command: str, folder: Path) -> bool:
    """False for `--input FILE` where FILE stands for the reader's own."""
    named = re.search(r"--input ([\w.]+)", command)
    return named is None or (folder / named[1]).exists()


def _run(command: Command, folder: Path, where: str) -> None:
    done = shell(command.text, folder)
    printed = done.stdout + done.stderr
    assert done.returncode == command.code, f"{where}: {command.text}: exit code {done.returncode}\n{printed}"
    for line in filter(None, map(str.strip, command.output)):
        assert line in printed, f"{where}: {command.text}: {line!r} is not in the output:\n{printed}"


def test_pages_hold_what_is_tested() -> None:
    # So that a change of format can't leave the tests above without anything to do.
    kinds = Counter(block.language for page in PAGES for block in blocks(page))
    assert kinds["python"] > 15
    assert kinds["toml"] > 5
    run = [c.text for page in PAGES for b in blocks(page) if b.language == "console" for c in commands(b)]
    cheap = Counter(text.split()[1] for text in run if is_cheap(text))
    assert {"verify", "list", "check"} <= set(cheap)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_toml_is_valid(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            validate(tomllib.loads(block.text), f"{page.name}:{block.line}")


def validate(table: dict[str, Any], where: str) -> None:
    """A pyproject.toml, a task.toml, a run.toml, or some tables of a task.toml; anything else is a mistake."""
    if "project" in table:
        assert table["project"]["entry-points"]["rlvr"], where
        return
    if {"name", "data"} <= set(table):
        run = dict(schema.TaskFile.model_validate(table).run)
        for settings in (*run.pop("profiles", {}).values(), run):
            check_run(settings, where)
        return
    fragments = {*TABLES, "verifier", "run", "categories", "lenient"}
    if set(table) <= fragments:
        for name, value in table.items():
            if name in TABLES:
                TABLES[name].model_validate(value)
        assert isinstance(table.get("verifier", {"name": ""})["name"], str), where
        check_run({k: v for k, v in table.get("run", {}).items() if k != "profiles"}, where)
        return
    check_run(table, where)


def check_run(settings: dict[str, Any], where: str) -> None:
    config = RunConfig.model_validate(settings)
    assert not set(config.trl) & set(OWNED), f"{where}: [trl]: {set(config.trl) & set(OWNED)}"


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
        if target and not re.match(r"https?:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    folders = "benchmarks|docs|requirements|runner|sandboxes|scripts|tests|verifiers"
    for name in re.findall(rf"(?<![\w./-])((?:{folders})/[\w./-]+\.(?:md|py|txt))\b", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or (page.parent / name).exists(), f"{page.name}: {name}"


# ---- tables that must agree with the code


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading's line (or below the line that begins so)."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    table: list[list[str]] = []
    for line in lines[start + 1 :]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            break
    return table[2:]


def shown(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\n", "\\n") + '"'
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("'", '"')


def documented(table: list[list[str]]) -> dict[str, str]:
    return {name: row[1] for row in table for name in re.findall(r"`(\w+)`", row[0])}


def fields(model: type[BaseModel]) -> dict[str, str]:
    """Field -> its default as the documentation writes it; empty for a table of its own."""
    found = {}
    for name, field in model.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            found[name] = ""
        else:
            found[name] = "required" if field.is_required() else shown(default)
    return found


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        ("docs/rewards.md", "## What `[reward]` pays", schema.RewardRule),
        ("docs/write-a-pack.md", "## The rest of task.toml", schema.TaskFile),
        ("docs/write-a-pack.md", "### `[data]`", schema.Data),
        ("docs/write-a-pack.md", "### `[prompt]`", schema.PromptTable),
    ],
)
def test_every_field_is_documented_with_its_default(page: str, heading: str, model: type[BaseModel]) -> None:
    table = rows(page, heading)
    wanted = {
        n: "none" if d == "none" and "none" in str(documented(table).get(n)) else d for n, d in fields(model).items()
    }
    assert documented(table) == wanted


def test_every_column_of_the_rollouts_is_documented() -> None:
    rollout = Rollout(Example("", "", ""), "", Completion(""), Verdict(Status.CORRECT), Reward(1.0), 0.0, 0, 1)
    table = rows("docs/runs.md", "### Columns of the rollouts")
    assert [name for row in table for name in re.findall(r"`(\w+)`", row[0])] == list(rollout_to_row(rollout))


def test_every_status_is_documented() -> None:
    assert [row[0].strip("`") for row in rows("docs/rewards.md", "## Statuses")] == list(Status)
    metrics = rows("docs/runs.md", "and rlvr's own")[0][0]
    assert re.findall(r"`verdicts/(\w+)`", metrics) == list(Status)


def test_every_parameter_of_a_verifier_is_documented() -> None:
    table = rows("docs/write-a-verifier.md", 'assert verdict.status == "timeout"')
    mentioned = {re.split(r"\W", row[0].strip("`"))[0] for row in table}
    assert mentioned == {f.name for f in dataclasses.fields(Verifier)} - {"name", "verify", "options"}


def test_every_hook_and_argument_is_documented() -> None:
    table = {row[0].strip("`"): row[2] for row in rows("docs/plugins.md", "hello world")}
    hooks = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "rlvr_spec")}
    signatures = {name: list(inspect.signature(hook).parameters) for name, hook in hooks.items()}
    assert list(table) == [f"{name}({', '.join(arguments)})" for name, arguments in signatures.items()]
    for (name, arguments), text in zip(signatures.items(), table.values(), strict=True):
        assert all(re.search(rf"`{argument}\b", text) for argument in arguments), name


def test_the_map_names_real_functions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+/(?:[\w-]+\.py)?)(?::([\w.]+))?`", text)
    assert sum(bool(name) for _, name in named) > 50
    missing = [path for path, _ in named if not (ROOT / path).exists()]
    missing += [
        f"{path}:{name}" for path, name in named if path not in missing and name and name not in defined(ROOT / path)
    ]
    assert not missing


def defined(file: Path) -> set[str]:
    """The names that a module's text defines: functions, classes, their methods, and top-level variables."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names.update(
                f"{node.name}.{one.name}" for one in inner if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            )
    return names


def test_the_readme_names_the_commands() -> None:
    from rlvr.runner.cli import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "$ make run\n" in text
    assert "$ make test\n" in text
    listed = {row[0].strip("`").split()[1] for row in rows("README.md", "## Commands")}
    assert listed == set(COMMANDS)


@pytest.mark.parametrize("script", ["write_cli_reference.py", "write_settings_tables.py"])
def test_what_is_generated_is_current(script: str) -> None:
    path = ROOT / "scripts" / script
    done = subprocess.run([sys.executable, path, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_the_help_work(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    examples = [line.strip() for line in re.findall(r"^    rlvr .*$", text, re.MULTILINE)]
    cheap = [line for line in examples if is_cheap(line) and _inputs_are_there(line, tmp_path) and "./" not in line]
    assert len(cheap) >= 4
    for line in cheap:
        _run(Command(line, 0, ()), tmp_path, "cli.md")
