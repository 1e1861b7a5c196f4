"""Public functions document themselves: those that raise say what, those that take or return tensors give their shapes.

A function is public if neither it nor its class or module begins with an underscore. What is looked at: a `raise` of one of
our errors, or of a built-in one, in the function's own body (re-raising and `raise AssertionError` don't count). The
functions of commands are left out: their docstrings are what `--help` shows, and what they raise are exit codes.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("rlvr", "sandboxes", "verifiers", "tasks", "runner")
FILES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if path.resolve() == path and not (path.parent / "task.toml").exists() and not path.name.startswith("_")
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
TENSOR = re.compile(r"\bTensor\b|\bScores\b|\bKeys\b")
SHAPE = re.compile(
    r"\(\)|\([A-Z`][\w`]*(?:(?:, ?| [*+] )[\w`.*+ ]+)*,?\)"
)  # (B, T), (N,), (R * T), (B, `width`), () for a scalar


def public_functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """(qualified name, function) for each public function and method of a module."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, Function) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def own_statements(function: Function) -> Iterator[ast.AST]:
    """What the function itself does: not what functions and classes inside it do."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (Function, ast.ClassDef, ast.Lambda)):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def raised_by(function: Function) -> set[str]:
    """The names of the exceptions that the function raises."""
    names = set()
    for node in own_statements(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            exception = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = exception.attr if isinstance(exception, ast.Attribute) else getattr(exception, "id", "")
            if name[:1].isupper() and name not in (
                "AssertionError",
                "NotImplementedError",
                "SystemExit",
                "StopIteration",
            ):
                names.add(name)
    return names


def handles_tensors(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotations = [argument.annotation for argument in arguments] + [function.returns]
    return any(TENSOR.search(ast.unparse(annotation)) for annotation in annotations if annotation)


def is_command(path: Path, function: Function) -> bool:
    return path.parent.name == "commands" and "\n----------\n" in (ast.get_docstring(function) or "")


CASES = [
    pytest.param(path, name, function, id=f"{path.relative_to(ROOT)}:{name}")
    for path in FILES
    for name, function in public_functions(ast.parse(path.read_text(encoding="utf-8")))
    if not is_command(path, function)
]
RAISING = [case for case in CASES if raised_by(case.values[2])]  # type: ignore[arg-type]
TENSORS = [case for case in CASES if handles_tensors(case.values[2])]  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "name", "function"), RAISING)
def test_a_function_that_raises_says_so(path: Path, name: str, function: Function) -> None:
    text = ast.get_docstring(function) or ""
    missing = {error for error in raised_by(function) if error not in text}
    assert not missing, f"{path.name}: {name} raises {', '.join(sorted(missing))}; its docstring doesn't say so"


@pytest.mark.parametrize(("path", "name", "function"), TENSORS)
def test_a_function_of_tensors_gives_their_shapes(path: Path, name: str, function: Function) -> None:
    text = ast.get_docstring(function) or ""
    assert SHAPE.search(text), (
        f"{path.name}: {name} takes or returns tensors; its docstring gives no shape such as (B, T)"
    )


def test_the_checks_see_what_they_look_for() -> None:
    source = (
        "def f(x):\n    def g():\n        raise KeyError\n    raise ConfigError('no')\n"
        "class C:\n    def _m(self): raise ValueError\n    def m(self, t: torch.Tensor): ...\n"
    )
    functions = dict(public_functions(ast.parse(source)))
    assert list(functions) == ["f", "C.m"]
    assert raised_by(functions["f"]) == {"ConfigError"}
    assert handles_tensors(functions["C.m"])
    assert len(RAISING) > 100
    assert len(TENSORS) > 5
    assert SHAPE.search("(B, T) ids")
    assert SHAPE.search("is (N,)")
    assert not SHAPE.search("(see below)")
