"""Plugins as people have them: installed by pip and used from the command line; and broken ones, which hurt nobody."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROMAN = Path(__file__).parent / "plugins" / "rlvr-roman"

GOOD = """
import rlvr

@rlvr.verifier("{verifier}")
def always(example, completion):
    return True

@rlvr.hookimpl
def register_verifiers(register):
    register(always)
"""


def rlvr(*arguments: str, path: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line, with plugins from the folder `path`."""
    return subprocess.run(
        [sys.executable, "-m", "rlvr.runner.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def plugins(path: Path) -> dict[str, dict[str, str]]:
    result = rlvr("list", "plugins", "--json", path=path)
    assert result.returncode == 0, result.stderr
    return {plugin["name"]: plugin for plugin in json.loads(result.stdout)["plugins"]}


def install(path: Path, package: str, source: str, entry_point: str = "") -> None:
    """Put a package with one module into `path`, as an installer leaves it."""
    module = package.replace("-", "_")
    (path / f"{module}.py").write_text(source)
    info = path / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rlvr]\n{entry_point or module} = {module}\n")


@pytest.fixture(scope="module")
def roman(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the plugin."""
    work = tmp_path_factory.mktemp("roman")
    shutil.copytree(ROMAN, work / "source")  # building leaves files beside the sources
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(work / "site"), str(work / "source")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    for missing in ("No module named pip", "invalid command 'bdist_wheel'"):  # the latter: setuptools before 70.1
        if missing in done.stderr:
            pytest.skip(f"needs pip and the setuptools of the extra `dev`: {missing}")
    assert done.returncode == 0, done.stderr
    return work / "site"


def test_an_installed_plugin_is_listed(roman: Path) -> None:
    assert plugins(roman)["roman"] == {"name": "roman", "package": "rlvr-roman", "version": "1.0", "problem": ""}
    listed = json.loads(rlvr("list", "verifiers", "--json", path=roman).stdout)["verifiers"]
    (mine,) = [verifier for verifier in listed if verifier["name"] == "roman"]
    assert mine["plugin"] == "roman"
    assert mine["description"] == "The completion is the gold number as a Roman numeral."


@pytest.mark.parametrize(
    ("answer", "text", "status", "code"),
    [
        ("1994", "MCMXCIV", "correct", 0),
        ("4", "iv", "correct", 0),
        ("4", "VI", "incorrect", 1),
        ("4", "four", "unparsed", 1),
    ],
)
def test_an_installed_plugin_verifies(roman: Path, answer: str, text: str, status: str, code: int) -> None:
    result = rlvr("verify", "roman", "--gold", answer, text, "--json", path=roman)
    assert json.loads(result.stdout)["status"] == status
    assert result.returncode == code


def test_an_installed_plugin_verifies_in_bulk(roman: Path) -> None:
    rows = "".join(json.dumps({"completion": "X" * n, "answer": "10", "n": n}) + "\n" for n in range(4))
    result = rlvr("verify", "roman", "--input", "-", path=roman, stdin=rows)
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == [
        "unparsed", "correct", "incorrect", "incorrect",
    ]  # fmt: skip


BROKEN = {
    "raises at import": ("raise RuntimeError('no luck\\ntoday')", "RuntimeError: no luck today"),
    "leaves at import": ("raise SystemExit(7)", "SystemExit: 7"),
    "needs what is not there": ("import no_such_module_", "No module named 'no_such_module_'"),
    "is no Python": ("def", "SyntaxError"),
    "implements nothing": ("def register_verifiers(register): ...", "@rlvr.hookimpl"),
    "raises in its hook": (
        "import rlvr\n@rlvr.hookimpl\ndef register_verifiers(register): 1 / 0",
        "ZeroDivisionError",
    ),
    "registers a plain function": (
        "import rlvr\n@rlvr.hookimpl\ndef register_verifiers(register): register(len)",
        "is not a Verifier; decorate the function with @rlvr.verifier(name)",
    ),
    "registers an empty folder as a pack": (
        "import rlvr\n@rlvr.hookimpl\ndef register_packs(register): register('/')",
        "no task.toml",
    ),
    "has a wrong parameter": (
        "import rlvr\n@rlvr.hookimpl\ndef register_verifiers(registrar): ...",
        "registrar",
    ),
    "names a verifier wrongly": (
        "import rlvr\n@rlvr.verifier('No Name')\ndef f(e, c): ...",
        "expected lower-case letters",
    ),
}


@pytest.mark.parametrize(("source", "problem"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_reported_and_left_out(tmp_path: Path, source: str, problem: str) -> None:
    install(tmp_path, "rlvr-broken", source)
    install(tmp_path, "rlvr-zgood", GOOD.format(verifier="good"))
    found = plugins(tmp_path)
    assert problem in found["rlvr_broken"]["problem"]
    assert found["rlvr_zgood"]["problem"] == ""
    result = rlvr("verify", "good", "--gold", "1", "x", "--json", path=tmp_path)
    assert json.loads(result.stdout)["status"] == "correct"
    assert "plugin 'rlvr_broken' (rlvr-broken 1.0) was left out" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_a_broken_plugin_should_have_registered_is_explained(tmp_path: Path) -> None:
    install(tmp_path, "rlvr-broken", "raise RuntimeError('no luck')")
    result = rlvr("verify", "broken", "--gold", "1", "x", path=tmp_path)
    assert result.returncode == 2
    assert "no verifier is called 'broken'" in result.stderr
    assert "plugin 'rlvr_broken' was left out: RuntimeError: no luck" in result.stderr


def test_a_misspelt_hook_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    install(tmp_path, "rlvr-typo", "import rlvr\n@rlvr.hookimpl\ndef register_verifier(register): ...")
    result = rlvr("list", "plugins", path=tmp_path)
    assert result.returncode == 2
    assert "plugin 'rlvr_typo' implements the unknown hook 'register_verifier'" in result.stderr
    assert "did you mean 'register_verifiers'?" in result.stderr


@pytest.mark.parametrize(("verifier", "owners"), [("same", ("rlvr_one", "rlvr_two")), ("exact", ("rlvr", "rlvr_one"))])
def test_two_plugins_with_one_verifier_name_are_an_error(
    tmp_path: Path, verifier: str, owners: tuple[str, str]
) -> None:
    install(tmp_path, "rlvr-one", GOOD.format(verifier=verifier))
    install(tmp_path, "rlvr-two", GOOD.format(verifier=verifier))
    result = rlvr("list", "verifiers", path=tmp_path)
    assert result.returncode == 2
    assert f"two plugins register the verifier '{verifier}': {owners[0]} and {owners[1]}" in result.stderr


def test_two_packages_with_one_plugin_name_are_an_error(tmp_path: Path) -> None:
    install(tmp_path, "rlvr-one", GOOD.format(verifier="one"), entry_point="mine")
    install(tmp_path, "rlvr-two", GOOD.format(verifier="two"), entry_point="mine")
    result = rlvr("list", "plugins", path=tmp_path)
    assert result.returncode == 2
    assert "two packages have a plugin called 'mine': " in result.stderr
    assert "rlvr-one" in result.stderr
    assert "rlvr-two" in result.stderr


def test_an_unknown_verifier_gets_a_suggestion(roman: Path) -> None:
    result = rlvr("verify", "romans", "--gold", "1", "I", path=roman)
    assert result.returncode == 2
    assert "no verifier is called 'romans'; did you mean 'roman'?" in result.stderr
