"""Evaluation with a generator that says what it is told to: figures, intervals, failures of ours, prompts that don't fit."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.intervals import wilson
from rlvr.runner.display.terminal_view import evaluation_table
from rlvr.runner.evaluation.evaluate import Evaluator
from rlvr.runner.evaluation.statistics import bootstrap, pass_at_k
from rlvr.runner.evaluation.summary import Accuracy, Summary
from rlvr.runner.generation.backend import OnDone, Sampling, Tokens
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status

TASK = """
name = "sums"
description = "Sums"
license = "CC0-1.0"
[data.generator]
sizes = { test = 1 }
[prompt]
question = "{question}="
[verifier]
name = "own"
"""
OWN_VERIFIER = """
import rlvr
from rlvr.verifiers.types import Verdict

@rlvr.verifier("own")
def verify(example, completion, *, lenient: bool = False):
    if completion.text == "ours":
        raise RuntimeError("a bug")
    if completion.text == "none":
        return Verdict.unparsed("nothing there")
    return completion.text == example.gold or (lenient and completion.text.strip() == example.gold)

"""


class Tokenizer:
    """A token a character; no chat template."""

    chat_template = None

    def __call__(self, texts: Sequence[str], *, add_special_tokens: bool) -> dict[str, list[Tokens]]:
        assert add_special_tokens
        return {"input_ids": [[ord(c) for c in text] for text in texts]}


class Told:
    """Completions by question, given out from the last question to the first."""

    name = "told"

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        for index in reversed(range(len(prompts))):
            question = "".join(map(chr, prompts[index])).rstrip("=")
            made = [
                Completion(text, (1, 2), (), "length" if text == "none" else "stop") for text in self.answers[question]
            ]
            assert len(made) == sampling.n
            on_done(index, made)


def examples(*categories: str) -> list[Example]:
    return [Example(f"test-{i}", str(i), "yes", category) for i, category in enumerate(categories)]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as made:
        yield made


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    (tmp_path / "task.toml").write_text(TASK)
    (tmp_path / "verifier.py").write_text(OWN_VERIFIER)
    return load_pack(str(tmp_path))


Ask = Callable[..., tuple[Summary, Any]]


@pytest.fixture
def ask(pack: Pack, engine: Engine) -> Ask:
    def run(given: Sequence[Example], *answers: list[str], pack: Pack = pack, context: int = 100, **more: Any) -> Any:
        told = Told({e.question: texts for e, texts in zip(given, answers, strict=True)})
        sampling = Sampling(10, 0.0, n=len(answers[0]))
        shots = Shots.of(pack, ShotSchedule.constant(0))
        return Evaluator(pack, shots, Tokenizer(), context, engine).evaluate(given, told, sampling, **more)

    return run


def test_accuracy_with_wilson(ask: Ask) -> None:
    done: list[int] = []
    given = examples("a", "a", "b", "b")
    summary, answered = ask(given, ["yes"], ["no"], ["none"], ["yes"], progress=done.append)
    assert summary.strict == Accuracy(4, 0.5, wilson(2, 4), "wilson")
    assert summary.categories["a"].strict.accuracy == 0.5
    assert summary.as_json()["statuses"] == {
        "correct": 2, "incorrect": 1, "unparsed": 1, "timeout": 0, "error": 0, "skipped": 0,
    }  # fmt: skip
    assert (summary.truncated, summary.completion_tokens, summary.longest_prompt_tokens) == (0.25, 8, 2)
    assert summary.verifier is not None
    assert (summary.backend, summary.verifier["name"]) == ("told", "own")
    assert [one.example.id for one in answered] == ["test-0", "test-1", "test-2", "test-3"]
    assert sum(done) == 4
    assert summary.lenient is None
    assert "lenient" not in summary.as_json()


def test_failures_of_ours_are_left_out_and_counted(ask: Ask) -> None:
    summary, _ = ask(examples("a", "a", "b"), ["yes"], ["ours"], ["ours"])
    assert summary.strict.questions == 1
    assert summary.strict.accuracy == 1.0
    assert summary.strict.interval == wilson(1, 1)
    assert summary.statuses[Status.ERROR] == 2
    assert summary.categories["b"].strict == Accuracy(0, None, (0.0, 1.0))
    assert "2 verdicts are infrastructure errors and left out" in str(evaluation_table("x", summary).renderables[-1])


def test_only_failures_is_no_accuracy(ask: Ask) -> None:
    summary, _ = ask(examples("a"), ["ours"])
    assert summary.strict.accuracy is None


def test_lenient(pack: Pack, ask: Ask) -> None:
    (pack.folder / "task.toml").write_text(TASK + "[lenient]\nlenient = true\n")
    summary, answered = ask(examples("a", "a"), ["yes"], [" yes"], pack=load_pack(str(pack.folder)))
    assert summary.strict.accuracy == 0.5
    assert summary.lenient is not None
    assert summary.lenient.accuracy == 1.0
    assert summary.categories["a"].lenient == summary.lenient
    assert answered[1].lenient[0].status is Status.CORRECT


def test_pass_at_k(ask: Ask) -> None:
    summary, _ = ask(examples("a", "a", "a"), ["yes"] * 4, ["yes", "no", "no", "no"], ["no"] * 4)
    strict = summary.strict
    assert strict.accuracy == pytest.approx((1 + 0.25 + 0) / 3)
    assert strict.method == "bootstrap"
    assert strict.interval == bootstrap([1, 0.25, 0])
    assert set(strict.pass_at_k) == {1, 2, 4}
    for k in (1, 2, 4):
        values = [pass_at_k(4, c, k) for c in (4, 1, 0)]
        assert strict.pass_at_k[k].value == pytest.approx(sum(values) / 3)
        assert strict.pass_at_k[k].interval == bootstrap(values)


def test_pass_at_k_goes_as_far_as_there_are_verdicts(ask: Ask) -> None:
    summary, _ = ask(examples("a", "a"), ["yes", "no", "no", "ours"], ["yes", "no", "no", "no"])
    assert set(summary.strict.pass_at_k) == {1, 2, 3}
    assert summary.samples == 4


@pytest.mark.parametrize(("context", "over"), [(12, 0), (11, 1), (2, 10)])
def test_a_prompt_that_does_not_fit(ask: Ask, context: int, over: int) -> None:
    if not over:
        ask(examples("a"), ["yes"], context=context)
        return
    with pytest.raises(ConfigError) as error:
        ask(examples("a"), ["yes"], context=context)
    assert str(error.value) == (
        f"the longest prompt has 2 tokens; with 10 for the completion that is {over} more than the context of {context}: "
        "use fewer --shots, a smaller --max-completion-length, or a model with a longer context"
    )
