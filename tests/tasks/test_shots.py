"""Few-shot examples in prompts: their number over the run, which ones, their form, and what is refused."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.verifiers.types import Example

TASK = """
name = "NAME"
description = "Sums"
license = "CC0-1.0"
[data.generator]
sizes = { train = 3 }
[verifier]
name = "exact"
"""


class Chat:
    chat_template = "yes"

    def apply_chat_template(self, messages: list[dict[str, str]], **_: object) -> str:
        return "".join(f"<{m['role']}>{m['content']}" for m in messages)


def make(folder: Path, name: str = "sums", shots: int = 8) -> Pack:
    folder.mkdir(exist_ok=True)
    (folder / "task.toml").write_text(TASK.replace("NAME", name))
    lines = [{"question": f"{name} {i}", "completion": f"is {i}", "gold": f"{i}"} for i in range(shots)]
    (folder / "fewshot.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return load_pack(str(folder))


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return make(tmp_path / "sums")


def questions(shots: Shots, example: Example, step: int = 1) -> list[str]:
    return [shot.example.question for shot in shots.choose(example, step)]


ASKED = Example("train-0", "another", "")


# ---- schedules


@pytest.mark.parametrize(
    ("text", "ends"),
    [(4, (4, 4)), ("4", (4, 4)), (" 4 ", (4, 4)), (0, (0, 0)), ("8->0", (8, 0)), ("0->4", (0, 4)), ("2 → 2", (2, 2)),
     ("8  ->  0", (8, 0))],
)  # fmt: skip
def test_numbers_and_schedules(text: int | str, ends: tuple[int, int]) -> None:
    assert ShotSchedule.parse(text) == ShotSchedule(*ends)
    assert ShotSchedule.parse(ShotSchedule.parse(text).as_setting()) == ShotSchedule(*ends)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", -1, "four", "8->", "->0", "8->0->8", "8>0", "8-0", "4.0", "1e3", "8->-1", "²", "٣", "9" * 5000],
)
def test_malformed_schedules(text: int | str) -> None:
    with pytest.raises(ConfigError, match=r"^eval_shots = .{1,70}: expected a number, or a schedule such as '8->0'$"):
        ShotSchedule.parse(text, "eval_shots")


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 400))
@settings(deadline=None)
def test_a_schedule_goes_from_one_end_to_the_other_in_equal_stretches(first: int, last: int, steps: int) -> None:
    shots = Shots(load_pack("addition"), ShotSchedule(first, last), steps)
    counts = [shots.count(step) for step in range(1, steps + 1)]
    assert counts[0] == first
    if steps > 1:
        assert counts[-1] == last
    way = -1 if last < first else 1
    assert counts == sorted(counts, reverse=way < 0)
    levels = abs(last - first) + 1
    if steps >= levels:
        assert sorted(set(counts)) == list(range(min(first, last), max(first, last) + 1))
        stretches = [counts.count(level) for level in set(counts)]
        assert max(stretches) - min(stretches) <= 1
    assert all(abs(b - a) <= max(1, -(-levels // max(1, steps - 1))) for a, b in pairwise(counts))


def test_steps_outside_the_schedule_have_its_ends() -> None:
    shots = Shots(load_pack("addition"), ShotSchedule(4, 0), 10)
    assert (shots.count(0), shots.count(11), shots.count(1000)) == (4, 0, 0)


def test_a_run_of_one_step_begins_at_the_beginning() -> None:
    assert Shots(load_pack("addition"), ShotSchedule(8, 0), 1).count(1) == 8


# ---- which ones


def test_the_first_ones_in_their_order(pack: Pack) -> None:
    shots = Shots.of(pack, ShotSchedule.parse(3))
    assert questions(shots, ASKED) == ["sums 0", "sums 1", "sums 2"]
    assert questions(Shots.of(pack, ShotSchedule.parse("3->1"), steps=3), ASKED, 3) == ["sums 0"]


def test_drawn_ones_follow_from_the_seed_and_differ_between_prompts_and_steps(pack: Pack) -> None:
    shots, same, other = (Shots.of(pack, ShotSchedule.parse(4), drawn=True, seed=seed) for seed in (1, 1, 2))
    prompts = [Example(f"train-{i}", f"question {i}", "") for i in range(20)]
    chosen = [
        [questions(selection, example, step) for example in prompts for step in (1, 2)]
        for selection in (shots, same, other)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len({tuple(row) for row in chosen[0]}) > 30
    assert all(len(set(row)) == 4 for row in chosen[0])
    assert {question for row in chosen[0] for question in row} == {f"sums {i}" for i in range(8)}


@pytest.mark.parametrize("drawn", [False, True])
def test_a_question_is_never_its_own_few_shot_example(pack: Pack, drawn: bool) -> None:
    for count in range(9):
        shots = Shots.of(pack, ShotSchedule.parse(count), drawn=drawn)
        for number in range(8):
            own = Example("train-1", f"sums {number}", "")
            for step in range(1, 6):
                chosen = questions(shots, own, step)
                assert own.question not in chosen
                assert len(chosen) == min(count, 7)


@pytest.mark.parametrize("drawn", [False, True])
def test_in_a_pack_of_packs_each_question_has_as_many_of_its_own_packs(tmp_path: Path, drawn: bool) -> None:
    make(tmp_path / "one", "one", 5)
    make(tmp_path / "two", "two", 5)
    (tmp_path / "both").mkdir()
    (tmp_path / "both/task.toml").write_text(
        'name = "both"\ndescription = "Both"\nlicense = "CC0-1.0"\n'
        '[data.packs]\nshares = { "../one" = 1, "../two" = 1 }\nsizes = { train = 4 }\n'
    )
    shots = Shots.of(load_pack(str(tmp_path / "both")), ShotSchedule.parse(4), drawn=drawn)
    for number in range(10):
        for name in ("one", "two"):
            chosen = questions(shots, Example(f"train-{number}", "another", "", pack=name))
            assert len(chosen) == 4
            assert all(question.startswith(name) for question in chosen)


# ---- their form


def test_turns_and_prefix(pack: Pack) -> None:
    turns = Shots.of(pack, ShotSchedule.parse(2), form="turns").prompt(ASKED, Chat()).text
    prefix = Shots.of(pack, ShotSchedule.parse(2), form="prefix").prompt(ASKED, Chat()).text
    assert turns == "<user>sums 0<assistant>is 0<user>sums 1<assistant>is 1<user>another"
    assert prefix == "<user>sums 0\nis 0\n\nsums 1\nis 1\n\nanother"
    assert Shots.of(pack, ShotSchedule.parse(2)).prompt(ASKED, Chat()).text == turns  # as the pack says
    assert Shots.of(pack, ShotSchedule.parse(0), form="prefix").prompt(ASKED, Chat()).text == "<user>another"


# ---- what is refused


@pytest.mark.parametrize("shots", [9, "9", "9->0", "0->9"])
def test_more_than_there_are(pack: Pack, shots: int | str) -> None:
    with pytest.raises(
        ConfigError, match=r"^9 shots asked for, but pack 'sums' has 8 few-shot examples \(.*fewshot.jsonl\)"
    ):
        Shots.of(pack, ShotSchedule.parse(shots))
