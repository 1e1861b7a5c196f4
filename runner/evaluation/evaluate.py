"""Measures a model on a pack: asks it questions and verifies its answers."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.summary import Summary, summarize
from rlvr.runner.generation.backend import Generator, Sampling
from rlvr.runner.generation.prompts import require_fit, tokenize
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.tasks.pack import Pack
from rlvr.tasks.shots import Shots
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Verdict

Progress = Callable[[int], None]  # questions answered since the last call


def evaluate(
    pack: Pack,
    examples: Sequence[Example],
    generator: Generator,
    tokenizer: Any,
    engine: Engine,
    *,
    shots: Shots,
    sampling: Sampling,
    context: int,
    progress: Progress = lambda _: None,
    processes: Processes = ALONE,
) -> tuple[Summary, list[Answered]]:
    """Ask the model `examples`, and verify what it answers while the rest still generates.

    `context` is how many tokens the model can attend to. Several processes share the questions; all get the summary and
    everything that was answered. Raises ConfigError if a prompt doesn't fit the context.
    """
    start = time.perf_counter()
    examples = processes.share(list(examples))
    prompts = tokenize([shots.prompt(example, tokenizer) for example in examples], tokenizer)
    longest = max(map(len, prompts), default=0)
    require_fit(longest, sampling.max_tokens, context)
    waiting: dict[int, tuple[list[Completion], list[Future[Verdict]], list[Future[Verdict]]]] = {}

    def on_done(index: int, completions: list[Completion]) -> None:
        example = examples[index]
        strict = [pack.submit(engine, example, completion) for completion in completions]
        lenient = (
            [pack.submit(engine, example, completion, lenient=True) for completion in completions]
            if pack.lenients
            else []
        )
        waiting[index] = (completions, strict, lenient)
        progress(processes.count)

    generator.generate(prompts, sampling, on_done)
    generated = time.perf_counter() - start
    own_answered = []
    for index, example in enumerate(examples):
        completions, strict, lenient = waiting[index]
        own_answered.append(Answered(example, completions, [f.result() for f in strict], [f.result() for f in lenient]))
    answered = processes.gather(own_answered)
    tokens = sum(len(completion.tokens) for question in answered for completion in question.completions)
    summary = replace(
        summarize(answered),
        shots=shots.schedule.last,
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
        backend=generator.name,
        verifier=pack.spec(),
        longest_prompt_tokens=longest,
        completion_tokens=tokens,
        tokens_per_second=round(tokens / generated, 1),
        seconds=round(time.perf_counter() - start, 2),
    )
    return summary, answered
