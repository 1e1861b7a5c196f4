"""Measures a training step with shared prompts against plain TRL of the installed version; prints a Markdown table.

    python benchmarks/step.py [--only exact,update,memory,zero,profile] [--json FILE]
    python benchmarks/step.py --only step,generation       # needs vLLM
    python benchmarks/step.py --only gpu                   # needs CUDA

Both sides are the same trainer with the same weights and the same batch in the same process, turn by turn; plain is the very
code of TRL (the trainer with sharing off). Figures of memory are each from a fresh process. With `--plain-prompts N`
plain TRL runs N of the prompts and its time is scaled up; the row says so.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

import torch

PREFIX, QUESTION, COMPLETION = 700, 60, 100  # tokens, as GSM8K with 8 few-shot examples has them


@dataclass(frozen=True)
class Shape:
    """One step's batch, in tokens."""

    prompts: int = 8
    group: int = 8
    prefix: int = PREFIX
    question: int = QUESTION
    completion: int = COMPLETION


@dataclass
class Row:
    """A line of the table: seconds, or what `unit` says; `ratio` above 1: sharing is better."""

    name: str
    plain: float
    shared: float
    target: str
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.plain / self.shared if self.shared else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", default="exact,update,memory,zero", help="parts, comma-separated: " + ", ".join(PARTS)
    )
    parser.add_argument("--repeat", type=int, default=1, help="rounds of each side")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--plain-prompts", type=int, default=0, help="prompts that plain TRL runs; 0: all")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", choices=["float32", "bf16"], default="float32", help="bf16: autocast")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument(
        "--hub-mirror", default="", help="where the gsm8k pack's data lie; else the hub or its substitute"
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # one side's memory, in a fresh process
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.child:
        print(json.dumps(_step_child(given) if given.child.startswith("step-") else _memory_child(given)))
        return
    unknown = set(given.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--only {', '.join(sorted(unknown))}: expected some of {', '.join(PARTS)}")
    print(_machine(given) + "\n")
    print("| | plain TRL | shared | ratio | target |\n|---|---:|---:|---:|---|")
    rows: list[Row] = []
    for part in given.only.split(","):
        for row in PARTS[part](given):
            rows.append(row)
            note = f" ({row.note})" if row.note else ""
            name = f"{row.name}{note}"
            print(
                f"| {name} | {row.plain:.4g} {row.unit} | {row.shared:.4g} {row.unit} | {row.ratio:.2f} | {row.target} |"
            )
            sys.stdout.flush()
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"machine": _machine(given), "rows": [asdict(row) | {"ratio": row.ratio} for row in rows]}, file)


def _machine(given: Any) -> str:
    import transformers
    import trl

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"TRL {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}, "
        f"{given.model}, {given.dtype}, {torch.get_num_threads()} threads of {os.cpu_count()} processors, {gpu}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f}"
    )


# ---- a trainer and a batch


def _trainer(model: Any, shape: Shape, given: Any, **trl: Any) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig

    from rlvr.runner.generation import tiny_model as tiny
    from rlvr.runner.shared_prefix.sharing_trainer import PrefixSharingTrainer

    fields = {
        "output_dir": tempfile.mkdtemp(), "use_cpu": not torch.cuda.is_available(), "bf16": given.dtype == "bf16",
        "report_to": "none", "save_strategy": "no", "num_generations": shape.group,
        "per_device_train_batch_size": shape.group, "gradient_accumulation_steps": shape.prompts,
        "steps_per_generation": shape.prompts, "max_completion_length": shape.completion,
        "gradient_checkpointing": False, "disable_tqdm": True, "max_steps": 10, "learning_rate": 1e-6,
    }  # fmt: skip
    trainer = PrefixSharingTrainer(  # the batch is given, and TRL trains on it
        model=model, reward_funcs=[lambda completions, **_: [0.0] * len(completions)], args=GRPOConfig(**fields | trl),
        train_dataset=Dataset.from_dict({"prompt": [""] * 64}), processing_class=tiny.build()[1],
    )  # fmt: skip
    trainer.share_prefixes(True)
    print(trainer.prefix_sharing.summary, file=sys.stderr)
    return trainer


def _model(given: Any) -> Any:
    from transformers import AutoModelForCausalLM

    from rlvr.runner.generation import models

    path = models.resolve(given.model, lambda line: print(line, file=sys.stderr)).path
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def _batch(shape: Shape, vocabulary: int, device: Any) -> dict[str, Any]:
    random = torch.Generator().manual_seed(0)

    def tokens(*size: int) -> Any:
        return torch.randint(10, vocabulary, size, generator=random)

    rows = shape.prompts * shape.group
    prompts = torch.cat([tokens(1, shape.prefix).expand(shape.prompts, -1), tokens(shape.prompts, shape.question)], 1)
    batch = {
        "prompt_ids": prompts.repeat_interleave(shape.group, 0),
        "prompt_mask": torch.ones(rows, prompts.shape[1], dtype=torch.long),
        "completion_ids": tokens(rows, shape.completion),
        "completion_mask": torch.ones(rows, shape.completion, dtype=torch.long),
        "advantages": torch.randn(rows, generator=random),
        "num_items_in_batch": torch.tensor(rows * shape.completion),
    }
    return {name: value.to(device) for name, value in batch.items()}


def _update(trainer: Any, batch: dict[str, Any], steps: int, shared: bool) -> tuple[float, float]:
    """(seconds, loss) of forward and backward of one optimizer step, by TRL's `training_step`."""
    trainer.prefix_sharing.obstacle = "" if shared else "plain TRL is measured"
    trainer._step, trainer._buffered_inputs = 0, None
    trainer.args.steps_per_generation = trainer.current_gradient_accumulation_steps = steps
    trainer._generate_and_score_completions = lambda inputs: dict(batch)
    trainer.model.zero_grad()
    torch.manual_seed(0)
    _synchronise()
    start, loss = time.perf_counter(), 0.0
    for index in range(steps):
        trainer.accelerator.gradient_state._set_sync_gradients(index == steps - 1)
        loss += trainer.training_step(trainer.model, {}, None).item()
    _synchronise()
    return time.perf_counter() - start, loss


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _compare(name: str, target: str, shape: Shape, given: Any, model: Any, **trl: Any) -> Row:
    """Time of an update, plain and shared by turns, after a small one of each."""
    trainer = _trainer(model, shape, given, **trl)
    vocabulary, device = model.config.vocab_size, trainer.accelerator.device
    batch = _batch(shape, vocabulary, device)
    few = given.plain_prompts or shape.prompts
    fewer = {n: v[: few * shape.group] if v.ndim else v for n, v in batch.items()}
    small = _batch(Shape(1, 2, 20, 5, 5), vocabulary, device)
    plain, shared = [], []
    for sharing in (True, False):
        _update(trainer, small, 1, sharing)
    for _ in range(given.repeat):
        shared.append(_update(trainer, batch, shape.prompts, True)[0])
        plain.append(_update(trainer, fewer, few, False)[0] * shape.prompts / few)
    note = "" if few == shape.prompts else f"plain: {few} of {shape.prompts} prompts, scaled"
    return Row(name, statistics.median(plain), statistics.median(shared), target, note=note)


# ---- the parts


def update(given: Any) -> list[Row]:
    _keep_memory()
    shape = Shape(given.prompts)
    name = f"update, 8 shots, {shape.prompts} x {shape.group} completions of {shape.completion} tokens"
    return [_compare(name, ">= 5", shape, given, _model(given))]


def zero(given: Any) -> list[Row]:
    _keep_memory()
    shape = Shape(given.prompts, prefix=0)
    return [
        _compare(f"update, 0 shots, {shape.prompts} x {shape.group} completions", ">= 1", shape, given, _model(given))
    ]


def exact(given: Any) -> list[Row]:
    """Largest relative difference of a parameter's gradient, at 8 shots, two prompts with two completions each."""
    shape = Shape(2, 2)
    model = _model(given)
    trainer = _trainer(model, shape, given)
    batch = _batch(shape, model.config.vocab_size, trainer.accelerator.device)
    found = []
    for sharing in (False, True):
        _, loss = _update(trainer, batch, shape.prompts, sharing)
        found.append((loss, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}))
    (loss, gradients), (other, others) = found
    worst = max(float((others[n] - g).norm() / g.norm()) for n, g in gradients.items())
    return [
        Row("loss (the same)", loss, other, "difference <= 1e-3", unit=""),
        Row("largest relative difference of a gradient", 0.0, worst, "<= 1e-3", unit=""),
    ]


def memory(given: Any) -> list[Row]:
    """High-water mark of a process that makes one update, above what it held before."""
    peaks = {}
    for side, prompts in (("plain", given.plain_prompts or given.prompts), ("shared", given.prompts)):
        peaks[side] = _child(given, side, prompts)
    rows = [("whole process", "peak"), ("above the idle trainer", "above")]
    return [
        Row(f"peak memory of that update, {name}", peaks["plain"][key], peaks["shared"][key], ">= 3", unit="MiB")
        for name, key in rows
    ]


def _child(given: Any, what: str, prompts: int) -> dict[str, float]:
    """The figures of one side, measured in a process of its own."""
    command = [sys.executable, __file__, "--child", what, "--prompts", str(prompts)]
    for name in ("model", "dtype", "repeat", "hub_mirror"):
        command += [f"--{name.replace('_', '-')}", str(getattr(given, name))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _keep_memory() -> None:
    """As a run with vLLM does it; here plain TRL gains as much."""
    from rlvr.runner.process.memory import keep_memory

    if not torch.cuda.is_available():
        keep_memory()


def _memory_child(given: Any) -> dict[str, float]:
    _keep_memory()
    shape = Shape(given.prompts)
    model = _model(given)
    trainer = _trainer(model, shape, given)
    batch = _batch(shape, model.config.vocab_size, trainer.accelerator.device)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() / 2**20
    else:
        before = _resident()
    _update(trainer, batch, shape.prompts, given.child == "shared")
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak": peak, "above": peak - before}


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def profile(given: Any) -> list[Row]:
    """Where the time of a shared update goes, by torch's profiler."""
    shape = Shape(min(given.prompts, 2))
    model = _model(given)
    trainer = _trainer(model, shape, given)
    batch = _batch(shape, model.config.vocab_size, trainer.accelerator.device)
    _update(trainer, batch, shape.prompts, True)
    with torch.profiler.profile() as profiler:
        _update(trainer, batch, shape.prompts, True)
    print(
        profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=22, max_name_column_width=60),
        file=sys.stderr,
    )
    return []


def generation(given: Any) -> list[Row]:
    """Tokens a second of 64 sequences, 8-shot prompts: transformers' `generate`, the same with each prompt run once for
    its completions, and vLLM; all with these weights."""
    from transformers import AutoTokenizer

    from rlvr.runner.generation import models, vllm_backend
    from rlvr.runner.generation.backend import Sampling, generate_all
    from rlvr.runner.generation.transformers_backend import TransformersGenerator

    path = str(models.resolve(given.model, print).path)
    tokenizer, (_, texts) = AutoTokenizer.from_pretrained(path), _questions(given, given.prompts)
    prompts = [tokenizer(text)["input_ids"] for text in texts]
    sampling = Sampling(COMPLETION, n=8)
    llm = vllm_backend.start(path, 2048, 64)
    model = _model(given)
    if given.dtype == "bf16":
        model = model.to(torch.bfloat16)

    def speed(generator: Any) -> float:
        generate_all(generator, prompts[:1], Sampling(2, n=2))
        start = time.perf_counter()
        found = generate_all(generator, prompts, sampling)
        return sum(len(c.tokens) for group in found for c in group) / (time.perf_counter() - start)

    by_transformers = TransformersGenerator(model, tokenizer, batch_size=64)
    with patch("rlvr.runner.shared_prefix.generation.generate_from_shared_prompts", _plain_generate):
        plain = speed(by_transformers)
    what = "generation: seconds for 1,000 tokens, 64 sequences, 8 shots"
    return [
        Row(f"{what}, {name}", 1000 / plain, 1000 / fast, target, note=f"{plain:.0f} and {fast:.0f} tokens/s")
        for name, fast, target in (
            ("transformers, prompts run once", speed(by_transformers), ">= 1"),
            ("vLLM", speed(vllm_backend.VllmGenerator(llm)), ">= 3"),
        )
    ]


def _plain_generate(generate: Any, model: Any, **inputs: Any) -> Any:
    return generate(**inputs)


def _questions(given: Any, count: int) -> tuple[Any, list[str]]:
    """The gsm8k pack with its training data, and `count` of its prompts with 8 few-shot examples."""
    from rlvr.tasks.pack import load_pack
    from rlvr.tasks.prompt import choose_shots, render
    from rlvr.tasks.splits import load_split

    pack = load_pack("gsm8k")
    examples = load_split(pack, "train", given.hub_mirror or None).examples
    return (pack, examples), [render(pack, e, choose_shots(pack, 8), None).text for e in examples[:count]]


def step(given: Any) -> list[Row]:
    """Whole steps of the gsm8k pack: rlvr as it runs by default, against TRL with transformers' generation."""
    return [_step(given, 8, ">= 3"), _step(given, 0, ">= 1")]


def _step(given: Any, shots: int, target: str) -> Row:
    """Each side in a fresh process: what vLLM holds must not burden TRL."""
    few = given.plain_prompts or given.prompts
    ours = _child(given, f"step-ours-{shots}", given.prompts)
    plain = {k: v * given.prompts / few for k, v in _child(given, f"step-plain-{shots}", few).items()}
    parts = "; ".join(
        f"{name}: {', '.join(f'{k} {side[k]:.1f}' for k in ('generate', 'verify', 'sync', 'update'))} s"
        for name, side in (("plain", plain), ("ours", ours))
    )
    scaled = f"; plain: {few} of {given.prompts} prompts, scaled" if few != given.prompts else ""
    return Row(f"whole step, {shots} shots", plain["step"], ours["step"], target, note=parts + scaled)


def _step_child(given: Any) -> dict[str, float]:
    """Median seconds of a step and its parts; the first step, which warms up, is left out where there are more."""
    from transformers import AutoTokenizer
    from trl import GRPOConfig

    from rlvr.runner.generation import models
    from rlvr.runner.generation.prompts import PromptEncoder
    from rlvr.runner.process.setup import prepare_vllm
    from rlvr.runner.training.prompt_sampler import PromptSampler
    from rlvr.runner.training.rollouts import RolloutSettings, RolloutWorker
    from rlvr.runner.training.trainer import Trainer
    from rlvr.tasks.prompt import choose_shots, render
    from rlvr.verifiers.engine.engine import Engine

    _, side, shots = given.child.split("-")
    ours, prompts = side == "ours", given.prompts
    prepare_vllm()
    if ours:
        _keep_memory()
    path = str(models.resolve(given.model, print).path)
    (pack, examples), _ = _questions(given, 1)
    chosen = choose_shots(pack, int(shots))
    args = GRPOConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=not torch.cuda.is_available(), bf16=given.dtype == "bf16",
        report_to="none", use_vllm=ours, vllm_mode="colocate", vllm_max_model_length=2048, save_strategy="no",
        per_device_train_batch_size=8, gradient_accumulation_steps=prompts, steps_per_generation=prompts,
        num_generations=8, max_completion_length=COMPLETION, gradient_checkpointing=False, disable_tqdm=True,
        max_steps=given.repeat, logging_steps=1, remove_unused_columns=False,
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = _model(given)
    model.name_or_path = path

    class Rows:
        def rollouts(self, _: object) -> None: ...

        metrics = staticmethod(rows.append)

    with Engine() as engine:
        encode = PromptEncoder(tokenizer, lambda e, _: render(pack, e, chosen, None), COMPLETION, 2048)
        worker = RolloutWorker(pack, examples, encode, engine, PromptSampler(examples, 0), RolloutSettings(8))
        trainer = Trainer(worker, Rows(), model=model, tokenizer=tokenizer, args=args, shared_prefix=ours)
        print(trainer.prefix_sharing.summary, file=sys.stderr)
        trainer.start_clock()
        trainer.train()
    parts = ("step", "generate", "update", "verify", "sync")
    return {part: statistics.median(row[f"time/{part}"] for row in rows[1:] or rows) for part in parts}


def gpu(given: Any) -> list[Row]:
    """0.5 B parameters of random weights in Qwen2.5's shape, 16 x 8 completions of 256 tokens."""
    if not torch.cuda.is_available():
        print("gpu: no CUDA device here", file=sys.stderr)
        return []
    from transformers import AutoModelForCausalLM, Qwen2Config

    config = Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=32768,
    )  # fmt: skip
    given.dtype, shape = "bf16", Shape(16, 8, completion=256)
    rows = []
    for checkpointing in (False, True):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        name = f"update, GPU, 0.5 B, 8 shots, 16 x 8 x 256 tokens{', gradient checkpointing' * checkpointing}"
        rows.append(_compare(name, ">= 2.5", shape, given, model, gradient_checkpointing=checkpointing))
    return rows


PARTS: dict[str, Callable[[Any], list[Row]]] = {
    "exact": exact, "update": update, "memory": memory, "zero": zero, "profile": profile, "gpu": gpu,
    "generation": generation, "step": step,
}  # fmt: skip

if __name__ == "__main__":
    main()
