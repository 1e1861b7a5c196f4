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
    """How to sample: `n` completions a prompt, of at most `max_tokens`. A `temperature` of 0 is greedy."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    n: int = 1
    stop: Sequence[str] = ()
    seed: int | None = None


class Generator(Protocol):
    """A back end with a model's present weights."""

    name: str

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        """Generate for every prompt; `on_done` is called as soon as a prompt's completions are finished."""


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Inside, random numbers follow from `seed`, if there is one; outside, torch's state is as it was.

    An evaluation must not change the training around it.
    """
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
    completions: dict[int, list[Completion]] = {}
    generator.generate(prompts, sampling, completions.__setitem__)
    return [completions[index] for index in range(len(prompts))]
