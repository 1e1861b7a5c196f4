"""A pack as a reward function of TRL, for people with a training script of their own.

import rlvr
from datasets import Dataset
from trl import GRPOTrainer

rows = rlvr.as_trl_rows("gsm8k")
trainer = GRPOTrainer(model, reward_funcs=rlvr.as_trl_reward("gsm8k"), train_dataset=Dataset.from_list(rows))
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlvr.tasks.interop.rows import pack_of, text_of, to_example, to_rows
from rlvr.tasks.pack import Pack
from rlvr.verifiers.engine.engine import Engine, shared_engine
from rlvr.verifiers.types import Completion, Status

TrlReward = Callable[..., list[float | None]]


def as_trl_reward(
    pack: Pack | str,
    *,
    gold: str = "gold",
    engine: Engine | None = None,
    end_ids: Sequence[int] = (),
) -> TrlReward:
    """A reward function for TRL's trainers: what the pack pays for each completion, None if it is masked.

    The training data needs a column with gold answers, whose name is `gold`; the columns `question`, `metadata`,
    `verifier` and `pack` are used if they exist (`as_trl_rows` makes them all). `end_ids` are the ids of the tokens that end
    a completion: with them, completions that the limit cut off are recognized, which `[reward] truncated` needs. Raises
    ConfigError for what is wrong with the pack, and at the first call for data without gold answers.
    """
    loaded, ends = pack_of(pack), frozenset(end_ids)

    def rlvr_reward(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        rows = _rows(columns, len(completions))
        ids = completion_ids or [[]] * len(completions)
        pairs = [
            (to_example(row, gold), Completion(text_of(text), tuple(tokens), (), _finish(tokens, ends)))
            for row, text, tokens in zip(rows, completions, ids, strict=True)
        ]
        verdicts = loaded.verify_batch(engine or shared_engine(), pairs)
        if log_metric is not None:
            for status in Status:
                log_metric(f"verdicts/{status}", sum(v.status is status for v in verdicts) / max(1, len(verdicts)))
        return [
            loaded.reward(example, completion, verdict).value
            for (example, completion), verdict in zip(pairs, verdicts, strict=True)
        ]

    rlvr_reward.__name__ = f"rlvr_{loaded.name.replace('-', '_')}"  # TRL names its metrics after it
    return rlvr_reward


def as_trl_rows(
    pack: Pack | str, split: str = "train", *, shots: int | None = None, hub_mirror: str | None = None
) -> list[dict[str, Any]]:
    """The examples of a split as rows for `datasets.Dataset.from_list`: `prompt` as chat messages, and their columns.

    `shots` is the number of few-shot examples in each prompt (None: as many as the pack says). Raises ConfigError for what
    is wrong with the pack, PrerequisiteError if its data is out of reach.
    """
    return to_rows(pack_of(pack), split, shots, hub_mirror)


def _rows(columns: Mapping[str, Any], size: int) -> list[dict[str, Any]]:
    """TRL passes a list for each column, and values of its own, such as the trainer's state."""
    lists = {name: value for name, value in columns.items() if isinstance(value, (list, tuple)) and len(value) == size}
    return [{name: values[index] for name, values in lists.items()} for index in range(size)]


def _finish(tokens: Sequence[int], ends: frozenset[int]) -> str:
    return "length" if ends and tokens and tokens[-1] not in ends else "stop"
