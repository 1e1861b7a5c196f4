"""The tests mirror the code: a behavior and its tests are found in one guess.

tests/A/B/test_X.py tests the module A/B/X.py, or the folder A/B/X as a whole; test_X_ASPECT.py is one more file about X.
What no module owns (imports, packaging, documentation) is tested by the files directly in tests/.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
FOLDERS = ("rlvr", "sandboxes", "verifiers", "tasks", "runner")
TEST_FILES = sorted(path for folder in FOLDERS for path in (TESTS / folder).rglob("test_*.py"))
MODULES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if path.name != "__init__.py" and not (path.parent / "task.toml").exists() and path.resolve() == path
)


def subjects(name: str) -> list[str]:
    """What a test file may be about: test_run_folder_locks is about run_folder_locks, run_folder, or run."""
    words = name.removeprefix("test_").split("_")
    return ["_".join(words[:count]) for count in range(len(words), 0, -1)]


def subject_of(test: Path) -> Path | None:
    folder = ROOT / test.parent.relative_to(TESTS)
    for name in subjects(test.stem):
        for path in (folder / f"{name}.py", folder / name):
            if path.exists():
                return path
    if test.stem == "test_pack" and (folder / "task.toml").exists():
        return folder
    return None


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("test", TEST_FILES, ids=relative)
def test_a_test_file_is_named_after_what_it_tests(test: Path) -> None:
    assert subject_of(test), f"no module or folder of this name: {subjects(test.stem)}"


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_module_has_its_tests_where_one_looks_for_them(module: Path) -> None:
    """In a test file of its own, or in one about a folder that it is in."""
    tested = {subject_of(test) for test in TEST_FILES}
    assert tested & {module, *module.parents}, f"expected tests/{relative(module.parent)}/test_{module.stem}.py"
