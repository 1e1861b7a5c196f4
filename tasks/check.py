"""Checks a pack without a model: gold answers, few-shot examples, labelled cases, hostile inputs, the rewards of wrong
answers, leaks between splits.

It reports all problems at once, each with its file and line.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rlvr.errors import ConfigError
from rlvr.tasks.overlap import overlap
from rlvr.tasks.pack import Pack, Shot
from rlvr.tasks.prompt import gold_completion, messages, plain
from rlvr.tasks.samples import samples
from rlvr.tasks.splits import load_split, place, split_names
from rlvr.text import one_line
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.hostile_inputs import hostile_inputs, name_of
from rlvr.verifiers.testing import misjudged
from rlvr.verifiers.types import Completion, Example, Reward, Status, Verdict

MAX_PROBLEMS = 20  # of one check that are printed; the others are counted
MAX_HOSTILE = 6  # examples, of different categories and verifiers, that are answered with hostile inputs
MAX_SAMPLED, MAX_NEAR_MISSES = 12, 48  # examples and their near misses whose rewards are looked at
PENNY = 1e-9  # less is no difference of rewards
Say = Callable[[str], None]


@dataclass
class CheckResult:
    """The result of one check: the number of items checked, the problems, and what is worth knowing (`notes`)."""

    name: str
    checked: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified completion. `label` says in messages which one it is."""

    label: str
    example: Example
    completion: Completion
    verdict: Verdict


def check(pack: Pack, engine: Engine, mirror: str | None, say: Say = lambda _: None) -> list[CheckResult]:
    """The results of all checks of a pack; `say` is called with the name of each part before it runs.

    Raises ConfigError only for verifiers that can't be built, since nothing can be checked without them, and
    PrerequisiteError for data that is out of reach.
    """
    pack = pack.checked()
    results = []
    say("few-shot examples")
    answers: list[Answer] = []  # whose rewards are looked at
    results.append(_few_shot_examples(pack, engine, answers))
    say("labelled cases")
    results.append(_cases(pack, engine, answers))
    splits, data = _data(pack, mirror)
    results.append(data)
    for split, examples in splits.items():
        say(f"gold answers of {split}")
        results.append(_gold(pack, engine, split, examples))
    say("hostile inputs")
    results.append(_hostile(pack, engine, splits, answers))
    say("rewards of wrong answers")
    near_misses, problems = _near_misses(pack, engine, mirror)
    wrong = _wrong_answers(pack, engine, answers + near_misses)
    wrong.problems += [problem for problem in problems if not any(problem in result.problems for result in results)]
    results.append(wrong)
    say("leaks")
    results.append(_leaks(pack, splits))
    return results


def _few_shot_examples(pack: Pack, engine: Engine, answers: list[Answer]) -> CheckResult:
    """The pack's verifier accepts every few-shot example, and there are as many as the prompt wants."""
    result = CheckResult("few-shot examples")
    path = pack.folder / "fewshot.jsonl"
    try:
        shots = pack.shots
        verdicts = pack.verify_batch(engine, [(shot.example, Completion(shot.completion)) for shot in shots])
    except ConfigError as error:
        result.problems.append(str(error))
        return result
    result.checked = len(shots)
    for shot, verdict in zip(shots, verdicts, strict=True):
        answers.append(Answer(shot.example.id, shot.example, Completion(shot.completion), verdict))
        if verdict.status is not Status.CORRECT:
            line = shot.example.id.rpartition("-")[2]
            result.problems.append(f"{path}:{line}: the verifier says {verdict.status}: {verdict.reason}")
    if pack.task.prompt.shots > len(shots):
        result.problems.append(f"{path}: [prompt] shots = {pack.task.prompt.shots}, but there are {len(shots)}")
    return result


def _cases(pack: Pack, engine: Engine, answers: list[Answer]) -> CheckResult:
    """The pack's verifier decides every labelled case as its label says."""
    result = CheckResult("labelled cases")
    path = pack.folder / "cases.jsonl"
    try:
        cases = pack.cases
        verdicts = pack.verify_batch(engine, [(case.example, case.completion) for case in cases])
    except ConfigError as error:
        result.problems.append(str(error))
        return result
    result.checked = len(cases)
    for case, verdict in zip(cases, verdicts, strict=True):
        label = f"{path}:{case.line}: {_short(case.completion.text)}"
        answers.append(Answer(label, case.example, case.completion, verdict))
        if verdict.status is not case.expected:
            why = f" ({case.why})" if case.why else ""
            result.problems.append(
                f"{path}:{case.line}: expected {case.expected}, the verifier says {verdict.status}: {verdict.reason}{why}"
            )
        elif case.score is not None and abs(verdict.score - case.score) > 1e-9:
            result.problems.append(f"{path}:{case.line}: expected score {case.score}, got {verdict.score}")
    return result


def _data(pack: Pack, mirror: str | None) -> tuple[dict[str, list[Example]], CheckResult]:
    result = CheckResult("data")
    splits = {}
    for name in split_names(pack):
        try:
            split = load_split(pack, name, mirror)
        except ConfigError as error:
            if str(error) not in result.problems:  # splits often share a problem
                result.problems.append(str(error))
            continue
        splits[name] = split.examples
        if split.substituted:
            result.name = f"data (a substitute: {split.origin['dataset']})"
        result.checked += len(split.examples)
        try:
            for write in (messages, plain):
                write(pack, split.examples[0], _shots(pack)[:1])
        except ConfigError as error:
            if str(error) not in result.problems:
                result.problems.append(str(error))
        unknown = {example.category for example in split.examples} - set(pack.task.categories)
        if pack.task.categories and unknown and not split.substituted:
            result.problems.append(
                f"split {name!r} has categories that [categories] doesn't name: {sorted(unknown)[:5]}"
            )
        repeated = [id_ for id_, count in Counter(example.id for example in split.examples).items() if count > 1]
        if repeated:
            result.problems.append(f"split {name!r}: {len(repeated)} ids occur more than once, such as {repeated[0]!r}")
    return splits, result


def _gold(pack: Pack, engine: Engine, split: str, examples: list[Example]) -> CheckResult:
    """The pack's verifier accepts each gold answer, written as a completion."""
    result = CheckResult(f"gold answers of {split}", len(examples))
    try:
        written = [(example, gold_completion(pack, example)) for example in examples]
    except ConfigError as error:
        result.problems.append(str(error))
        return result
    pairs = [(example, completion) for example, completion in written if completion is not None]
    result.checked = len(pairs)
    wrong = [
        (example, verdict)
        for (example, _), verdict in zip(pairs, pack.verify_batch(engine, pairs), strict=True)
        if verdict.status is not Status.CORRECT
    ]
    positions = {example.id: index for index, example in enumerate(examples)} if wrong else {}
    for example, verdict in wrong:
        where = place(pack, split, positions[example.id])
        result.problems.append(
            f"{where}: gold answer {example.gold!r:.80} of {example.id}: {verdict.status}: {verdict.reason}"
        )
    return result


def _hostile(pack: Pack, engine: Engine, splits: dict[str, list[Example]], answers: list[Answer]) -> CheckResult:
    """Hostile inputs, alone and in the form of an answer, are rejected in time and without an error."""
    result = CheckResult("hostile inputs")
    chosen: dict[tuple[str, str, str], Example] = {}
    for example in (example for examples in splits.values() for example in examples):
        chosen.setdefault((example.pack, example.verifier, example.category), example)
    for example in list(chosen.values())[:MAX_HOSTILE]:
        try:
            gold, written = gold_completion(pack, example), gold_completion(pack, replace(example, gold="\0"))
        except ConfigError:  # reported with the gold answers, like those that the verifier refuses
            gold, written = None, None
        if gold and pack.submit(engine, example, gold).result().status is not Status.CORRECT:
            continue
        wrap = written.text.replace("\0", "{}") if written else ""
        texts = hostile_inputs("" if wrap == "{}" else wrap)
        verdicts = pack.verify_batch(engine, [(example, Completion(text)) for text in texts])
        result.checked += len(texts)
        for text, verdict in zip(texts, verdicts, strict=True):
            answers.append(Answer(f"{example.id}: {name_of(text)}", example, Completion(text), verdict))
            problem = misjudged(pack.verifier_for(example), verdict)
            if problem:
                result.problems.append(f"{example.id}: {name_of(text)}: {problem}")
    return result


def _near_misses(pack: Pack, engine: Engine, mirror: str | None) -> tuple[list[Answer], list[str]]:
    """Near misses of a few examples, if the pack's data.py writes them, and what went wrong with it."""
    try:
        drawn = samples(pack, MAX_SAMPLED, mirror)
    except ConfigError as error:
        return [], [str(error)]
    pairs = [(sample.example, completion) for sample in drawn for completion in sample.near_misses][:MAX_NEAR_MISSES]
    verdicts = pack.verify_batch(engine, pairs)
    return [
        Answer(f"{example.id}: near miss {_short(completion.text)}", example, completion, verdict)
        for (example, completion), verdict in zip(pairs, verdicts, strict=True)
    ], []


def _wrong_answers(pack: Pack, engine: Engine, answers: list[Answer]) -> CheckResult:
    """No wrong answer earns more than nothing: a note with the largest amount, a problem if a right one earns no more.

    What the pack's lenient verifier accepts is a right answer in another form.
    """
    result = CheckResult("wrong answers earn nothing")
    wrong = [a for a in answers if a.verdict.status is not Status.CORRECT and not a.verdict.status.masked]
    paid = [answer for answer in wrong if _gain(pack, answer) > PENNY]
    verdicts = pack.verify_batch(engine, ((answer.example, answer.completion) for answer in paid), lenient=True)
    paid = [answer for answer, verdict in zip(paid, verdicts, strict=True) if verdict.status is not Status.CORRECT]
    result.checked = len(wrong)
    if not paid:
        return result
    best = max(paid, key=lambda answer: _gain(pack, answer))
    reward, right = _reward(pack, best), _least_for_a_right_answer(pack, answers, best.example)
    amount, plain = reward.value or 0.0, _plain(pack, best.example)
    parts = ", ".join(f"{name} {part:.3g}" for name, part in reward.parts.items() if part or name == "verdict")
    message = (
        f"{len(paid)} of {len(wrong)} wrong answers earn more than {plain:.3g}, the best {amount:.3g} ({parts}); a right answer earns "
        f"{right:.3g}: {best.label}; while right answers are rare, the policy learns to earn that: pay a part only for a "
        "right answer, or leave it out of [reward]"
    )
    (result.notes if amount < right - PENNY else result.problems).append(message)
    return result


def _reward(pack: Pack, answer: Answer) -> Reward:
    return pack.reward(answer.example, answer.completion, answer.verdict)


def _gain(pack: Pack, answer: Answer) -> float:
    """What a wrong answer earns above a plain one."""
    reward = _reward(pack, answer).value
    return 0.0 if reward is None else reward - _plain(pack, answer.example)


def _plain(pack: Pack, example: Example) -> float:
    """What a wrong answer should earn: [reward] incorrect, or nothing if the pack pays for that."""
    return min(0.0, pack.reward_rule(example).incorrect)


def _least_for_a_right_answer(pack: Pack, answers: list[Answer], example: Example) -> float:
    """The least that a finished right answer of the example's pack earns; its [reward] correct if there is none."""
    rewards = [
        reward.value
        for answer in answers
        if answer.verdict.status is Status.CORRECT and answer.example.pack == example.pack
        if not answer.completion.truncated and (reward := _reward(pack, answer)).value is not None
    ]
    return min(rewards, default=pack.reward_rule(example).correct)


def _short(text: str) -> str:
    return repr(one_line(text[:200]))[:60]


def _leaks(pack: Pack, splits: dict[str, list[Example]]) -> CheckResult:
    """No test question is in the training split or among the few-shot examples."""
    result = CheckResult("no leaks into test")
    test = {_normal(example.question): example.id for example in splits.get("test", [])}
    result.checked = len(test)
    for shot in _shots(pack):
        if _normal(shot.example.question) in test:
            line = shot.example.id.rpartition("-")[2]
            result.problems.append(f"{pack.folder / 'fewshot.jsonl'}:{line}: this question is in the test split")
    shared = {_normal(e.question) for e in splits.get("train", [])} & set(test)
    if shared:
        result.problems.append(f"{len(shared)} test questions are in the training split, such as {test[min(shared)]}")
    result.notes += _near_leaks(pack, splits)
    return result


def _near_leaks(pack: Pack, splits: dict[str, list[Example]]) -> list[str]:
    """Notes on test questions that share eight words in a row with others: leaks, or a phrase that many questions use."""
    tests, train = splits.get("test", []), [example.question for example in splits.get("train", [])]
    if not tests or not train:
        return []
    notes = []
    shots = [shot.example.question for shot in _shots(pack)]
    for source, questions in (("the training split", train), ("few-shot examples", shots)):
        # Phrases of many training questions belong to a template; few-shot examples use it too.
        common = train if source == "few-shot examples" else []
        similar = overlap([example.question for example in tests], questions, common).similar
        if similar:
            position, words = similar[0]
            notes.append(
                f"{len(similar)} of {len(tests)} test questions share eight words in a row with {source}, "
                f"such as {tests[position].id}: {words!r}"
            )
    return notes


def _shots(pack: Pack) -> list[Shot]:
    """The few-shot examples; none if they can't be read, which `_few_shot_examples` reports."""
    try:
        return pack.shots
    except ConfigError:
        return []


def _normal(text: str) -> str:
    return re.sub(r"[^\w+*/=<>^-]+", " ", text.casefold()).strip()
