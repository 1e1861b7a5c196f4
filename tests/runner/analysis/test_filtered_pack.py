"""Filtered packs: the kept examples as data, the rest of the pack as it was, and a control of the same size."""

from dataclasses import replace
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.filtered_pack import Band, control_folder, require_new, write_filtered
from rlvr.tasks.check import check
from rlvr.tasks.pack import load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine


@pytest.mark.parametrize("name", ["addition", "knights_knaves", "json_extract"])
def test_a_filtered_pack_and_its_control(tmp_path: Path, name: str) -> None:
    pack = load_pack(name)
    train, test = (load_split(pack, split).examples for split in ("train", "test"))
    kept = train[10:40]
    folder = tmp_path / "easy"
    control = write_filtered(pack, folder, kept, "30 that m solves.", 0, None)
    assert control == control_folder(folder) == tmp_path / "easy-control"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["easy", "easy-control"]
    drawn = load_split(load_pack(str(control)), "train").examples
    assert len(drawn) == len({example.id for example in drawn}) == 30
    assert all(example in train for example in drawn)
    for path, says in ((folder, "30 that m solves."), (control, f"30 of the {len(train)} training examples, drawn at")):
        written = load_pack(str(path))
        assert written.name == path.name
        assert load_split(written, "test").examples == test
        assert (written.shots, written.cases) == (pack.shots, pack.cases)
        assert written.task.reward == pack.task.reward
        assert f"# {says}" in (path / "task.toml").read_text()
        card = (path / "README.md").read_text()
        assert says in card
        assert (pack.folder / "README.md").read_text() in card
        with Engine() as engine:
            assert [result.problems for result in check(written, engine, None) if not result.ok] == []
    assert load_split(load_pack(str(folder)), "train").examples == kept


def test_a_substitute_is_never_silent(tmp_path: Path, monkeypatch) -> None:
    from rlvr.runner.analysis import filtered_pack

    def load(pack, split, mirror):
        loaded = load_split(pack, split, mirror)
        return replace(loaded, origin={"source": "substitute"})

    monkeypatch.setattr(filtered_pack, "load_split", load)
    pack = load_pack("addition")
    write_filtered(pack, tmp_path / "easy", load_split(pack, "train").examples[:5], "", 0, None)
    assert load_pack(str(tmp_path / "easy")).task.description.endswith(filtered_pack.SUBSTITUTE)
    assert f"- {filtered_pack.SUBSTITUTE}\n" in (tmp_path / "easy" / "README.md").read_text()


def test_the_control_follows_from_the_seed(tmp_path: Path) -> None:
    pack = load_pack("addition")
    kept = load_split(pack, "train").examples[:50]
    drawn = [
        load_split(
            load_pack(str(write_filtered(pack, tmp_path / f"p{number}", kept, "", seed, None))), "train"
        ).examples
        for number, seed in enumerate((0, 0, 1))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_is_overwritten_and_nothing_half_written_stays(tmp_path: Path, monkeypatch) -> None:
    control_folder(tmp_path / "easy").mkdir()
    with pytest.raises(ConfigError, match="easy-control exists already; nothing was written"):
        require_new(tmp_path / "easy")
    with pytest.raises(ConfigError, match="the folder's name is the pack's"):
        require_new(tmp_path / "Easy one")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    pack = load_pack("addition")
    with pytest.raises(ConfigError, match="can't write there: No space left on device"):
        write_filtered(pack, tmp_path / "new", load_split(pack, "train").examples[:5], "", 0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["easy-control"]


@pytest.mark.parametrize("text", ["", "0.1", "0.9:0.1", "a:b", "-1:0.5", "0:2", "0:0.5:1", "nan:1"])
def test_a_band_is_two_pass_rates(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected two pass rates LOW:HIGH from 0 to 1, such as 0\.1:0\.9"):
        Band.parse(text)


def test_both_ends_of_a_band_belong_to_it() -> None:
    band = Band.parse("0.1:0.9")
    assert [rate for rate in (0.0, 0.1, 0.5, 0.9, 1.0, None) if rate in band] == [0.1, 0.5, 0.9]
