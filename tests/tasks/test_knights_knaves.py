"""The pack `knights_knaves`: every puzzle has one solution, and renaming people doesn't change the split."""

import itertools
import json
import random
from collections import Counter
from types import ModuleType

import pytest

from rlvr.tasks.pack import load_pack
from rlvr.verifiers.symbolic.logic import puzzles


@pytest.fixture(scope="module")
def data() -> ModuleType:
    module = load_pack("knights_knaves").module("data")
    assert module is not None
    return module


def test_one_assignment_of_all_is_accepted(data: ModuleType) -> None:
    for row in data.generate("test", 120, 1):
        people = row["metadata"]["people"]
        accepted = []
        for roles in itertools.product(("knight", "knave"), repeat=len(people)):
            answer = ", ".join(f"{name} is a {role}" for name, role in zip(people, roles, strict=True))
            if not puzzles.knights(row["metadata"], answer):
                accepted.append(answer)
        assert accepted == [row["gold"]]


def test_renaming_and_reordering_people_keeps_the_split(data: ModuleType) -> None:
    draw = random.Random(0)
    for split in ("train", "test"):
        for row in data.generate(split, 60, 2):
            people = row["metadata"]["people"]
            text = json.dumps(row["metadata"]["statements"])
            for old, new in zip(people, draw.sample("VWXYZ", len(people)), strict=True):
                text = text.replace(f'"{old}"', f'"{new}"')
            statements = json.loads(text)
            draw.shuffle(statements)
            for statement in statements:
                if statement["says"][0] == "count":
                    statement["says"][2:] = draw.sample(statement["says"][2:], len(people))
            assert data.held_out(statements) == (split == "test")


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_favourite_answer_is_worth_more_than_a_guess(data: ModuleType, split: str) -> None:
    answers = Counter(
        tuple("knight" in part for part in row["gold"].split(", "))
        for row in data.generate(split, 1600, 1)
        if row["category"] == "two"
    )
    assert len(answers) == 4
    assert max(answers.values()) < 0.32 * 400


def test_asking_for_more_puzzles_than_there_are_is_said(data: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "NAMES", ("Ann", "Bob"))
    monkeypatch.setattr(data, "LEVELS", {"two": 2})
    monkeypatch.setattr(data, "GIVE_UP", 200)
    with pytest.raises(ValueError, match="there are not 1000 different puzzles"):
        list(data.generate("test", 1000, 1))


def test_what_people_say_is_english(data: ModuleType) -> None:
    people = ["Ann", "Bob", "Cid"]
    said = {
        "Bob is a knave.": ["knave", "Bob"],
        "I am a knight.": ["knight", "Ann"],
        "Bob is a knave and I am a knight.": ["and", ["knave", "Bob"], ["knight", "Ann"]],
        "Bob is a knave, or Cid is a knight, or both.": ["or", ["knave", "Bob"], ["knight", "Cid"]],
        "If Bob is a knave, then Cid is a knight.": ["implies", ["knave", "Bob"], ["knight", "Cid"]],
        "Bob and I are of the same kind.": ["iff", ["knight", "Ann"], ["knight", "Bob"]],
        "Bob and Cid are of different kinds.": ["xor", ["knight", "Bob"], ["knight", "Cid"]],
        "None of us is a knight.": ["count", 0],
        "Exactly 1 of the 3 of us is a knight.": ["count", 1],
        "Exactly 2 of the 3 of us are knights.": ["count", 2],
    }
    for text, tree in said.items():
        assert data._text(tree, "Ann", people) == text
