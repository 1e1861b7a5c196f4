"""Generates with transformers' `model.generate`, which needs no vLLM."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlvr.runner.generation.backend import OnDone, Sampling, Tokens, cut_at, seeded
from rlvr.verifiers.types import Completion


@dataclass
class TransformersGenerator:
    """`model.generate` in batches of prompts of like length, so that padding is small."""

    model: Any
    tokenizer: Any
    batch_size: int = 32  # completions at once
    name: str = field(default="transformers", init=False)

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        was_training = self.model.training
        self.model.eval()
        try:
            with seeded(sampling.seed):
                order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
                size = max(1, self.batch_size // sampling.n)
                for start in range(0, len(order), size):
                    batch = order[start : start + size]
                    for index, completions in zip(
                        batch, self._batch([prompts[i] for i in batch], sampling), strict=True
                    ):
                        on_done(index, completions)
        finally:
            self.model.train(was_training)

    def _batch(self, prompts: Sequence[Tokens], sampling: Sampling) -> Iterator[list[Completion]]:
        import torch
        from transformers import GenerationConfig

        from rlvr.runner.shared_prefix.generation import generate_from_shared_prompts

        pad, eos = self.tokenizer.pad_token_id, self._eos()
        width = max(map(len, prompts))
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        greedy = sampling.temperature == 0
        config = GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            do_sample=not greedy,
            temperature=None if greedy else sampling.temperature,
            top_p=None if greedy else sampling.top_p,
            top_k=None if greedy else 0,
            num_return_sequences=sampling.n,
            pad_token_id=pad,
            eos_token_id=eos,
        )
        with torch.no_grad():
            out = generate_from_shared_prompts(
                self.model.generate,
                self.model,
                input_ids=ids,
                attention_mask=mask,
                generation_config=config,
                stopping_criteria=[self._stop_at(sampling.stop, width)] if sampling.stop else None,
            )
        rows = out[:, width:].tolist()
        for start in range(0, len(rows), sampling.n):
            yield [self._completion(row, eos, sampling) for row in rows[start : start + sampling.n]]

    def _stop_at(self, words: Sequence[str], prompt_width: int) -> Callable[..., Any]:
        """A stopping criterion: a sequence is done when it ends in a stop word, (B, T) token ids -> (B,) booleans.

        (Transformers' own `stop_strings` fails with tokenizers of single characters.)
        """
        import torch

        window = max(map(len, words)) + 1  # a token is a character at least

        def done(ids: Any, scores: Any, **_: Any) -> Any:
            ends = self.tokenizer.batch_decode(ids[:, max(prompt_width, ids.shape[1] - window) :])
            return torch.tensor([any(word in end for word in words) for end in ends], device=ids.device)

        return done

    def _completion(self, tokens: Tokens, eos: Tokens, sampling: Sampling) -> Completion:
        ends = [i for i, token in enumerate(tokens) if token in eos]
        kept = tokens[: ends[0] + 1] if ends else tokens
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        cut = cut_at(text, sampling.stop)
        stopped = bool(ends) or len(cut) < len(text)
        return Completion(cut, tuple(kept), (), "stop" if stopped else "length")

    def _eos(self) -> Tokens:
        declared = self.model.generation_config.eos_token_id
        declared = [declared] if isinstance(declared, int) else list(declared or [])
        return [*{self.tokenizer.eos_token_id, *declared}]
