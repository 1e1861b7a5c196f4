"""`rlvr sandbox`: one JSON object on stdout, one line for what is wrong, and the documented exit codes."""

import json

import pytest

from rlvr.runner.cli import main
from rlvr.sandboxes import rootfs


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(("sandbox", *arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.fixture
def bwrap(need_provider):
    need_provider("bubblewrap")


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["build", "--packages", "a;b"], 2, "'a;b' is no package name"),
        (["bench", "--seconds", "0"], 2, "a positive number of seconds"),
        (["bench", "--sandbox", "podman"], 2, "podman"),
        (
            ["bench", "--sandbox", "docker", "--seconds", "1"],
            3,
            "no Docker engine answers at unix:///nowhere/docker.sock",
        ),
        (["doctor", "--sandbox", "docker"], 3, "no Docker engine answers at unix:///nowhere/docker.sock"),
        (["clean"], 3, "no Docker engine answers at unix:///nowhere/docker.sock"),
    ],
)
@pytest.mark.usefixtures("no_engine")
def test_bad_input(capsys, arguments, code, line):
    given, out, err = run(capsys, *arguments)
    assert (given, out) == (code, "")
    assert line in " ".join(err.split())


@pytest.mark.usefixtures("no_engine")
def test_a_package_that_cannot_be_installed(capsys, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    given, out, err = run(capsys, "build", "--packages", "rlvr-no-such-package")
    assert (given, out) == (2, "")
    assert "sandbox packages rlvr-no-such-package can't be installed" in " ".join(err.split())


@pytest.mark.usefixtures("no_engine", "bwrap")
def test_without_an_engine(capsys):
    code, out, _ = run(capsys, "build", "--json")
    made = json.loads(out)
    assert (code, made["image"], made["key"]) == (0, None, rootfs.key())
    code, out, _ = run(capsys, "status", "--json")
    found = json.loads(out)
    assert (code, found["auto"], found["containers"]) == (0, "bubblewrap", [])
    code, out, _ = run(capsys, "doctor", "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    code, out, _ = run(capsys, "bench", "--seconds", "0.1", "--json")
    assert (code, json.loads(out)["sandbox"]) == (0, "bubblewrap")


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_with_an_engine(capsys):
    code, out, _ = run(capsys, "build", "--json")
    made = json.loads(out)
    assert (code, made["image"].partition(":")[2]) == (0, rootfs.key())
    assert made["origin"]
    code, out, _ = run(capsys, "status", "--json")
    assert (code, json.loads(out)["auto"]) == (0, "docker")
    code, out, _ = run(capsys, "doctor", "--sandbox", "docker", "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    code, out, _ = run(capsys, "clean", "--json")
    assert (code, json.loads(out)["images"]) == (0, [])
