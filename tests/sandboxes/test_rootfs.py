"""The file system that programs see: made once for its content, and what they may write to stays so."""

import shutil
from pathlib import Path

import pytest

from rlvr.sandboxes import rootfs


def test_it_lies_in_the_cache_that_models_lie_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path))
    assert rootfs.cache() == tmp_path / "sandbox"
    monkeypatch.delenv("RLVR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rootfs.cache() == tmp_path / "rlvr" / "sandbox"


def test_a_cache_that_was_copied_without_its_modes_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rootfs.build()
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path))
    copy = rootfs.cache() / made.name
    for name in ("tmp", "work"):
        (copy / name).mkdir(parents=True)
        shutil.copymode(made / name, copy / name)
        (copy / name).chmod(0o1755)
    assert rootfs.build() == copy
    assert {(copy / name).stat().st_mode & 0o7777 for name in ("tmp", "work")} == {0o1777}
