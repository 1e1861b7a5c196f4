"""Measures a model on a pack: asks it questions and verifies its answers."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Evaluator:
    """Asks a model questions of a pack, and verifies what it answers while the rest still generates.

    `context` is how many tokens the model can attend to; `tokenizer` is its tokenizer of transformers. Several processes
    share the questions.
    """

    pack: Pack
    shots: Shots
    tokenizer: Any
    context: int
    engine: Engine
    processes: Processes = ALONE

    def evaluate(
        self,
        examples: Sequence[Example],
        generator: Generator,
        sampling: Sampling,
        progress: Progress = lambda _: None,
    ) -> tuple[Summary, list[Answered]]:
        """The figures of all `examples`, and what was answered: the same in every process.

        Raises ConfigError if a prompt doesn't fit the context.
        """
        start = time.perf_counter()
        own_examples = self.processes.share(list(examples))
        prompts = tokenize([self.shots.prompt(example, self.tokenizer) for example in own_examples], self.tokenizer)
        longest = max(map(len, prompts), default=0)
        require_fit(longest, sampling.max_tokens, self.context)
        waiting: dict[int, tuple[list[Completion], list[Future[Verdict]], list[Future[Verdict]]]] = {}

        def on_done(index: int, completions: list[Completion]) -> None:
            example = own_examples[index]
            waiting[index] = (
                completions,
                self._submit(example, completions, lenient=False),
                self._submit(example, completions, lenient=True) if self.pack.lenients else [],
            )
            progress(self.processes.count)

        generator.generate(prompts, sampling, on_done)
        generated = time.perf_counter() - start
        own_answered = []
        for index, example in enumerate(own_examples):
            completions, strict, lenient = waiting[index]
            own_answered.append(
                Answered(example, completions, [f.result() for f in strict], [f.result() for f in lenient])
            )
        answered = self.processes.gather(own_answered)
        tokens = sum(len(completion.tokens) for question in answered for completion in question.completions)
        summary = replace(
            summarize(answered),
            shots=self.shots.schedule.last,
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            backend=generator.name,
            verifier=self.pack.spec(),
            longest_prompt_tokens=longest,
            completion_tokens=tokens,
            tokens_per_second=round(tokens / generated, 1),
            seconds=round(time.perf_counter() - start, 2),
        )
        return summary, answered

    def _submit(self, example: Example, completions: Sequence[Completion], *, lenient: bool) -> list[Future[Verdict]]:
        return [self.pack.submit(self.engine, example, completion, lenient=lenient) for completion in completions]
