"""Checks a pack without a model: gold answers, few-shot examples, labelled cases, hostile inputs, leaks between splits.

Everything that is wrong is found in one go, each problem with its file and line.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rlvr.errors import ConfigError
from rlvr.tasks.overlap import overlap
from rlvr.tasks.pack import Pack, Shot
from rlvr.tasks.prompt import gold_completion, messages, plain
from rlvr.tasks.splits import load_split, place, split_names
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.hostile_inputs import hostile_inputs, name_of
from rlvr.verifiers.testing import misjudged
from rlvr.verifiers.types import Completion, Example, Status

MAX_PROBLEMS = 20  # of one kind that are named; the rest is counted
MAX_HOSTILE = 6  # examples, of different categories and verifiers, that hostile inputs answer
Say = Callable[[str], None]


@dataclass
class Check:
    """One thing that was checked: how many items, what was wrong, and what is worth knowing (`notes`)."""

    name: str
    checked: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def check(pack: Pack, engine: Engine, mirror: str | None, say: Say = lambda _: None) -> list[Check]:
    """All checks of a pack. Raises ConfigError only where the pack's verifier can't be had: nothing works without it."""
    pack = pack.checked()
    checks = []
    for one in (_few_shot_examples, _cases):
        say(one.__doc__ or "")
        checks.append(one(pack, engine))
    splits, data = _data(pack, mirror)
    checks.append(data)
    for split, examples in splits.items():
        say(f"gold answers of {split}")
        checks.append(_gold(pack, engine, split, examples))
    say("hostile inputs")
    checks.append(_hostile(pack, engine, splits))
    say("leaks")
    checks.append(_leaks(pack, splits))
    return checks


def _few_shot_examples(pack: Pack, engine: Engine) -> Check:
    """few-shot examples, each by the pack's verifier"""
    check = Check("few-shot examples")
    path = pack.folder / "fewshot.jsonl"
    try:
        shots = pack.shots
        verdicts = pack.verify_batch(engine, [(shot.example, Completion(shot.completion)) for shot in shots])
    except ConfigError as error:
        check.problems.append(str(error))
        return check
    check.checked = len(shots)
    for shot, verdict in zip(shots, verdicts, strict=True):
        if verdict.status is not Status.CORRECT:
            line = shot.example.id.rpartition("-")[2]
            check.problems.append(f"{path}:{line}: the verifier says {verdict.status}: {verdict.reason}")
    if pack.task.prompt.shots > len(shots):
        check.problems.append(f"{path}: [prompt] shots = {pack.task.prompt.shots}, but there are {len(shots)}")
    return check


def _cases(pack: Pack, engine: Engine) -> Check:
    """labelled cases, each by the pack's verifier"""
    check = Check("labelled cases")
    path = pack.folder / "cases.jsonl"
    try:
        cases = pack.cases
        verdicts = pack.verify_batch(engine, [(case.example, case.completion) for case in cases])
    except ConfigError as error:
        check.problems.append(str(error))
        return check
    check.checked = len(cases)
    for case, verdict in zip(cases, verdicts, strict=True):
        if verdict.status is not case.expected:
            why = f" ({case.why})" if case.why else ""
            check.problems.append(
                f"{path}:{case.line}: expected {case.expected}, the verifier says {verdict.status}: {verdict.reason}{why}"
            )
        elif case.score is not None and abs(verdict.score - case.score) > 1e-9:
            check.problems.append(f"{path}:{case.line}: expected score {case.score}, got {verdict.score}")
    return check


def _data(pack: Pack, mirror: str | None) -> tuple[dict[str, list[Example]], Check]:
    check = Check("data")
    splits = {}
    for name in split_names(pack):
        try:
            split = load_split(pack, name, mirror)
        except ConfigError as error:
            if str(error) not in check.problems:  # what is wrong with one split is often wrong with the other
                check.problems.append(str(error))
            continue
        splits[name] = split.examples
        if split.substituted:
            check.name = f"data (a substitute: {split.origin['dataset']})"
        check.checked += len(split.examples)
        try:
            for make in (messages, plain):
                make(pack, split.examples[0], _shots(pack)[:1])
        except ConfigError as error:
            if str(error) not in check.problems:
                check.problems.append(str(error))
        unknown = {example.category for example in split.examples} - set(pack.task.categories)
        if pack.task.categories and unknown and not split.substituted:
            check.problems.append(
                f"split {name!r} has categories that [categories] doesn't name: {sorted(unknown)[:5]}"
            )
        doubled = [id_ for id_, count in Counter(example.id for example in split.examples).items() if count > 1]
        if doubled:
            check.problems.append(f"split {name!r}: {len(doubled)} ids stand twice, such as {doubled[0]!r}")
    return splits, check


def _gold(pack: Pack, engine: Engine, split: str, examples: list[Example]) -> Check:
    """Each gold answer, written as an answer, must be correct against itself."""
    check = Check(f"gold answers of {split}", len(examples))
    try:
        written = [(example, gold_completion(pack, example)) for example in examples]
    except ConfigError as error:
        check.problems.append(str(error))
        return check
    pairs = [(example, completion) for example, completion in written if completion is not None]
    check.checked = len(pairs)
    wrong = [
        (example, verdict)
        for (example, _), verdict in zip(pairs, pack.verify_batch(engine, pairs), strict=True)
        if verdict.status is not Status.CORRECT
    ]
    positions = {example.id: index for index, example in enumerate(examples)} if wrong else {}
    for example, verdict in wrong:
        where = place(pack, split, positions[example.id])
        check.problems.append(
            f"{where}: gold answer {example.gold!r:.80} of {example.id}: {verdict.status}: {verdict.reason}"
        )
    return check


def _hostile(pack: Pack, engine: Engine, splits: dict[str, list[Example]]) -> Check:
    """What answers nothing is not correct, is no error, and is refused in time; also written as answers are."""
    check = Check("hostile inputs")
    chosen: dict[tuple[str, str, str], Example] = {}
    for example in (example for examples in splits.values() for example in examples):
        chosen.setdefault((example.pack, example.verifier, example.category), example)
    for example in list(chosen.values())[:MAX_HOSTILE]:
        try:
            gold, written = gold_completion(pack, example), gold_completion(pack, replace(example, gold="\0"))
        except ConfigError:  # reported with the gold answers, as are those that the verifier refuses
            gold, written = None, None
        if gold and pack.submit(engine, example, gold).result().status is not Status.CORRECT:
            continue
        wrap = written.text.replace("\0", "{}") if written else ""
        texts = hostile_inputs("" if wrap == "{}" else wrap)
        verdicts = pack.verify_batch(engine, [(example, Completion(text)) for text in texts])
        check.checked += len(texts)
        for text, verdict in zip(texts, verdicts, strict=True):
            problem = misjudged(pack.verifier_for(example), verdict)
            if problem:
                check.problems.append(f"{example.id}: {name_of(text)}: {problem}")
    return check


def _leaks(pack: Pack, splits: dict[str, list[Example]]) -> Check:
    """No test question stands in the training split or among the few-shot examples."""
    check = Check("no leaks into test")
    test = {_normal(example.question): example.id for example in splits.get("test", [])}
    check.checked = len(test)
    for shot in _shots(pack):
        if _normal(shot.example.question) in test:
            line = shot.example.id.rpartition("-")[2]
            check.problems.append(f"{pack.folder / 'fewshot.jsonl'}:{line}: this question stands in the test split")
    shared = {_normal(e.question) for e in splits.get("train", [])} & set(test)
    if shared:
        check.problems.append(f"{len(shared)} test questions stand in the training split, such as {test[min(shared)]}")
    check.notes += _near_leaks(pack, splits)
    return check


def _near_leaks(pack: Pack, splits: dict[str, list[Example]]) -> list[str]:
    """Test questions that share eight words in a row with others: worth a look, and often a phrase that all use."""
    tests, train = splits.get("test", []), [example.question for example in splits.get("train", [])]
    if not tests or not train:
        return []
    notes = []
    shots = [shot.example.question for shot in _shots(pack)]
    for where, questions in (("the training split", train), ("few-shot examples", shots)):
        # Phrases that many training questions have are a template's, in few-shot examples too.
        common = train if where == "few-shot examples" else []
        similar = overlap([example.question for example in tests], questions, common).similar
        if similar:
            position, words = similar[0]
            notes.append(
                f"{len(similar)} of {len(tests)} test questions share eight words in a row with {where}, "
                f"such as {tests[position].id}: {words!r}"
            )
    return notes


def _shots(pack: Pack) -> list[Shot]:
    """The few-shot examples, or none where they can't be read, which `_few_shot_examples` reports."""
    try:
        return pack.shots
    except ConfigError:
        return []


def _normal(text: str) -> str:
    return re.sub(r"[^\w+*/=<>^-]+", " ", text.casefold()).strip()
