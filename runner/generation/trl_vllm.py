"""TRL's vLLM, started and synchronized by `vllm_backend`, which hands completions on while others are generated."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from accelerate.utils import is_peft_model
from trl.generation.vllm_generation import VLLMGeneration

from rlvr.runner.generation import vllm_backend
from rlvr.runner.generation.adapters import merged_weights
from rlvr.runner.generation.trl_patches import complete_trl, replaced


class Vllm(VLLMGeneration):  # type: ignore[misc]
    """TRL's vLLM, started and synchronized in a way that works with the CPU build too."""

    on_done: Callable[[int, Any], None] | None = None  # gets (index of the prompt, vLLM's RequestOutput)
    measure_sync: Callable[[], AbstractContextManager[None]] = nullcontext  # runs around each transfer of weights

    def _init_vllm(self) -> None:
        complete_trl()
        if self.mode != "colocate":
            super()._init_vllm()
            return
        if vllm_backend.is_cpu():
            self.llm = vllm_backend.start(self.model.name_or_path, self.max_model_length, self.max_num_seqs)
            self._llm_weights_sleeping = False
        else:
            super()._init_vllm()
        if self.tensor_parallel_size == 1:  # else every process generates for all, and would verify for all
            self.llm.generate = self._stream

    def _stream(self, prompts: list[Any], sampling_params: Any, **_: Any) -> list[Any]:
        return vllm_backend.generate(self.llm, prompts, sampling_params, self.on_done or (lambda *_: None))

    @contextmanager
    def handing_on(self, on_tokens: Callable[[int, Sequence[int]], None]) -> Iterator[None]:
        """Inside, `on_tokens(index, tokens)` is called for each prompt's completion as soon as it is finished."""
        with replaced(self, "on_done", lambda index, output: on_tokens(index, output.outputs[0].token_ids)):
            yield

    def _iter_named_params(self) -> Iterator[tuple[str, Any]]:
        """As TRL's; an adapter is merged without a write to the base weights, if they aren't spread over processes."""
        if is_peft_model(self.model) and not self._dist.is_fsdp and not self._dist.is_zero3:
            for name, weight in merged_weights(self.model):
                yield self._fix_param_name_to_vllm(name), weight
        else:
            yield from super()._iter_named_params()

    def sync_weights(self) -> None:
        with self.measure_sync():
            if self.mode == "colocate" and vllm_backend.is_cpu():
                vllm_backend.load_weights(self.llm, self._iter_named_params())
            else:
                super().sync_weights()
