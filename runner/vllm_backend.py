"""vLLM: how it is started (GPU or its CPU build), how it generates, and how it gets the trainer's weights.

The CPU build repacks weights after loading, so TRL's parameter-by-parameter sync fails there; `reload_weights` takes
them through the loader again.
"""

import importlib.util
import os
from collections.abc import Iterable, Sequence
from typing import Any

from rlvr.runner.generation import OnDone, Sampling, Tokens, seeded
from rlvr.verifiers.types import Completion


def available() -> bool:
    return importlib.util.find_spec("vllm") is not None


def prepare_environment() -> None:
    """Set what vLLM reads when it is imported; what the user has set stands."""
    defaults = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process, so that its weights can be replaced
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else it pins the trainer's threads too
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_NO_USAGE_STATS": "1",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def is_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def start(path: str, max_model_len: int, max_num_seqs: int, seed: int = 0, **options: Any) -> Any:
    """A vllm.LLM for the model in folder `path`, in this process.

    Log-probabilities are those of the distribution that was sampled from (`processed_logprobs`).
    """
    prepare_environment()
    from vllm import LLM

    if is_cpu():
        # Compiling takes longer than it saves in short runs, and needs Triton.
        options = {"enforce_eager": True, "dtype": "bfloat16", **options}
    return LLM(
        model=path,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        seed=seed,
        enable_prefix_caching=True,
        logprobs_mode="processed_logprobs",
        disable_log_stats=True,
        use_tqdm_on_load=False,
        **options,
    )


def load_weights(llm: Any, named_parameters: Iterable[tuple[str, Any]]) -> None:
    """Give the LLM new weights; what it had cached of the old ones is dropped."""
    runner = llm.llm_engine.model_executor.driver_worker.model_runner
    if is_cpu():
        runner.reload_weights(weights_iterator=named_parameters)
    else:
        for item in named_parameters:
            runner.model.load_weights([item])
    llm.reset_prefix_cache()


class VllmGenerator:
    """Steps the engine itself, so that a completion is handed on as soon as it is finished."""

    name = "vllm"

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        parameters = SamplingParams(
            n=sampling.n,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stop=list(sampling.stop) or None,
            output_kind=RequestOutputKind.FINAL_ONLY,  # all n completions of a prompt together
        )
        engine = self.llm.llm_engine
        for index, tokens in enumerate(prompts):
            engine.add_request(str(index), {"prompt_token_ids": list(tokens)}, parameters)
        try:
            # Not a seed for each request: the CPU build fails on it, and equal seeds correlate prompts.
            with seeded(sampling.seed):
                while engine.has_unfinished_requests():
                    for output in engine.step():
                        if output.finished:
                            on_done(int(output.request_id), [_completion(one) for one in output.outputs])
        except BaseException:
            engine.abort_request([str(index) for index in range(len(prompts))])
            raise


def _completion(output: Any) -> Completion:
    finish = "length" if output.finish_reason == "length" else "stop"
    return Completion(output.text, tuple(output.token_ids), (), finish)
