"""Generates completions of tokenized prompts: one interface, two back ends, transformers and vLLM."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rlvr.verifiers.types import Completion

Tokens = list[int]
OnDone = Callable[[int, list[Completion]], None]  # (index of the prompt, its completions)


@dataclass(frozen=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `n` completions a prompt."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    n: int = 1
    stop: Sequence[str] = ()
    seed: int | None = None


class Generator(Protocol):
    """What both back ends do."""

    name: str

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        """Generate for every prompt; `on_done` is called as soon as a prompt's completions are finished."""


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Random numbers from `seed` inside, the old state outside: an evaluation must not change the training around it."""
    import torch

    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def cut_at(text: str, stop: Sequence[str]) -> str:
    """`text` up to the first of the stop strings."""
    for word in stop:
        text = text.partition(word)[0]
    return text


def generate_all(generator: Generator, prompts: Sequence[Tokens], sampling: Sampling) -> list[list[Completion]]:
    """The completions of every prompt, in order."""
    found: dict[int, list[Completion]] = {}
    generator.generate(prompts, sampling, found.__setitem__)
    return [found[i] for i in range(len(prompts))]
