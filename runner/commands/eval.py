"""`rlvr eval`: measure a model on a pack, without training."""

import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from rlvr.errors import ConfigError, ExitCode
from rlvr.files import require_writable, writing
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.setup import prepare_libraries
from rlvr.tasks.pack import Pack, load_pack

if TYPE_CHECKING:
    from rlvr.runner.evaluation.answers import Answered
    from rlvr.runner.evaluation.summary import Summary
    from rlvr.tasks.pack import Split
    from rlvr.tasks.shots import Shots


@Parameter(name="*", group=Group.create_ordered("Questions"))
@dataclass(frozen=True, kw_only=True)
class QuestionFlags:
    """What the model is asked."""

    questions: Annotated[int, Parameter(name=["-n", "--questions"])] = 0
    """How many questions, drawn with the seed; 0 asks all."""
    split: str = "test"
    """The split whose questions are asked."""
    shots: str | None = None
    """Few-shot examples in each prompt (default: as the pack says); several numbers, such as 0,2,4,8, are compared."""
    draw_shots: bool = False
    """Draw new few-shot examples for each prompt; otherwise all prompts have the pack's first ones."""
    seed: int = 0
    """Of the choice of questions and of sampling."""
    hub_mirror: str = ""
    """A folder with copies of hub data sets (default: RLVR_HUB_MIRROR)."""


@Parameter(name="*", group=Group.create_ordered("Sampling"))
@dataclass(frozen=True, kw_only=True)
class SamplingFlags:
    """How completions are generated."""

    samples: Annotated[int, Parameter(name=["-k", "--samples"])] = 1
    """Completions of each question; with more than one, pass@k up to that k."""
    temperature: float | None = None
    """Default: 0 (greedy) with one sample, 1 with more."""
    max_tokens: int = 0
    """Tokens that a completion may have; 0 takes the pack's number."""
    backend: Literal["auto", "vllm", "transformers"] = "auto"
    """What generates completions. auto takes vLLM if it is installed."""


@Parameter(name="*", group=Group.create_ordered("Output"))
@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Where the figures go, and what they must reach."""

    output: Path | None = None
    """Where the summary goes, with the completions beside it as .jsonl (default: eval-PACK-MODEL-TIME.json here)."""
    min_accuracy: float | None = None
    """Exit with 1 if the strict accuracy is below this."""
    json_: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False
    """Print the summary as one JSON object on stdout."""


def evaluate(
    pack: str,
    /,
    *,
    model: str = "",
    asked: QuestionFlags = QuestionFlags(),
    sampled: SamplingFlags = SamplingFlags(),
    output: OutputFlags = OutputFlags(),
) -> int:
    """Measure a model on a pack: accuracy strict and lenient, pass@k, per category, with 95 % intervals.

    Examples:

        rlvr eval gsm8k --model smollm2-135m -n 200
        rlvr eval gsm8k --model runs/RUN/best -k 4 --shots 8
        rlvr eval gsm8k --shots 0,2,4,8
        rlvr eval addition --model tiny --json

    Intervals are Wilson's with one sample a question, and bootstrapped
    over questions with more. pass@k is the unbiased estimate. Verdicts that
    are infrastructure errors are left out, and counted.

    Parameters
    ----------
    pack
        A folder with a task.toml, or the name of an installed pack.
    model
        A hub id, a local folder (a run's checkpoint), or a short name (default: the default model).
    """
    from rlvr.runner.evaluation.evaluate import Evaluator
    from rlvr.runner.evaluation.load import load_generator
    from rlvr.runner.generation import models
    from rlvr.runner.generation.backend import Sampling
    from rlvr.runner.settings.resolve import resolve
    from rlvr.runner.training.plan import require_training_stack
    from rlvr.verifiers.engine.engine import Engine

    _require_in_range(asked, sampled, output)
    view = View()
    loaded = load_pack(pack, check=True)  # a wrong verifier is reported before a model is loaded
    given = {"model": model or None, "backend": sampled.backend, "hub_mirror": asked.hub_mirror or None}
    config = resolve(loaded, "", None, given)
    sweep = _sweep(loaded, asked, config.eval_shots or 0)
    require_training_stack()
    prepare_libraries()
    data = _data(loaded, asked, config.hub_mirror, view)
    chosen = models.resolve(config.model or models.default_model(), view.say)
    path = output.output or Path(f"eval-{loaded.name}-{chosen.name}-{time.strftime('%Y%m%d-%H%M%S')}.json")
    name = path.name.removesuffix(".json")
    require_writable(path.parent / f"{name}.jsonl", f"--output {path}")
    generator, tokenizer, context = load_generator(chosen, config.model, sampled.backend, view.say)
    heat = sampled.temperature if sampled.temperature is not None else (0.0 if sampled.samples == 1 else 1.0)
    tokens, stop = sampled.max_tokens or config.eval_max_tokens or 0, loaded.task.prompt.stop
    sampling = Sampling(tokens, heat, n=sampled.samples, stop=stop, seed=asked.seed)
    summaries = []
    for shots in sweep:
        with Engine() as engine, view.progress("answering", len(data.examples)) as progress:
            evaluator = Evaluator(loaded, shots, tokenizer, context, engine)
            summary, answered = evaluator.evaluate(data.examples, generator, sampling, progress)
        summary = replace(
            summary, pack=loaded.name, model=chosen.name, split=asked.split, origin=dict(data.origin), seed=asked.seed
        )
        view.evaluation(f"of {chosen.name} on {loaded.name}", summary, answered)
        _save(path, name if len(sweep) == 1 else f"{name}-{shots.schedule.last}-shots", summary, answered, view)
        summaries.append(summary)
    if len(sweep) > 1:
        view.sweep(summaries)
    if output.json_:
        tables = [summary.as_json() for summary in summaries]
        print(json.dumps(tables[0] if len(sweep) == 1 else {"sweep": tables}))
    accuracies = [summary.strict.accuracy for summary in summaries]
    least = output.min_accuracy
    below = least is not None and any(accuracy is None or accuracy < least for accuracy in accuracies)
    return ExitCode.FAILED if below else ExitCode.OK


def _require_in_range(asked: QuestionFlags, sampled: SamplingFlags, output: OutputFlags) -> None:
    """Raises ConfigError for a number that is out of its range."""
    for name, value, least, most in (
        ("-n", asked.questions, 0, math.inf), ("-k", sampled.samples, 1, math.inf),
        ("--max-tokens", sampled.max_tokens, 0, math.inf), ("--temperature", sampled.temperature, 0, 100),
        ("--min-accuracy", output.min_accuracy, 0, 1),
    ):  # fmt: skip
        if value is not None and not least <= value <= most:
            wanted = f"at least {least}" if most == math.inf else f"a number from {least} to {most}"
            raise ConfigError(f"{name} {value}: expected {wanted}")


def _sweep(pack: Pack, asked: QuestionFlags, default: int) -> "list[Shots]":
    """The few-shot examples of each evaluation. Raises ConfigError for more than the pack has."""
    from rlvr.tasks.shots import Shots, ShotSchedule

    counts = [default] if asked.shots is None else _numbers(asked.shots)
    return [Shots.of(pack, ShotSchedule.constant(count), drawn=asked.draw_shots, seed=asked.seed) for count in counts]


def _numbers(text: str) -> list[int]:
    """`0,2,4` as numbers. Raises ConfigError for anything else, and for a number given twice."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise ConfigError(
            f"--shots {text}: expected a number, or different numbers with commas between, such as 0,2,4,8"
        )
    return numbers


def _data(pack: Pack, asked: QuestionFlags, mirror: str | None, view: View) -> "Split":
    """The examples that are asked. Raises ConfigError for a split that the pack doesn't have."""
    from rlvr.tasks.splits import load_split

    data = load_split(pack, asked.split, mirror)
    if data.substituted:
        view.warn(f"no hub, no mirror: {data.origin['instead_of']} is replaced by {data.origin['dataset']}")
    if not asked.questions:
        return data
    count = min(asked.questions, len(data.examples))
    return replace(data, examples=random.Random(asked.seed).sample(data.examples, count))


def _save(path: Path, name: str, summary: "Summary", answered: "Sequence[Answered]", view: View) -> None:
    from rlvr.runner.evaluation.summary import save

    with writing(f"--output {path}"):
        view.say(f"written: {save(path.parent, name, summary, answered)}")
