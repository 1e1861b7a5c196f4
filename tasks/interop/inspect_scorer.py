"""A pack as a scorer and a data set of inspect_ai.

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset

task = Task(dataset=rlvr.as_inspect_samples("gsm8k", "test"), scorer=rlvr.as_inspect_scorer("gsm8k"))
"""

import asyncio
from typing import TYPE_CHECKING, Any

from rlvr.errors import PrerequisiteError
from rlvr.tasks.interop.rows import pack_of, to_example, to_rows
from rlvr.tasks.pack import Pack
from rlvr.verifiers.engine.engine import Engine, shared_engine
from rlvr.verifiers.types import Completion, Status

if TYPE_CHECKING:
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Score, Scorer, Target
    from inspect_ai.solver import TaskState


def as_inspect_scorer(pack: Pack | str, *, engine: Engine | None = None) -> "Scorer":
    """A scorer: `C` for a verdict `correct`, `I` for any other that is the model's fault, unscored for a masked one.

    It reads the example from the sample's target, and from its metadata as `as_inspect_samples` writes it. Raises
    PrerequisiteError without inspect_ai, ConfigError for what is wrong with the pack.
    """
    loaded = pack_of(pack)
    try:
        from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, scorer, stderr
    except ImportError:
        raise PrerequisiteError("the package 'inspect_ai' is not installed: pip install inspect-ai") from None

    @scorer(metrics=[accuracy(), stderr()], name=f"rlvr_{loaded.name}")  # type: ignore[untyped-decorator]
    def rlvr_scorer() -> "Scorer":
        async def score(state: "TaskState", target: "Target") -> "Score":
            example = to_example({**(state.metadata or {}), "gold": target.text})
            finish = "length" if state.output.stop_reason in ("max_tokens", "model_length") else "stop"
            completion = Completion(state.output.completion, finish_reason=finish)
            verdict = await asyncio.wrap_future(loaded.submit(engine or shared_engine(), example, completion))
            facts = {"status": str(verdict.status), "score": verdict.score, "parts": dict(verdict.parts)}
            if verdict.status.masked:
                return Score.unscored(explanation=verdict.reason, reason="scoring_failed", metadata=facts)
            value = CORRECT if verdict.status is Status.CORRECT else INCORRECT
            return Score(value=value, answer=verdict.extracted, explanation=verdict.reason, metadata=facts)

        return score

    pack_scorer: Scorer = rlvr_scorer()
    return pack_scorer


def as_inspect_samples(
    pack: Pack | str, split: str = "test", *, shots: int | None = None, hub_mirror: str | None = None
) -> "list[Sample]":
    """The examples of a split as samples: chat messages, the gold answer as target, the rest as metadata.

    `shots` is the number of few-shot examples in each prompt (None: as many as the pack says). Raises PrerequisiteError
    without inspect_ai or if the data is out of reach, ConfigError for what is wrong with the pack.
    """
    try:
        from inspect_ai.dataset import Sample
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
    except ImportError:
        raise PrerequisiteError("the package 'inspect_ai' is not installed: pip install inspect-ai") from None
    kinds: dict[str, Any] = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    samples = []
    for row in to_rows(pack_of(pack), split, shots, hub_mirror):
        prompt = [kinds[message["role"]](content=message["content"]) for message in row.pop("prompt")]
        samples.append(Sample(id=row["id"], input=prompt, target=row.pop("gold"), metadata=row))
    return samples
