"""What people install is what the tree holds: the list of packages, the sdist, and the wheels made from both."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("runner", "sandboxes", "tasks", "verifiers")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
NO_PRODUCT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")  # left behind by tools, never shipped


def run(*command: str, cwd: Path, path: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done


def places(root: Path) -> dict[str, str]:
    """Package -> its folder, as the tree has them."""
    found = {"rlvr": "rlvr"}
    for folder in FOLDERS:
        for file in (root / folder).rglob("__init__.py"):
            place = file.parent.relative_to(root)
            found["rlvr." + ".".join(place.parts)] = str(place)
    return found


def shipped(root: Path) -> set[str]:
    """Every file below the five folders, under the name that it has in a wheel."""
    mine = {f"rlvr/{file.name}" for file in (root / "rlvr").iterdir() if file.is_file()}
    for folder in FOLDERS:
        mine |= {f"rlvr/{file.relative_to(root)}" for file in (root / folder).rglob("*") if file.is_file()}
    return mine


# ---- the tree


def test_packages_are_listed_in_full() -> None:
    assert len(SETUPTOOLS["packages"]) == len(set(SETUPTOOLS["packages"]))
    assert set(SETUPTOOLS["packages"]) == set(places(ROOT))


def test_each_package_is_mapped_to_its_folder() -> None:
    assert SETUPTOOLS["package-dir"] == places(ROOT)


def test_every_folder_of_modules_is_a_package_or_a_pack() -> None:
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            assert (file.parent / "__init__.py").exists() or (file.parent / "task.toml").exists(), file


@pytest.mark.parametrize("name", FOLDERS)
def test_the_link_in_rlvr_is_relative(name: str) -> None:
    link = ROOT / "rlvr" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_the_links_are_committed_as_links() -> None:
    listed = run("git", "ls-files", "--stage", *(f"rlvr/{name}" for name in FOLDERS), cwd=ROOT).stdout
    modes = {line.split()[-1]: line.split()[0] for line in listed.splitlines()}
    assert modes == {f"rlvr/{name}": "120000" for name in FOLDERS}


def test_nothing_puts_the_checkout_in_front_of_other_packages() -> None:
    # With either, pytest would put our folder `verifiers` in front of PyPI's package of that name.
    assert not (ROOT / "conftest.py").exists()
    assert not (ROOT / "tests" / "__init__.py").exists()
    assert "--import-mode=importlib" in PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_bare_folder_is_not_importable_as_a_package(name: str) -> None:
    done = run(sys.executable, "-c", f"import {name}", cwd=ROOT, code=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert f"as 'rlvr.{name}'" in last


def test_versions_agree() -> None:
    import rlvr

    assert PYPROJECT["project"]["version"] == rlvr.__version__


def test_tools_do_not_see_the_linked_folders_twice() -> None:
    ruff = pytest.importorskip("ruff", reason="needs ruff")
    done = run(sys.executable, "-m", ruff.__name__, "check", "--show-files", "--no-cache", ".", cwd=ROOT)
    seen = [Path(line).relative_to(ROOT) for line in done.stdout.splitlines()]
    assert Path("verifiers/engine/engine.py") in seen
    assert not [path for path in seen if path.parts[0] == "rlvr" and path.parts[1] in FOLDERS]
    assert set(PYPROJECT["tool"]["coverage"]["run"]["source"]) == {"rlvr", *FOLDERS}
    assert PYPROJECT["tool"]["pytest"]["ini_options"]["testpaths"] == ["tests"]
    # mypy is given each module under one name: the one that it is imported by.
    assert all(name.startswith("rlvr.") for name in PYPROJECT["tool"]["mypy"]["packages"])


# ---- what is built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what building needs: building leaves files beside the sources."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("rlvr", *FOLDERS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=NO_PRODUCT)
    return copy


def build(source: Path, output: Path, *kinds: str) -> list[Path]:
    pytest.importorskip("build", reason="needs the extra `dev`")
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("needs setuptools>=77, from the extra `dev`")
    run(sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(output), str(source), cwd=output)
    return sorted(output.iterdir())


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel built from the sdist): what `python -m build` makes."""
    sdist, wheel = sorted(build(tree, tmp_path_factory.mktemp("dist")), key=lambda path: path.suffix)
    return sdist, wheel


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_sdist_holds_every_file_once_and_no_link(built: tuple[Path, Path], tree: Path) -> None:
    with tarfile.open(built[0]) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    names = {member.name.partition("/")[2] for member in members if member.isfile()}
    expected = {name.removeprefix("rlvr/") for name in shipped(tree) if name.count("/") > 1}
    assert expected <= names
    assert not {name for name in names if name.startswith(tuple(f"rlvr/{folder}/" for folder in FOLDERS))}
    assert {"pyproject.toml", "README.md", "LICENSE", "rlvr/__init__.py", "rlvr/py.typed"} <= names


def test_the_wheel_built_from_the_sdist_holds_every_file(built: tuple[Path, Path], tree: Path) -> None:
    assert files_of(built[1]) == shipped(tree)


def test_the_wheel_built_from_the_tree_is_the_same(built: tuple[Path, Path], tree: Path, tmp_path: Path) -> None:
    (wheel,) = build(tree, tmp_path, "--wheel")
    assert files_of(wheel) == files_of(built[1])


def test_the_wheel_has_what_runs_need(built: tuple[Path, Path]) -> None:
    files = files_of(built[1])
    assert {
        "rlvr/py.typed",
        "rlvr/runner/report/report_template.html",
        "rlvr/sandboxes/inside/zygote.py",
        "rlvr/tasks/addition/data.py",
        "rlvr/tasks/gsm8k/task.toml",
        "rlvr/tasks/gsm8k/fewshot.jsonl",
        "rlvr/tasks/gsm8k/README.md",
    } <= files


@pytest.fixture(scope="module")
def site(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    command += ["--disable-pip-version-check", "--target", str(target), str(built[1])]
    run(*command, cwd=target)
    return target


def rlvr(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command line, which must not find the checkout. -P: the working directory isn't searched either."""
    return run(sys.executable, "-P", "-m", "rlvr.runner.cli", *arguments, cwd=cwd, path=site)


def test_the_installed_package_is_the_one_that_is_imported(site: Path, tmp_path: Path) -> None:
    code = (
        "import rlvr, rlvr.verifiers.engine.engine as e, rlvr.tasks as t; print(rlvr.__file__, e.__file__, t.__file__)"
    )
    done = run(sys.executable, "-P", "-c", code, cwd=tmp_path, path=site)
    assert [Path(name).is_relative_to(site) for name in done.stdout.split()] == [True] * 3


def test_the_installed_command_lists_packs(site: Path, tmp_path: Path) -> None:
    packs = json.loads(rlvr(site, tmp_path, "list", "packs", "--json").stdout)["packs"]
    assert {"addition", "gsm8k"} <= {pack["name"] for pack in packs}
    assert all(Path(pack["folder"]).is_relative_to(site) for pack in packs)


def test_the_installed_command_verifies(site: Path, tmp_path: Path) -> None:
    done = rlvr(site, tmp_path, "verify", "number", "--gold", "42", "#### 42", "--json")
    assert json.loads(done.stdout)["status"] == "correct"
    # One that runs in a worker process: the worker must find the installed package too.
    done = rlvr(site, tmp_path, "verify", "math-verify", "--gold", "1/2", "$\\frac{2}{4}$", "--json")
    assert json.loads(done.stdout)["status"] == "correct"


def test_the_installed_command_checks_a_pack(site: Path, tmp_path: Path) -> None:
    assert json.loads(rlvr(site, tmp_path, "check", "tasks/addition", "--json").stdout)["ok"] is True


def test_the_wheel_names_its_command_and_extras(site: Path) -> None:
    (distribution,) = metadata.distributions(path=[str(site)])
    assert distribution.version == PYPROJECT["project"]["version"]
    (script,) = distribution.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("rlvr", "rlvr.runner.cli:main")
    extras = set(distribution.metadata.get_all("Provides-Extra") or [])
    assert {"train", "vllm", "vllm-cpu", "docker", "tracking", "sagemaker"} <= extras
    base = [line for line in distribution.requires or [] if "extra ==" not in line]
    assert not [
        line for line in base if line.startswith(("torch", "transformers", "trl", "vllm", "datasets", "docker"))
    ]
