"""Packs in a temporary folder, each the smallest one that is right, with changes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split

TASK = """
name = "sums"
description = "Sums"
license = "CC0-1.0"

[data]
files = { train = "train.jsonl", test = "test.jsonl" }

[prompt]
question = "{question}="
separator = "\\n"

[verifier]
name = "exact"
"""
FILES = {
    "task.toml": TASK,
    "fewshot.jsonl": '{"question": "1+1", "completion": "2", "gold": "2"}\n'
    '{"question": "2+2", "completion": "4", "gold": "4"}\n',
    "cases.jsonl": '{"question": "1+1", "completion": "2", "gold": "2", "expected": "correct"}\n'
    '{"question": "1+1", "completion": "3", "gold": "2", "expected": "incorrect", "score": 0, "why": "off by one"}\n',
    "train.jsonl": '{"question": "3+3", "gold": "6"}\n{"question": "3+4", "gold": 7}\n',
    "test.jsonl": '{"id": "mine", "question": "4+5", "gold": "9", "category": "odd", "metadata": {"hint": "big"}}\n',
}
MakePack = Callable[..., Pack]


@pytest.fixture
def make_pack(tmp_path: Path) -> MakePack:
    """A pack of the files above. `files` adds and replaces files (None: leaves one out), `replace` edits task.toml."""

    def make(files: dict[str, str | bytes | None] | None = None, replace: dict[str, str] | None = None) -> Pack:
        folder = tmp_path / "sums"
        folder.mkdir(exist_ok=True)
        for name, content in {**FILES, **(files or {})}.items():
            if name == "task.toml":
                assert isinstance(content, str)
                for old, new in (replace or {}).items():
                    assert old in content
                    content = content.replace(old, new)
            if content is not None:
                (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_pack(str(folder))

    return make


@pytest.fixture
def load_error() -> Callable[..., str]:
    """load_error(pack, split="train", mirror=None): the message of the ConfigError that loading the split raises."""

    def load(pack: Pack, split: str = "train", mirror: str | None = None) -> str:
        with pytest.raises(ConfigError) as error:
            load_split(pack, split, mirror)
        return str(error.value).replace(str(pack.folder), "PACK")

    return load


@pytest.fixture(scope="session")
def mirror() -> str:
    """A folder with copies of the packs' hub data sets."""
    folder = os.environ.get("RLVR_HUB_MIRROR") or str(Path(__file__).parents[3] / "shared" / "data")
    if not Path(folder, "openai", "gsm8k").is_dir():
        pytest.skip("needs copies of the data sets: set RLVR_HUB_MIRROR")
    return folder


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that reaches no hub and has no mirror."""
    import datasets

    from rlvr.tasks.sources import hub

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.delenv(hub.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(hub, "hub_reachable", lambda: False)
    monkeypatch.setattr(datasets, "load_dataset", unreachable)
