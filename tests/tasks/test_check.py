"""`check` reports all problems of a pack at once, each with its file and line."""

from collections.abc import Callable, Iterator

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.sandboxes.auto import choose
from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, Split, load_pack, own_packs
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.hostile_inputs import HOSTILE_INPUTS

MakePack = Callable[..., Pack]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as engine:
        yield engine


def problems(pack: Pack, engine: Engine, mirror: str | None = None) -> dict[str, list[str]]:
    results = check(pack, engine, mirror)
    return {c.name: [p.replace(str(pack.folder), "PACK") for p in c.problems] for c in results if not c.ok}


def test_a_sound_pack(make_pack: MakePack, engine: Engine) -> None:
    said: list[str] = []
    results = check(make_pack(), engine, None, said.append)
    assert {c.name: c.checked for c in results} == {
        "few-shot examples": 2, "labelled cases": 2, "data": 3, "gold answers of train": 2, "gold answers of test": 1,
        "hostile inputs": 2 * len(HOSTILE_INPUTS), "wrong answers earn nothing": 2 * len(HOSTILE_INPUTS) + 1,
        "no leaks into test": 1,
    }  # fmt: skip
    assert all(c.ok for c in results)
    assert said


@pytest.mark.parametrize(
    ("files", "replace", "expected"),
    [
        ({"fewshot.jsonl": '{"completion": "3", "gold": "2"}'}, {},
         {"few-shot examples": ["PACK/fewshot.jsonl:1: the verifier says incorrect: compared as text"]}),
        ({"fewshot.jsonl": "{"}, {},
         {"few-shot examples": ["PACK/fewshot.jsonl:1: not valid JSON: Expecting property name enclosed in double quotes "
                              "at column 2"]}),
        ({}, {"[prompt]": "[prompt]\nshots = 3"}, {"few-shot examples": ["PACK/fewshot.jsonl: [prompt] shots = 3, but there are 2"]}),
        ({"cases.jsonl": '{"completion": "3", "gold": "2", "expected": "correct", "why": "so"}'}, {},
         {"labelled cases": ["PACK/cases.jsonl:1: expected correct, the verifier says incorrect: compared as text (so)"]}),
        ({"cases.jsonl": '{"completion": "2", "gold": "2", "expected": "correct", "score": 0.5}'}, {},
         {"labelled cases": ["PACK/cases.jsonl:1: expected score 0.5, got 1.0"]}),
        ({"cases.jsonl": "[]"}, {}, {"labelled cases": ["PACK/cases.jsonl:1: expected an object, found list"]}),
        ({"train.jsonl": ""}, {}, {"data": ["PACK/task.toml: split 'train' is empty (source files, path train.jsonl)"]}),
        ({"train.jsonl": '{"question": "1", "gold": "1", "id": 1}\n{"question": "2", "gold": "2", "id": 1}'}, {},
         {"data": ["split 'train': 1 ids occur more than once, such as '1'"]}),
        ({}, {'"exact"': '"exact"\n[categories]\neven = "even"'},
         {"data": ["split 'train' has categories that [categories] doesn't name: ['']",
                   "split 'test' has categories that [categories] doesn't name: ['odd']"]}),
        ({}, {"{question}=": "{qestion}"},
         {"data": ["PACK/task.toml: template '{qestion}': KeyError: 'qestion' (it knows {question}; write {{ for a brace)",
                   "PACK/task.toml: template '{qestion}': KeyError: 'qestion' (it knows {hint}, {question}; write {{ for a brace)"]}),
        ({"train.jsonl": '{"question": " 4+5 ?", "gold": "9"}'}, {},
         {"no leaks into test": ["1 test questions are in the training split, such as mine"]}),
        ({"fewshot.jsonl": '{"question": "4+5", "completion": "9", "gold": "9"}'}, {},
         {"no leaks into test": ["PACK/fewshot.jsonl:1: this question is in the test split"]}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(
    make_pack: MakePack, engine: Engine, files: dict[str, str], replace: dict[str, str], expected: dict[str, list[str]]
) -> None:
    assert problems(make_pack(files, replace), engine) == expected


def test_everything_is_found_in_one_go(make_pack: MakePack, engine: Engine) -> None:
    pack = make_pack({"fewshot.jsonl": "{", "cases.jsonl": "{", "train.jsonl": "{"})
    assert list(problems(pack, engine)) == ["few-shot examples", "labelled cases", "data"]


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ("{glod}", "PACK/task.toml: template '{glod}': KeyError: 'glod' (it knows {question}, {gold}; write {{ for a brace)"),
        ("{", "PACK/task.toml: template '{': ValueError: Single '{' encountered in format string"),
        ("no", "PACK/train.jsonl:1: gold answer '6' of train-0: incorrect: compared as text"),
    ],
)  # fmt: skip
def test_gold_answers(make_pack: MakePack, engine: Engine, gold: str, message: str) -> None:
    reported = problems(make_pack(replace={"\n[data]": f'gold_completion = "{gold}"\n[data]'}), engine)
    assert list(reported) == ["gold answers of train", "gold answers of test"]
    assert reported["gold answers of train"][0].startswith(message)


def test_a_gold_answer_that_does_not_parse_is_a_failure_of_ours(make_pack: MakePack, engine: Engine) -> None:
    rows = '{"question": "1", "gold": "six"}\n{"question": "2", "gold": "7"}'
    pack = make_pack(
        {"train.jsonl": rows, "fewshot.jsonl": None, "cases.jsonl": None},
        {'"exact"': '"number"', "\n[data]": 'gold_completion = "#### {gold}"\n[data]'},
    )
    reported = problems(pack, engine)
    assert list(reported) == ["gold answers of train"]
    assert reported["gold answers of train"][0].startswith("PACK/train.jsonl:1: gold answer 'six' of train-0: error: ")


OWN = """
import rlvr

@rlvr.verifier("own", bounded=True, deadline_s=2.0)
def own(example, completion):
    text = completion.text.removeprefix("= ")
    if text == "nan":
        raise ValueError("no number")
    return text == example.gold or len(text) > 500_000
"""


def test_hostile_inputs_are_tried_as_they_are_and_as_answers(make_pack: MakePack, engine: Engine) -> None:
    own = {"verifier.py": OWN, "fewshot.jsonl": None, "cases.jsonl": None}
    pack = make_pack(own, {'"exact"': '"own"', "\n[data]": 'gold_completion = "= {gold}"\n[data]'})
    reported = problems(pack, engine)
    assert list(reported) == ["hostile inputs"]
    accepted = [p for p in reported["hostile inputs"] if p.startswith("train-0: one letter, a million times: correct")]
    failed = [p for p in reported["hostile inputs"] if p == "train-0: not a number: error: ValueError: no number"]
    assert (len(accepted), len(failed)) == (2, 2)


HALF = """
import rlvr

@rlvr.verifier("half", bounded=True, deadline_s=2.0)
def half(example, completion):
    right = completion.text.strip() == example.gold
    return rlvr.Verdict.scored(1.0 if right else 0.5 if len(completion.text) == 1 else 0.0)
"""
NUMBER_CASES = (
    '{"question": "1+1", "completion": "#### 3", "gold": "2", "expected": "incorrect"}\n'
    '{"question": "1+1", "completion": "So it is 2.", "gold": "2", "expected": "unparsed"}\n'
)


@pytest.mark.parametrize(
    ("table", "files", "best"),
    [
        ("", {}, None),
        ("unparsed = -0.1", {}, None),
        ("incorrect = -1.0\nunparsed = -1.0\ntimeout = -1.0", {}, None),
        ("incorrect = 0.1", {}, "more than 0, the best 0.1 (verdict 0.1); a right answer earns 1: PACK/cases.jsonl:2: '3'; "),
        ("incorrect = -1.0", {}, "more than -1, the best 0 (verdict 0); a right answer earns 1: train-0: "),  # no answer
        ("partial = true", {"verifier.py": HALF},
         "more than 0, the best 0.5 (verdict 0.5); a right answer earns 1: PACK/cases.jsonl:2: '3'; "),
        ("parts = { format = 0.1 }", {"cases.jsonl": NUMBER_CASES},
         "more than 0, the best 0.1 (verdict 0, format 0.1); a right answer earns 1.1: PACK/cases.jsonl:1: '#### 3'; "),
        ("correct = 0.5\nparts = { lenient = 0.5 }", {"cases.jsonl": NUMBER_CASES}, None),  # the right number, unmarked
    ],
)  # fmt: skip
def test_what_a_wrong_answer_can_earn_is_noted(
    make_pack: MakePack, engine: Engine, table: str, files: dict[str, str], best: str | None
) -> None:
    verifier = (
        '"number"\n[lenient]\nmode = "lenient"'
        if "####" in files.get("cases.jsonl", "")
        else '"half"'
        if files
        else '"exact"'
    )
    shots = '{"question": "1+1", "completion": "%s2", "gold": "2"}' % ("#### " if "number" in verifier else "")
    pack = make_pack({"fewshot.jsonl": shots, **files}, {'"exact"': f"{verifier}\n[reward]\n{table}"})
    rewards = next(result for result in check(pack, engine, None) if result.name == "wrong answers earn nothing")
    assert rewards.ok
    assert rewards.checked
    notes = [note.replace(str(pack.folder), "PACK") for note in rewards.notes]
    assert len(notes) == (best is not None)
    assert all(best in note for note in notes if best)


NEAR = """
def near_misses(row, random):
    return [str(int(row["gold"]) + 1)]
"""


def test_a_wrong_answer_that_earns_as_much_as_a_right_one_is_a_problem(make_pack: MakePack, engine: Engine) -> None:
    half = HALF.replace("else 0.0)", "else 0.0, short=float(len(completion.text) == 1))")
    files = {"verifier.py": half, "data.py": NEAR, "cases.jsonl": None}
    reward = '"half"\n[reward]\ncorrect = 0.0\nparts = { short = 1.0 }'
    assert problems(make_pack(files, {'"exact"': reward}), engine) == {
        "wrong answers earn nothing": [
            "2 of 85 wrong answers earn more than 0, the best 1 (verdict 0, short 1); a right answer earns 1: train-0: "
            "near miss '7'; while right answers are rare, the policy learns to earn that: pay a part only for a right answer, or "
            "leave it out of [reward]"
        ]
    }


def test_near_misses_that_fail(make_pack: MakePack, engine: Engine) -> None:
    found = problems(make_pack({"data.py": NEAR.replace("gold", "glod")}), engine)
    assert found == {
        "wrong answers earn nothing": ["PACK/data.py: near_misses() of example 'train-0' failed: KeyError: 'glod'"]
    }


def test_test_questions_that_resemble_others_are_noted(make_pack: MakePack, engine: Engine) -> None:
    question = "A baker fills {} trays with 8 rolls each and sells half"
    rows = {
        "train.jsonl": f'{{"question": "{question.format(6)}", "gold": "24"}}\n',
        "test.jsonl": f'{{"question": "{question.format(7)}", "gold": "28"}}\n',
        "fewshot.jsonl": f'{{"question": "{question.format(5)}", "completion": "20", "gold": "20"}}\n',
        "cases.jsonl": None,
    }
    leaks = check(make_pack(rows), engine, None)[-1]
    assert leaks.ok
    assert leaks.notes == [
        f"1 of 1 test questions share eight words in a row with {where}, such as test-0: "
        "'trays with 8 rolls each and sells half'"
        for where in ("the training split", "few-shot examples")
    ]


@pytest.mark.parametrize("verifier", ['"exat"', '"exact"\nnothing = 1'])
def test_without_its_verifier_nothing_can_be_checked(make_pack: MakePack, engine: Engine, verifier: str) -> None:
    with pytest.raises(ConfigError, match=r"task\.toml: "):
        check(make_pack(replace={'"exact"': verifier}), engine, None)


@pytest.mark.usefixtures("no_hub")
def test_a_substitute_is_named(engine: Engine) -> None:
    pytest.importorskip("reasoning_gym")
    results = check(load_pack("gsm8k"), engine, None)
    assert all(c.ok for c in results), [c.problems for c in results]
    assert "data (a substitute: reasoning_gym:gsm_symbolic)" in [c.name for c in results]


@pytest.mark.usefixtures("no_hub")
def test_data_that_is_out_of_reach_is_a_missing_prerequisite(make_pack: MakePack, engine: Engine) -> None:
    pack = make_pack(replace={'files = { train = "train.jsonl", test = "test.jsonl" }': 'hub = "a/b"\nrevision = "c"'})
    with pytest.raises(PrerequisiteError, match="a/b can't be loaded"):
        check(pack, engine, None)


@pytest.mark.parametrize("name", sorted(own_packs()))
def test_our_packs_are_sound(name: str, mirror: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = load_pack(name)
    if pack.task.data.hub_splits:
        pytest.importorskip("datasets")
    if "code" in [verifier.name for verifier in pack.verifiers.values()]:
        try:
            choose()
        except PrerequisiteError as error:
            pytest.skip(str(error))
        # Running a program takes time: some here, all of them with `rlvr check`.
        monkeypatch.setattr(
            "rlvr.tasks.check.load_split", lambda *a: Split(load_split(*a).examples[:5], {"source": ""})
        )
    assert problems(pack, engine, mirror) == {}
