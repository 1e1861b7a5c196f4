"""Packs: found by path or name, and every mistake in their files named by file and line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, load_pack, own_packs
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status
from rlvr.verifiers.verifier import Verifier

MakePack = Callable[..., Pack]
OWN_VERIFIER = """
import rlvr

@rlvr.verifier("{name}", version="2")
def verify(example, completion, *, upside_down: bool = False):
    return upside_down != (completion.text == example.gold)
"""


def said(error: pytest.ExceptionInfo[ConfigError], pack: Pack) -> str:
    return str(error.value).replace(str(pack.folder), "PACK")


def test_a_pack(make_pack: MakePack) -> None:
    pack = make_pack()
    assert pack.name == "sums"
    assert pack.shots[1].example == Example("fewshot-2", "2+2", "4")
    assert pack.shots[1].completion == "4"
    assert (pack.cases[1].expected, pack.cases[1].score, pack.cases[1].why) == (Status.INCORRECT, 0, "off by one")
    assert pack.cases[1].line == 2
    assert pack.verifier.name == "exact"
    assert pack.lenient is None


def test_few_shot_examples_and_cases_are_optional(make_pack: MakePack) -> None:
    pack = make_pack({"fewshot.jsonl": None, "cases.jsonl": None})
    assert (pack.shots, pack.cases) == ([], [])


def test_lenient_changes_options_alone(make_pack: MakePack) -> None:
    text = '"exact"\nignore_case = false\n[lenient]\nignore_case = true'
    pack = make_pack(replace={'"exact"': text})
    assert pack.lenient is not None
    assert pack.verifier.options["ignore_case"] is False
    assert pack.lenient.options["ignore_case"] is True


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "1", "completion"', "not valid JSON: Expecting ':' delimiter at column 31"),
        ('{"question": "1", "completion": 2, "gold": "2"}', "column 'completion' must be text, not int"),
        ('{"question": "1", "gold": "2"}', "no column 'completion'; found question, gold"),
        ('{"question": "1", "completion": "2"}', "no column 'gold'; found question, completion"),
        ('{"completion": "2", "gold": "2", "metadata": [1]}', "column 'metadata' must be an object, not list"),
        ("[]", "expected an object, found list"),
    ],
)
def test_bad_few_shot_examples(make_pack: MakePack, line: str, message: str) -> None:
    pack = make_pack({"fewshot.jsonl": '{"completion": "2", "gold": "2"}\n\n' + line})
    with pytest.raises(ConfigError) as error:
        pack.shots  # noqa: B018
    assert said(error, pack) == f"PACK/fewshot.jsonl:3: {message}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"expected": "corect"}',
         "expected = 'corect': expected one of correct, incorrect, unparsed, timeout, error, skipped"),
        ('{"expected": ["correct"]}',
         "expected = ['correct']: expected one of correct, incorrect, unparsed, timeout, error, skipped"),
        ("{}", "expected = None: expected one of correct, incorrect, unparsed, timeout, error, skipped"),
        ('{"expected": "correct", "gold": "2"}', "no column 'completion'; found expected, gold"),
        ('{"expected": "correct", "completion": "2"}', "no column 'gold'; found expected, completion"),
        ('{"expected": "correct", "completion": "2", "gold": "2", "score": "1"}',
         "column 'score' must be a number, not '1'"),
    ],
)  # fmt: skip
def test_bad_cases(make_pack: MakePack, line: str, message: str) -> None:
    pack = make_pack({"cases.jsonl": line})
    with pytest.raises(ConfigError) as error:
        pack.cases  # noqa: B018
    assert said(error, pack) == f"PACK/cases.jsonl:1: {message}"


def test_a_truncated_case(make_pack: MakePack) -> None:
    row = '{"expected": "correct", "completion": "2", "gold": 2, "truncated": true}'
    case = make_pack({"cases.jsonl": row}).cases[0]
    assert case.completion.truncated
    assert case.example.gold == "2"


@pytest.mark.parametrize(
    ("verifier", "message"),
    [
        ('"exat"', "no verifier is called 'exat'; did you mean 'exact'? (`rlvr list verifiers` shows all)"),
        ('"exact"\nignore_cas = true', "verifier 'exact' has no option 'ignore_cas'; did you mean 'ignore_case'?"),
    ],
)
def test_bad_verifiers(make_pack: MakePack, verifier: str, message: str) -> None:
    pack = make_pack(replace={'"exact"': verifier})
    with pytest.raises(ConfigError) as error:
        pack.verifier  # noqa: B018
    # Where an option has no near name, the message lists those that there are.
    assert said(error, pack).startswith(f"PACK/task.toml: {message.partition(';')[0]}")
    assert message.rpartition("mean ")[2].partition("?")[0] in said(error, pack)


def test_a_verifier_of_the_packs_own_runs_in_a_worker(make_pack: MakePack) -> None:
    pack = make_pack(
        {"verifier.py": OWN_VERIFIER.format(name="own")}, {'"exact"': '"own"\n[lenient]\nupside_down = true'}
    )
    example, completion = Example("", "", "4"), Completion("4")
    assert pack.lenient is not None
    with Engine(workers=1) as engine:
        assert engine.verify(pack.verifier, example, completion).status is Status.CORRECT
        assert engine.verify(pack.lenient, example, completion).status is Status.INCORRECT
    assert pack.verifier.version == "2"


def test_an_own_verifier_of_another_name_is_not_taken(make_pack: MakePack) -> None:
    assert make_pack({"verifier.py": OWN_VERIFIER.format(name="own")}).verifier.version != "2"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("own = 3", "verifier.py holds no verifier: decorate a function with @rlvr.verifier"),
        ("raise ValueError('no')", "PACK/verifier.py: ValueError: no"),
        ("import sys; sys.exit(0)", "PACK/verifier.py: SystemExit: 0"),
        ("def f(", "PACK/verifier.py: SyntaxError: '(' was never closed (verifier.py, line 1)"),
        ("import nothing_of_this_name", "PACK/verifier.py: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ],
)  # fmt: skip
def test_a_broken_verifier_module(make_pack: MakePack, source: str, message: str) -> None:
    pack = make_pack({"verifier.py": source})
    with pytest.raises(ConfigError) as error:
        pack.verifier  # noqa: B018
    assert said(error, pack) == f"PACK/task.toml: {message}"


def test_our_packs_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # `tasks/gsm8k` is no folder here
    assert set(own_packs()) >= {"addition", "gsm8k"}
    folder = load_pack("gsm8k").folder
    assert (
        load_pack("tasks/gsm8k").folder == load_pack("tasks/gsm8k/").folder == load_pack(str(folder)).folder == folder
    )
    for name in own_packs():
        assert load_pack(name).name == name


def test_a_folder_comes_before_a_name(make_pack: MakePack, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_pack().folder.rename(make_pack().folder.with_name("gsm8k"))
    monkeypatch.chdir(folder.parent)
    assert load_pack("gsm8k").name == "sums"
    monkeypatch.chdir(folder)
    assert load_pack(".").folder == folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gsm8q", "no pack is called 'gsm8q'; did you mean 'gsm8k'? (`rlvr list packs` shows all)"),
        ("tasks/gsm8q", "no pack is called 'gsm8q'; did you mean 'gsm8k'? (`rlvr list packs` shows all)"),
        ("./mine/pack", "no pack is called './mine/pack' (`rlvr list packs` shows all)"),
        ("", "no pack is called '' (`rlvr list packs` shows all)"),
        ("./empty", "empty: no task.toml in this folder, so it is no task pack"),
        (".", ".: no task.toml in this folder, so it is no task pack"),
    ],
)
def test_unknown_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("empty")
    with pytest.raises(ConfigError) as error:
        load_pack(name)
    assert str(error.value) == message


# ---- packs in memory, checked packs, and what a run records


def answers_even(example: Example, completion: Completion) -> bool:
    return completion.text in ("0", "2", "4", "6", "8")


def test_a_pack_without_a_folder(make_pack: MakePack) -> None:
    task = make_pack(replace={"[verifier]": "[reward]\ncorrect = 2.0\n[verifier]"}).task
    example = Example("1", "an even digit", "2")
    pack = Pack.of(task, Verifier("even", answers_even, bounded=True), {"train": [example]})
    assert (pack.name, pack.verifier.name, pack.shots, pack.cases) == ("sums", "even", [], [])
    assert pack.checked() is pack
    with Engine(workers=1) as engine:
        right, wrong = pack.verify_batch(engine, [(example, Completion("4")), (example, Completion("3"))])
    assert (right.status, wrong.status) == (Status.CORRECT, Status.INCORRECT)
    assert pack.reward(example, Completion("4"), right).value == 2.0
    assert pack.spec() == {"name": "even", "version": "1", "options": {}}


def test_a_pack_in_memory_has_the_verifier_of_its_task_if_none_is_given(make_pack: MakePack) -> None:
    assert Pack.of(make_pack().task).verifier.name == "exact"


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({'"exact"': '"exat"'}, "no verifier is called 'exat'; did you mean 'exact'?"),
        ({'"exact"': '"exact"\n[lenient]\nignore_cas = true'}, "verifier 'exact' has no option 'ignore_cas'"),
        (
            {'"exact"': '"exact"\n[sandbox]\npackages = ["numpy"]'},
            "sandbox.packages: verifier 'exact' runs no programs",
        ),
    ],
)
def test_a_checked_pack_reports_its_verifiers_at_once(
    make_pack: MakePack, replace: dict[str, str], message: str
) -> None:
    pack = make_pack(replace=replace)  # nothing is said yet
    for check in (pack.checked, lambda: load_pack(str(pack.folder), check=True)):
        with pytest.raises(ConfigError) as error:
            check()
        assert said(error, pack).startswith(f"PACK/task.toml: {message}")


def test_a_checked_pack_is_the_same_pack(make_pack: MakePack) -> None:
    pack = make_pack()
    assert pack.checked() is pack
    assert load_pack(str(pack.folder), check=True) == pack


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("addition", {"name": "exact", "version": "1", "options": {}}),
        ("arithmetic", {"name": "exact", "version": "1", "options": {"first_line": True}}),
        ("gsm8k", {"name": "number", "version": "1", "options": {"mode": "strict"}}),
    ],
)
def test_what_runs_record_of_a_verifier(name: str, recorded: dict[str, object]) -> None:
    """A run is resumed only if this is as it was, so it must not change in form."""
    pack = load_pack(name)
    assert pack.spec() == pack.verifier.spec() == recorded


def test_of_several_verifiers_a_run_records_each(make_pack: MakePack) -> None:
    table = '[verifiers.a]\nname = "exact"\n[verifiers.b]\nname = "number"\nmode = "strict"'
    assert make_pack(replace={'[verifier]\nname = "exact"': table}).spec() == {
        "a": {"name": "exact", "version": "1", "options": {}},
        "b": {"name": "number", "version": "1", "options": {"mode": "strict"}},
    }
