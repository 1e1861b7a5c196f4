"""Measures a model on a pack: accuracy strict and lenient, pass@k, per category, with 95 % intervals.

Verification runs while the rest still generates. Verdicts `error` and `skipped` are left out of every figure, and counted.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr.files import write_whole
from rlvr.runner.evaluation.statistics import bootstrap, pass_at_k, wilson
from rlvr.runner.generation.backend import Generator, Sampling
from rlvr.runner.generation.prompts import require_fit, tokenize
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.tasks.pack import Pack
from rlvr.tasks.shots import Shots
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

Progress = Callable[[int], None]  # questions answered since the last call


@dataclass(frozen=True)
class Answered:
    """One question with its sampled completions and their verdicts (lenient ones where the pack has a lenient figure)."""

    example: Example
    completions: list[Completion]
    strict: list[Verdict]
    lenient: list[Verdict]


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
) -> tuple[dict[str, Any], list[Answered]]:
    """(summary, what was answered); several processes share the questions, and all get everything.

    Raises ConfigError if a prompt doesn't fit the context.
    """
    start = time.perf_counter()
    examples = processes.share(list(examples))
    prompts = tokenize(pack, examples, [shots.prompt(example, tokenizer) for example in examples], tokenizer)
    longest = max(map(len, prompts), default=0)
    require_fit(longest, sampling.max_tokens, context)
    waiting: dict[int, tuple[list[Completion], list[Future[Verdict]], list[Future[Verdict]]]] = {}

    def on_done(index: int, completions: list[Completion]) -> None:
        example = examples[index]
        strict = [pack.submit(engine, example, one) for one in completions]
        lenient = [pack.submit(engine, example, one, lenient=True) for one in completions] if pack.lenients else []
        waiting[index] = (completions, strict, lenient)
        progress(processes.count)

    generator.generate(prompts, sampling, on_done)
    generated = time.perf_counter() - start
    mine = [
        Answered(examples[i], waiting[i][0], [f.result() for f in waiting[i][1]], [f.result() for f in waiting[i][2]])
        for i in range(len(examples))
    ]
    answered = processes.gather(mine)
    summary = summarize(answered)
    tokens = sum(len(c.tokens) for a in answered for c in a.completions)
    summary |= {
        "shots": shots.schedule.last,
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "backend": generator.name,
        "verifier": pack.spec(),
        "longest_prompt_tokens": longest,
        "completion_tokens": tokens,
        "tokens_per_second": round(tokens / generated, 1),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return summary, answered


def summarize(answered: Sequence[Answered]) -> dict[str, Any]:
    """The figures of an evaluation, as JSON values."""
    statuses = Counter(str(v.status) for a in answered for v in a.strict)
    summary: dict[str, Any] = {
        "questions": len(answered),
        "samples": len(answered[0].strict) if answered else 0,
        "strict": _figures([a.strict for a in answered]),
    }
    if answered and answered[0].lenient:
        summary["lenient"] = _figures([a.lenient for a in answered])
    by_category: dict[str, list[Answered]] = defaultdict(list)
    for one in answered:
        by_category[one.example.category].append(one)
    summary["categories"] = {
        name: {"strict": _figures([a.strict for a in group])}
        | ({"lenient": _figures([a.lenient for a in group])} if group[0].lenient else {})
        for name, group in sorted(by_category.items())
    }
    completions = [c for a in answered for c in a.completions]
    summary["statuses"] = {str(status): statuses.get(str(status), 0) for status in Status}
    summary["truncated"] = sum(c.truncated for c in completions) / max(1, len(completions))
    return summary


def _figures(groups: Sequence[Sequence[Verdict]]) -> dict[str, Any]:
    """Accuracy (pass@1) and pass@k with intervals, over the questions that have verdicts about the model."""
    counted = [[v.status is Status.CORRECT for v in group if not v.status.masked] for group in groups]
    counted = [group for group in counted if group]
    figures: dict[str, Any] = {"questions": len(counted)}
    if not counted:
        return figures | {"accuracy": None, "interval": [0.0, 1.0]}
    if max(map(len, counted)) == 1:
        right = sum(group[0] for group in counted)
        low, high = wilson(right, len(counted))
        return figures | {"accuracy": right / len(counted), "interval": [low, high], "method": "wilson"}
    shares = [sum(group) / len(group) for group in counted]
    figures |= {"accuracy": sum(shares) / len(shares), "interval": list(bootstrap(shares)), "method": "bootstrap"}
    samples = min(map(len, counted))
    sizes = sorted({k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k < samples} | {samples})
    figures["pass_at_k"] = {}
    for k in sizes:
        values = [pass_at_k(len(group), sum(group), k) for group in counted]
        figures["pass_at_k"][str(k)] = {"value": sum(values) / len(values), "interval": list(bootstrap(values))}
    return figures


def save(folder: Path, name: str, summary: dict[str, Any], answered: Sequence[Answered]) -> Path:
    """Write NAME.json (the summary) and NAME.jsonl (a line a completion). Returns the summary's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    with (folder / f"{name}.jsonl").open("w", encoding="utf-8", errors="replace") as file:
        for one in answered:
            for sample, (completion, verdict) in enumerate(zip(one.completions, one.strict, strict=True)):
                row = {
                    "id": one.example.id, "category": one.example.category, "question": one.example.question,
                    "gold": one.example.gold, "sample": sample, "completion": completion.text,
                    "finish_reason": completion.finish_reason, "status": str(verdict.status),
                    "extracted": verdict.extracted, "reason": verdict.reason,
                }  # fmt: skip
                if one.lenient:
                    row["lenient"] = str(one.lenient[sample].status)
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    write_whole(path, json.dumps(summary, indent=1) + "\n")  # last: where it is, the evaluation is complete
    return path
