"""`rlvr eval`: measure a model on a pack, without training."""

import json
import math
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from rlvr.errors import ConfigError, ExitCode
from rlvr.files import require_writable
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.setup import prepare_threads, prepare_vllm, quiet_libraries
from rlvr.tasks.pack import load_pack


def evaluate(
    pack: str,
    /,
    *,
    model: str = "",
    questions: Annotated[int, Parameter(name=["-n", "--questions"])] = 0,
    samples: Annotated[int, Parameter(name=["-k", "--samples"])] = 1,
    shots: str | None = None,
    draw_shots: bool = False,
    split: str = "test",
    max_tokens: int = 0,
    temperature: float | None = None,
    backend: Literal["auto", "vllm", "transformers"] = "auto",
    seed: int = 0,
    hub_mirror: str = "",
    output: Path | None = None,
    min_accuracy: float | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Measure a model on a pack: accuracy strict and lenient, pass@k, per category, with 95 % intervals.

    Examples:

        rlvr eval gsm8k --model smollm2-135m -n 200
        rlvr eval gsm8k --model runs/RUN/best -k 4 --shots 8
        rlvr eval gsm8k --shots 0,2,4,8
        rlvr eval addition --model tiny --json

    Intervals are Wilson's with one sample a question, and bootstrapped
    over questions with more. pass@k is the unbiased estimate. Verdicts that
    are failures of ours are left out, and counted.

    Parameters
    ----------
    pack
        A folder with a task.toml, or the name of an installed pack.
    model
        A hub id, a local folder (a run's checkpoint), or a short name (default: the default model).
    questions
        How many questions, drawn with the seed; 0 asks all.
    samples
        Completions of each question; with more than one, pass@k up to that k.
    shots
        Few-shot examples in each prompt (default: as the pack says); several numbers, such as 0,2,4,8, are compared.
    draw_shots
        Each prompt draws its own few-shot examples; else all have the pack's first ones.
    split
        The split that is asked.
    max_tokens
        Tokens that a completion may have; 0 takes the pack's number.
    temperature
        Default: 0 (greedy) with one sample, 1 with more.
    backend
        What generates completions. auto takes vLLM where it is installed.
    seed
        Of the choice of questions and of sampling.
    hub_mirror
        A folder with copies of hub data sets (default: RLVR_HUB_MIRROR).
    output
        Where the summary goes, with the completions beside it as .jsonl (default: eval-PACK-MODEL-TIME.json here).
    min_accuracy
        Exit with 1 if the strict accuracy is below this.
    json_
        Print the summary as one JSON object on stdout.
    """
    from rlvr.runner.evaluation.evaluate import evaluate as measure
    from rlvr.runner.evaluation.summary import save
    from rlvr.runner.generation import models
    from rlvr.runner.generation.backend import Sampling
    from rlvr.runner.settings.resolve import resolve
    from rlvr.runner.training import plan as train
    from rlvr.tasks.shots import Shots, ShotSchedule
    from rlvr.tasks.splits import load_split
    from rlvr.verifiers.engine.engine import Engine

    for name, value, least, most in (
        ("-n", questions, 0, math.inf), ("-k", samples, 1, math.inf),
        ("--max-tokens", max_tokens, 0, math.inf), ("--temperature", temperature, 0, 100),
        ("--min-accuracy", min_accuracy, 0, 1),
    ):  # fmt: skip
        if value is not None and not least <= value <= most:
            wanted = f"at least {least}" if most == math.inf else f"a number from {least} to {most}"
            raise ConfigError(f"{name} {value}: expected {wanted}")
    view = View(quiet=False)
    loaded = load_pack(pack, check=True)  # a wrong verifier is reported before a model is loaded
    flags = {"model": model or None, "backend": backend, "hub_mirror": hub_mirror or None}
    config = resolve(loaded, "", None, flags)
    sweep = [
        Shots.of(loaded, ShotSchedule.constant(count), drawn=draw_shots, seed=seed)
        for count in (_numbers(shots) if shots is not None else [config.eval_shots or 0])
    ]
    train.require_training_stack()
    quiet_libraries()
    data = load_split(loaded, split, config.hub_mirror)
    if data.substituted:
        view.warn(f"no hub, no mirror: {data.origin['instead_of']} is replaced by {data.origin['dataset']}")
    examples = data.examples
    if questions:
        examples = random.Random(seed).sample(examples, min(questions, len(examples)))
    found = models.resolve(config.model or models.default_model(), view.say)
    heat = temperature if temperature is not None else (0.0 if samples == 1 else 1.0)
    sampling = Sampling(
        max_tokens or config.eval_max_tokens or 0, heat, n=samples, stop=loaded.task.prompt.stop, seed=seed
    )
    path = output or Path(f"eval-{loaded.name}-{found.name}-{time.strftime('%Y%m%d-%H%M%S')}.json")
    name = path.name.removesuffix(".json")
    require_writable(path.parent / f"{name}.jsonl", f"--output {path}")
    generator, tokenizer, context = _generator(train, found, config.model, backend, view)
    summaries = []
    for chosen in sweep:
        with Engine() as engine, view.progress("answering", len(examples)) as progress:
            summary, answered = measure(
                loaded, examples, generator, tokenizer, engine,
                shots=chosen, sampling=sampling, context=context, progress=progress,
            )  # fmt: skip
        summary = replace(summary, pack=loaded.name, model=found.name, split=split, origin=dict(data.origin), seed=seed)
        view.evaluation(f"of {found.name} on {loaded.name}", summary, answered)
        own = name if len(sweep) == 1 else f"{name}-{chosen.schedule.last}-shots"
        try:
            view.say(f"written: {save(path.parent, own, summary, answered)}")
        except OSError as error:
            raise ConfigError(f"--output {path}: can't write there: {error.strerror}") from None
        summaries.append(summary)
    if len(sweep) > 1:
        view.sweep(summaries)
    tables = [summary.as_json() for summary in summaries]
    if json_:
        print(json.dumps(tables[0] if len(sweep) == 1 else {"sweep": tables}))
    accuracies = [summary.strict.accuracy for summary in summaries]
    below = min_accuracy is not None and any(a is None or a < min_accuracy for a in accuracies)
    return ExitCode.FAILED if below else ExitCode.OK


def _numbers(text: str) -> list[int]:
    """`0,2,4` as numbers. Raises ConfigError."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [-1]
    if min(found) < 0 or len(set(found)) < len(found):
        raise ConfigError(
            f"--shots {text}: expected a number, or different numbers with commas between, such as 0,2,4,8"
        )
    return found


def _generator(train: Any, model: Any, name: str | None, backend: str, view: View) -> tuple[Any, Any, int]:
    """(generator, tokenizer, context)"""
    from rlvr.runner.generation import models, vllm_backend
    from rlvr.runner.generation.transformers_backend import TransformersGenerator
    from rlvr.runner.settings.trl_config import has_bfloat16

    chosen = train.choose_backend(backend, name)
    if chosen == "vllm":
        prepare_vllm()
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer, context = models.tokenizer_and_context(model)
    view.say(f"loading {model.name} ({model.origin}) with {chosen}")
    if chosen == "vllm":
        llm = vllm_backend.start(str(model.path), min(context, 4096), 128)
        return vllm_backend.VllmGenerator(llm), tokenizer, min(context, 4096)
    dtype = torch.bfloat16 if has_bfloat16() else torch.float32
    loaded = AutoModelForCausalLM.from_pretrained(model.path, dtype=dtype)
    if torch.cuda.is_available():
        loaded = loaded.to("cuda")
    elif models.is_tiny(loaded):
        prepare_threads(tiny=True)
        loaded = loaded.float()
    return TransformersGenerator(loaded, tokenizer, batch_size=64), tokenizer, context
