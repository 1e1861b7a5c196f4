"""Packs of several verifiers, and mixtures."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import choose_shots, gold_completion, messages, plain
from rlvr.tasks.samples import samples
from rlvr.tasks.sources.mixture import allot
from rlvr.tasks.splits import load_split
from rlvr.verifiers import Completion, Example
from rlvr.verifiers.engine.engine import Engine

HEAD = 'name = "{0}"\ndescription = "{0}"\nlicense = "CC0-1.0"\n'
SEVERAL = {
    "task.toml": HEAD.format("several")
    + """
[data]
files = { train = "train.jsonl", test = "test.jsonl" }
[verifiers.sums]
name = "number"
mode = "strict"
[verifiers.words]
name = "exact"
ignore_case = true
[lenient.sums]
mode = "lenient"
""",
    "train.jsonl": '{"question": "1+1", "gold": "2", "verifier": "sums"}\n',
    "test.jsonl": '{"question": "Say so.", "gold": "so", "verifier": "words"}\n',
}
SUMS = {
    "task.toml": HEAD.format("sums")
    + """
gold_completion = "#### {gold}"
[data.generator]
sizes = { train = 30, test = 10 }
[prompt]
system = "Add."
question = "{question}?"
shots = 1
[verifier]
name = "number"
mode = "strict"
[lenient]
mode = "lenient"
""",
    "data.py": """
def generate(split, size, seed):
    for n in range(size):
        number = 2 * n + (split == "test")
        yield {"question": f"{number}+1", "gold": str(number + 1), "category": "even" if number % 2 else "odd"}

def near_misses(row, random):
    return ["#### " + str(int(row["gold"]) + 1)]
""",
    "fewshot.jsonl": '{"question": "900+1", "gold": "901", "completion": "#### 901"}\n'
    '{"question": "902+1", "gold": "903", "completion": "#### 903"}\n',
}
WORDS = {
    "task.toml": HEAD.format("words")
    + """
[data]
files = { train = "train.jsonl", test = "test.jsonl" }
[prompt]
question = "Say: {question}"
style = "plain"
[verifier]
name = "exact"
""",
    "train.jsonl": "".join(f'{{"question": "w{n}", "gold": "w{n}"}}\n' for n in range(30)),
    "test.jsonl": "".join(f'{{"question": "t{n}", "gold": "t{n}"}}\n' for n in range(10)),
    "fewshot.jsonl": '{"question": "s", "gold": "s", "completion": "s"}\n',
}
MIXED = {
    "task.toml": HEAD.format("mixed")
    + """
[data.packs]
shares = { "../sums" = 3, "../words" = 1 }
sizes = { train = 20, test = 4 }
[prompt]
style = "chat"
"""
}


def write(folder: Path, files: dict[str, str], replace: dict[str, str] | None = None) -> Pack:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        for old, new in (replace or {}).items():
            text = text.replace(old, new)
        (folder / name).write_text(text)
    return load_pack(str(folder))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


@pytest.fixture
def mixed(tmp_path: Path) -> Pack:
    write(tmp_path / "sums", SUMS)
    write(tmp_path / "words", WORDS)
    return write(tmp_path / "mixed", MIXED)


# ---- several verifiers in one pack


def test_each_example_has_the_verifier_that_its_row_names(tmp_path: Path, engine: Engine) -> None:
    pack = write(tmp_path / "several", SEVERAL)
    pairs = [(load_split(pack, split).examples[0], Completion("So")) for split in ("train", "test")]
    assert [v.status for v in pack.verify_batch(engine, pairs)] == ["unparsed", "correct"]
    sums = pairs[0][0]
    assert pack.submit(engine, sums, Completion("It is 2.")).result().status == "unparsed"
    assert pack.submit(engine, sums, Completion("It is 2."), lenient=True).result().status == "correct"
    assert pack.submit(engine, pairs[1][0], Completion("SO"), lenient=True).result().status == "correct"
    assert list(pack.lenients) == ["sums"]
    assert pack.spec()["words"] == {"name": "exact", "version": "1", "options": {"ignore_case": True}}
    with pytest.raises(ConfigError, match="pack 'several' has several verifiers: sums, words"):
        pack.verifier  # noqa: B018


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (
            {'"verifier": "sums"': '"verifier": "suns"'},
            "train.jsonl:1: column 'verifier' must be one of sums, words, not 'suns'",
        ),
        ({', "verifier": "words"': ""}, "test.jsonl:1: column 'verifier' must be one of sums, words, not ''"),
        ({'name = "exact"': 'name = "exat"'}, "verifiers.words: no verifier is called 'exat'"),
        ({'name = "number"': ""}, "verifiers.sums: expected a table with the verifier's name"),
        ({"[lenient.sums]": "[lenient.sum]"}, "lenient.sum: expected tables for sums, words"),
        ({"[lenient.sums]": "[lenient]"}, "lenient.mode: expected tables for sums, words"),
        ({"[lenient.sums]": '[verifier]\nname = "exact"'}, r"either \[verifier\] or \[verifiers.NAME\] tables"),
    ],
)
def test_mistakes_of_several(tmp_path: Path, replace: dict[str, str], message: str) -> None:
    def use() -> None:
        pack = write(tmp_path / "several", SEVERAL, replace)
        pack.verifiers, pack.lenients  # noqa: B018
        for split in ("train", "test"):
            load_split(pack, split)

    with pytest.raises(ConfigError, match=message):
        use()


def test_a_lenient_verifier_may_be_another_one(tmp_path: Path) -> None:
    changed = {"[lenient]\nmode": '[lenient]\nname = "math"\nextract', '"lenient"': '"auto"'}
    pack = write(tmp_path / "sums", SUMS, changed)
    assert pack.lenient is not None
    assert (pack.lenient.name, pack.lenient.options) == ("math", {"extract": "auto"})


def test_a_composite_in_a_pack(tmp_path: Path, engine: Engine) -> None:
    gate = 'name = "gate"\nof = [{ name = "number", label = "format", mode = "strict" }, { name = "own" }]\n[lenient.format]'
    pack = write(
        tmp_path / "sums",
        SUMS | {"verifier.py": "import rlvr\n@rlvr.verifier('own')\ndef own(example, completion):\n    return True\n"},
        {'name = "number"\nmode = "strict"\n[lenient]': gate},
    )
    example = Example("1", "1+1", "2")
    verdict = pack.submit(engine, example, Completion("It is 2")).result()
    assert (verdict.status, verdict.parts["status"]) == ("unparsed", {"format": "unparsed"})
    verdict = pack.submit(engine, example, Completion("It is 2"), lenient=True).result()
    assert (verdict.status, verdict.parts["status"]) == ("correct", {"format": "correct", "own": "correct"})
    assert pack.spec()["of"]["format"]["options"] == {"mode": "strict"}


def test_sandbox_packages_reach_whom_they_concern(tmp_path: Path) -> None:
    packages = '[sandbox]\npackages = ["numpy"]\n[verifier]'
    composite = 'name = "all"\nof = [{ name = "number" }, { name = "code" }]'
    pack = write(tmp_path / "sums", SUMS, {"[verifier]": packages, 'name = "number"\nmode = "strict"': composite})
    assert pack.spec()["of"]["code"]["options"] == {"packages": ("numpy",)}
    with pytest.raises(ConfigError, match="verifier 'number' runs no programs"):
        write(tmp_path / "sums", SUMS, {"[verifier]": packages}).verifiers  # noqa: B018


# ---- packs of packs


def test_shares(mixed: Pack) -> None:
    split = load_split(mixed, "train")
    assert Counter(example.pack for example in split.examples) == {"sums": 15, "words": 5}
    assert Counter(example.category for example in split.examples) == {"sums": 15, "words": 5}
    assert all(example.id.startswith(f"{example.pack}/") for example in split.examples)
    assert len({example.id for example in split.examples}) == 20
    assert {example.pack for example in split.examples[:8]} == {"sums", "words"}  # shuffled
    assert load_split(mixed, "train").examples == split.examples
    assert split.origin["packs"]["sums"] == {"source": "generator", "seed": 0, "size": 30, "examples": 15}
    assert not split.substituted


def test_categories_with_levels(tmp_path: Path, mixed: Pack) -> None:
    levelled = write(tmp_path / "mixed", MIXED, {"sizes": "levels = true\nsizes"})
    assert {e.category for e in load_split(levelled, "train").examples} == {"sums/odd", "words"}


@pytest.mark.parametrize(
    ("size", "shares", "counts"),
    [(10, [1, 1], [5, 5]), (10, [1, 1, 1], [4, 3, 3]), (1, [0.2, 0.8], [0, 1]), (7, [0.5, 0.3, 0.2], [4, 2, 1])],
)
def test_allot(size: int, shares: list[float], counts: list[int]) -> None:
    assert allot(size, shares) == counts


def test_each_example_keeps_its_packs_prompt_gold_and_verifier(mixed: Pack, engine: Engine) -> None:
    examples = load_split(mixed, "train").examples
    sums, words = (next(e for e in examples if e.pack == name) for name in ("sums", "words"))
    shots = choose_shots(mixed, 1)
    assert [message["content"] for message in messages(mixed, sums, shots)] == [
        "Add.", "900+1?", "#### 901", f"{sums.question}?",
    ]  # fmt: skip
    assert plain(mixed, words, shots) == f"Say: ss\n\nSay: {words.question}"
    assert gold_completion(mixed, sums) == Completion(f"#### {sums.gold}")
    assert gold_completion(mixed, words) == Completion(words.gold)
    pairs = [
        (sums, Completion(f"#### {sums.gold}")),
        (words, Completion(words.gold)),
        (words, Completion("#### 1")),
    ]
    assert [v.status for v in mixed.verify_batch(engine, pairs)] == ["correct", "correct", "incorrect"]
    assert list(mixed.verifiers) == ["sums", "words"]
    assert list(mixed.lenients) == ["sums"]
    assert {shot.example.pack for shot in mixed.shots} == {"sums", "words"}


def test_fields_that_the_mixed_pack_sets_hold_for_all(mixed: Pack) -> None:
    assert mixed.members["words"].task.prompt.style == "chat"
    assert mixed.members["words"].task.prompt.question == "Say: {question}"


def test_it_can_be_checked(mixed: Pack, engine: Engine) -> None:
    results = {c.name: c for c in check(mixed, engine, None)}
    assert {name: c.problems for name, c in results.items() if not c.ok} == {}
    assert results["gold answers of train"].checked == 20
    assert results["few-shot examples"].checked == 3


def test_samples_come_from_all(mixed: Pack) -> None:
    drawn = samples(mixed, 10)
    assert Counter(sample.example.pack for sample in drawn) == {"sums": 5, "words": 5}
    assert {len(s.near_misses) for s in drawn if s.example.pack == "sums"} == {1}


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({'"../words"': '"../wards"'}, "data.packs.shares: no pack is called '../wards'"),
        ({'"../words" = 1': '"../words" = 0'}, "data.packs.shares.../words: Input should be greater than 0"),
        (
            {"train = 20": "train = 200"},
            "data.packs: split 'train' needs 150 examples of 'sums', but it has 30",
        ),
        ({"[prompt]": '[verifier]\nname = "exact"\n[prompt]'}, "a mixture has no verifiers of its own"),
        (
            {'shares = { "../sums" = 3, "../words" = 1 }': "shares = {}"},
            "data.packs.shares: Dictionary should have at least",
        ),
        ({'"../words"': '"."'}, "'.' is a mixture itself"),
        ({'"../words"': '"../words/../words" = 2, "../words"'}, "two packs are called 'words'"),
    ],
)
def test_mistakes_of_mixtures(tmp_path: Path, mixed: Pack, replace: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_split(write(tmp_path / "mixed", MIXED, replace), "train")


def test_an_example_of_no_member_is_an_error(mixed: Pack, engine: Engine) -> None:
    with pytest.raises(ConfigError, match="no pack is called 'other'"):
        mixed.verify_batch(engine, [(Example("1", "q", "a", pack="other"), Completion("a"))])
