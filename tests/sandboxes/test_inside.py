"""Sandboxes import nothing else of rlvr's but the ground floor, and what runs inside imports the standard library alone."""

import ast
import sys
from pathlib import Path

import pytest

import rlvr.sandboxes

FOLDER = Path(rlvr.sandboxes.__file__).parent
GROUND = {f"rlvr.{file.stem}" for file in Path(rlvr.__file__).parent.glob("[a-z]*.py")}  # rlvr/paths.py and its like
INSIDE = {file.stem for file in (FOLDER / "inside").glob("*.py")}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("**/*.py")), ids=lambda file: file.name)
def test_imports(file):
    names = list(imports(file))
    assert not [name for name in names if name.startswith(".")]
    if file.parent.name == "inside":
        assert not [name for name in names if name.partition(".")[0] not in sys.stdlib_module_names | INSIDE]
    else:
        ours = [name for name in names if name.startswith("rlvr") and not name.startswith("rlvr.sandboxes")]
        assert not set(ours) - GROUND
