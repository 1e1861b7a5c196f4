"""vLLM: how it is started (GPU or its CPU build), how it generates, and how it gets the trainer's weights.

The CPU build repacks weights after loading, so TRL's parameter-by-parameter sync fails there; `reload_weights` takes
them through the loader again.
"""

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rlvr.runner.generation.backend import OnDone, Sampling, Tokens, seeded
from rlvr.runner.process.setup import prepare_vllm
from rlvr.verifiers.types import Completion


def available() -> bool:
    """Whether vLLM is installed."""
    return importlib.util.find_spec("vllm") is not None


def is_cpu() -> bool:
    """Whether vLLM is its CPU build."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def start(path: str, max_model_len: int, max_num_seqs: int, seed: int = 0, **options: Any) -> Any:
    """A vllm.LLM for the model in folder `path`, in this process.

    Log-probabilities are those of the distribution that was sampled from (`processed_logprobs`).
    """
    prepare_vllm()
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


def generate(llm: Any, prompts: Sequence[Any], parameters: Any, on_done: Callable[[int, Any], None]) -> list[Any]:
    """Like `llm.generate`, but `on_done(index, output)` is called as soon as a prompt's completions are finished.

    `prompts` are as vLLM's engine takes them, `parameters` its SamplingParams; returns its RequestOutputs in order.
    """
    from vllm.sampling_params import RequestOutputKind

    parameters.output_kind = RequestOutputKind.FINAL_ONLY  # all completions of a prompt together
    engine = llm.llm_engine
    outputs: dict[int, Any] = {}
    for index, prompt in enumerate(prompts):
        engine.add_request(str(index), prompt, parameters)
    try:
        while engine.has_unfinished_requests():
            for output in engine.step():
                if output.finished:
                    outputs[int(output.request_id)] = output
                    on_done(int(output.request_id), output)
    except BaseException:
        engine.abort_request([str(index) for index in range(len(prompts))])
        raise
    return [outputs[index] for index in range(len(prompts))]


class VllmGenerator:
    """`Generator` with vLLM."""

    name = "vllm"

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        from vllm import SamplingParams

        parameters = SamplingParams(
            n=sampling.n,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stop=list(sampling.stop) or None,
        )
        inputs = [{"prompt_token_ids": list(tokens)} for tokens in prompts]
        # Not a seed for each request: the CPU build fails on it, and equal seeds correlate prompts.
        with seeded(sampling.seed):
            generate(
                self.llm, inputs, parameters, lambda index, out: on_done(index, [_completion(o) for o in out.outputs])
            )


def _completion(output: Any) -> Completion:
    finish = "length" if output.finish_reason == "length" else "stop"
    return Completion(output.text, tuple(output.token_ids), (), finish)
