"""rlvr's own plugin: every verifier and sandbox that comes with rlvr registers, under the name of its function."""

import ast
import subprocess
import sys
from pathlib import Path

from rlvr.sandboxes.auto import PROVIDERS
from rlvr.verifiers import Verifier
from rlvr.verifiers.plugins import builtin
from rlvr.verifiers.plugins.registry import registry

VERIFIERS = Path(__file__).parents[3] / "verifiers"
HEAVY = {"sympy", "math_verify", "z3", "sqlglot", "duckdb", "networkx", "chess", "pint", "lark", "jsonschema", "torch"}


def registered() -> list[Verifier]:
    taken: list[Verifier] = []
    builtin.register_verifiers(register=taken.append)
    return taken


def decorated() -> dict[str, str]:
    """The name of each verifier in verifiers/ -> its function's."""
    names = {}
    for path in VERIFIERS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "verifier":
                        names[ast.literal_eval(decorator.args[0])] = node.name
    return names


def test_every_verifier_in_the_folder_is_registered() -> None:
    names = {verifier.name for verifier in registered()}
    assert decorated().keys() | {"all", "any", "weighted", "gate"} == names


def test_a_function_has_its_verifiers_name() -> None:
    assert len(decorated()) > 15
    assert {name: function for name, function in decorated().items() if name.replace("-", "_") != function} == {}


def test_sandboxes() -> None:
    taken: dict[str, object] = {}
    builtin.register_sandboxes(register=taken.__setitem__)
    assert taken.keys() >= {"docker", "bubblewrap"}
    assert taken == {name: PROVIDERS[name] for name in taken}


def test_all_of_it_is_cheap_to_import() -> None:
    code = "import sys; from rlvr.verifiers.plugins.registry import registry; registry(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()
    assert registry().owners["verifier", "number"] == "rlvr"
