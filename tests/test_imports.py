"""Imports go one way, runner -> tasks -> verifiers -> sandboxes, and what is heavy is imported late."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = sorted((ROOT / "rlvr").glob("[a-z]*.py"))  # any layer may import these
LAYERS = ("sandboxes", "verifiers", "tasks", "runner")  # each may import those before it
OPTIONAL = {
    "pysat",
    "z3",
    "lark",
    "sqlglot",
    "duckdb",
    "re2",
    "interegular",
    "pint",
    "networkx",
    "chess",
    "inspect_ai",
    "jsonschema",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "datasets",
    "docker",
    "peft",
    "accelerate",
    "reasoning_gym",
}
FILES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
# Imported by runner/train.py when a run starts: a subclass of TRL's trainer can't be written without TRL. And by
# verifiers/symbolic/sql.py when an answer is compared: tables of sqlglot's classes can't be written without sqlglot.
MAY_LOAD_AT_ONCE = {
    *(f"runner/{name}.py" for name in ("trainer", "shared_prefix", "shared_prefix_check", "packing", "tree_attention")),
    "runner/shared_generation.py",
    *(f"verifiers/symbolic/{name}.py" for name in ("sql_mutants", "sql_scope")),
}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that a statement names, and those named in strings, which entry tables and import_module take."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        yield node.module or ""
        if node.module == "rlvr":
            yield from (f"rlvr.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.findall(r"^rlvr(?:\.\w+)+(?=$|:\w+$)", node.value)


def at_once(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements that run when the module is imported: not functions' bodies, not `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_go_one_way(path: Path) -> None:
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module in imported(node):
            first, _, rest = module.partition(".")
            target = rest.partition(".")[0]
            if module == "verifiers.v1":  # PrimeIntellect's package, which tasks/interop adapts to
                continue
            assert first not in LAYERS, f"{module}: our folders are imported as rlvr.{module}"
            if first == "rlvr" and target in LAYERS:
                assert LAYERS.index(target) <= layer, f"line {getattr(node, 'lineno', '?')}: {module}"


@pytest.mark.parametrize("path", GROUND, ids=name)
def test_the_ground_floor_imports_nothing_of_the_layers(path: Path) -> None:
    ground = {f"rlvr.{file.stem}" for file in GROUND}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module in imported(node):
            assert not module.startswith("rlvr") or module in ground, f"line {getattr(node, 'lineno', '?')}: {module}"


@pytest.mark.parametrize("path", [path for path in FILES if name(path) not in MAY_LOAD_AT_ONCE], ids=name)
def test_what_is_optional_is_imported_late(path: Path) -> None:
    for node in at_once(ast.parse(path.read_text(encoding="utf-8"))):
        for module in imported(node):
            assert module.partition(".")[0] not in OPTIONAL, f"line {getattr(node, 'lineno', '?')}: {module}"


def test_the_checks_see_what_they_look_for() -> None:
    source = "import torch\ndef f():\n    import vllm\nX = 'rlvr.runner.cli:main'\nif TYPE_CHECKING:\n    import trl\n"
    tree = ast.parse(source)
    assert {m for node in at_once(tree) for m in imported(node)} == {"torch", "rlvr.runner.cli"}
    assert {m for node in ast.walk(tree) for m in imported(node)} == {"torch", "vllm", "trl", "rlvr.runner.cli"}
