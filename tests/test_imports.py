"""Imports go one way, runner -> tasks -> verifiers -> sandboxes -> ground floor, never in a circle; what is heavy is imported late."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("sandboxes", "verifiers", "tasks", "runner")  # each may import those before it, and the ground floor
GROUND = sorted(path for path in (ROOT / "rlvr").glob("*.py") if path.name != "__init__.py")  # imports nothing above it
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
# A subclass of TRL's trainer can't be written without TRL, nor tables of sqlglot's classes without sqlglot: these modules are
# imported late themselves, by runner/training/run.py and verifiers/symbolic/sql/verifier.py.
MAY_LOAD_AT_ONCE = {
    "runner/training/trainer.py",
    "runner/training/trl_batch.py",
    "runner/generation/trl_vllm.py",
    *(
        f"runner/shared_prefix/{name}.py"
        for name in [
            "adapters",
            "compatibility",
            "generation",
            "prefix_sharing",
            "sharing_trainer",
            "token_tree",
            "tree_attention",
            "trial",
        ]
    ),
    *(f"verifiers/symbolic/sql/{name}.py" for name in ("mutants", "scope")),
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


@pytest.mark.parametrize("path", [path for path in FILES if name(path) not in MAY_LOAD_AT_ONCE], ids=name)
def test_what_is_optional_is_imported_late(path: Path) -> None:
    for node in at_once(ast.parse(path.read_text(encoding="utf-8"))):
        for module in imported(node):
            assert module.partition(".")[0] not in OPTIONAL, f"line {getattr(node, 'lineno', '?')}: {module}"


@pytest.mark.parametrize("path", GROUND, ids=name)
def test_the_ground_floor_imports_nothing_above_it(path: Path) -> None:
    ground = {f"rlvr.{file.stem}" for file in GROUND}
    modules = {m for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for m in imported(node)}
    assert {m for m in modules if m.partition(".")[0] == "rlvr"} <= ground


# ---- circles


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "rlvr" else ("rlvr", *parts)).removesuffix(".__init__")


def dependencies(sources: dict[str, str]) -> dict[str, set[str]]:
    """Module -> the modules that it imports: at once, late, or for type checkers only; from source text by module name."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                # Either the names are modules of the package, or the module itself is meant.
                submodules = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= submodules & sources.keys() or {str(node.module)}
        graph[module] = (names & sources.keys()) - {module}
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, or nothing: what is left when modules without dependencies are taken away again and again."""
    left = dict(graph)
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    while unused := [module for module in left if not any(module in needs for needs in left.values())]:
        for module in unused:  # imports a circle, but is in none
            del left[module]
    return sorted(left)


def test_there_is_no_circle() -> None:
    files = [path for path in [*FILES, *GROUND] if not (path.parent / "task.toml").exists()]
    graph = dependencies({module_name(path): path.read_text(encoding="utf-8") for path in files})
    assert sum(map(len, graph.values())) > len(graph)  # it sees the imports
    assert circle_in(graph) == []


def test_circles_are_found() -> None:
    late = {
        "rlvr.a": "def f():\n    from rlvr import b",
        "rlvr.b": "import rlvr.c",
        "rlvr.c": "from rlvr.a import f",
        "rlvr.d": "import rlvr.a",
    }
    assert circle_in(dependencies(late)) == ["rlvr.a", "rlvr.b", "rlvr.c"]
    types = {"rlvr.a": "if TYPE_CHECKING:\n    from rlvr.b import B", "rlvr.b": "from rlvr.a import A"}
    assert circle_in(dependencies(types)) == ["rlvr.a", "rlvr.b"]
    assert circle_in(dependencies({"rlvr.a": "import rlvr.b", "rlvr.b": ""})) == []


def test_the_checks_see_what_they_look_for() -> None:
    source = "import torch\ndef f():\n    import vllm\nX = 'rlvr.runner.cli:main'\nif TYPE_CHECKING:\n    import trl\n"
    tree = ast.parse(source)
    assert {m for node in at_once(tree) for m in imported(node)} == {"torch", "rlvr.runner.cli"}
    assert {m for node in ast.walk(tree) for m in imported(node)} == {"torch", "vllm", "trl", "rlvr.runner.cli"}
