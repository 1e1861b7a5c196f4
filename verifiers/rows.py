"""Where rows and records convert, each way once.

A row is a JSON object: a line of a pack's data, of labelled cases, of `rlvr verify --input`, of a run's rollouts. The
columns of an example are COLUMNS; `completion` holds what the model wrote.

Two spellings are read, and never written. `answer` is the gold answer in a row without `gold`, and the completion in a
row with `gold` but without `completion`. `metadata`, `parts` and `reward_parts` may be JSON text, since a table's
columns can't hold objects with different keys.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

from rlvr.errors import ConfigError
from rlvr.verifiers.types import Completion, Example, Masked, Reward, Rollout, Status, Verdict

COLUMNS = ("id", "question", "gold", "category", "metadata", "verifier", "pack")

Row = Mapping[str, Any]
Pair = tuple[Example, Completion]
Where = str | Callable[[], str]  # the place of a row, for messages; a function is called only if there is a message


class MissingColumn(ConfigError):
    """A row lacks a column that it must have."""


def example_from_row(row: Row, where: Where, *, gold: str | None = None) -> Example:
    """The example in a row. Every column but `gold` may be missing, and is empty then.

    `gold` is the gold answer of a row without one. Raises MissingColumn for a row without a gold answer, and ConfigError
    for a gold answer that is an object or a list and for metadata that is no object; both begin with `where`.
    """
    value = row.get("gold", row.get("answer"))
    value = gold if value is None else value
    if value is None:
        raise _missing("gold", row, where)
    if isinstance(value, Mapping | list | tuple):
        raise ConfigError(f"{_place(where)}: the gold answer must be text or a number, not {type(value).__name__}")
    return Example(
        _text(row, "id"),
        _text(row, "question"),
        str(value),
        _text(row, "category"),
        _object(row, "metadata", where),
        _text(row, "verifier"),
        _text(row, "pack"),
    )


def completion_from_row(row: Row, where: Where) -> Completion:
    """The completion in a row; `finish_reason` is its column, else "length" if the column `truncated` is true.

    Raises MissingColumn for a row without a completion, and ConfigError for one that isn't text; both begin with `where`.
    """
    column = "answer" if "completion" not in row and "gold" in row and "answer" in row else "completion"
    text = row.get(column)
    if text is None:
        raise _missing("completion", row, where)
    if not isinstance(text, str):
        raise ConfigError(f"{_place(where)}: column {column!r} must be text, not {type(text).__name__}")
    return Completion(text, finish_reason=_text(row, "finish_reason") or ("length" if row.get("truncated") else "stop"))


def pair_from_row(row: Row, where: Where, *, gold: str | None = None) -> Pair:
    """The example and the completion in a row. Raises ConfigError as `example_from_row` and `completion_from_row`."""
    completion = completion_from_row(row, where)
    return example_from_row(row, where, gold=gold), completion


def rollout_to_row(rollout: Rollout) -> dict[str, Any]:
    """A rollout as one flat JSON object, with the columns that docs/runs.md lists.

    It holds the number of the completion's tokens, not the tokens and their log-probabilities.
    """
    example, completion, verdict = rollout.example, rollout.completion, rollout.verdict
    return {
        "step": rollout.step,
        "group": rollout.group,
        "id": example.id,
        "category": example.category,
        "question": example.question,
        "gold": example.gold,
        "metadata": dict(example.metadata),
        "verifier": example.verifier,
        "pack": example.pack,
        "prompt": rollout.prompt,
        "completion": completion.text,
        "tokens": len(completion.tokens),
        "finish_reason": completion.finish_reason,
        "status": str(verdict.status),
        "score": verdict.score,
        "extracted": verdict.extracted,
        "reason": verdict.reason,
        "parts": dict(verdict.parts),
        "seconds": verdict.seconds,
        "reward": rollout.reward.value,
        "reward_parts": dict(rollout.reward.parts),
        "masked": rollout.reward.masked,
        "advantage": rollout.advantage,
        "shadow": None if rollout.shadow is None else str(rollout.shadow),
    }


def rollout_from_row(row: Row, where: Where) -> Rollout:
    """The inverse of `rollout_to_row`, but for the completion's tokens, which a row doesn't hold.

    Raises ConfigError, which begins with `where`, for a missing column or a value of the wrong kind.
    """
    try:
        verdict = Verdict(
            Status(row["status"]),
            float(row["score"]),
            None if row["extracted"] is None else str(row["extracted"]),
            str(row["reason"]),
            _object(row, "parts", where),
            float(row["seconds"]),
        )
        reward = Reward(_number(row["reward"]), _object(row, "reward_parts", where), _masked(row["masked"]))
        shadow = None if row["shadow"] is None else Status(row["shadow"])
        advantage, group, step = _number(row["advantage"]), int(row["group"]), int(row["step"])
        prompt = str(row["prompt"])
    except KeyError as error:
        raise _missing(str(error.args[0]), row, where) from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{_place(where)}: {error}") from None
    example, completion = pair_from_row(row, where)
    return Rollout(example, prompt, completion, verdict, reward, advantage, group, step, shadow)


def _place(where: Where) -> str:
    return where if isinstance(where, str) else where()


def _missing(column: str, row: Row, where: Where) -> MissingColumn:
    return MissingColumn(f"{_place(where)}: no column {column!r}; found {', '.join(map(str, row)) or 'none'}")


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _masked(value: Any) -> Masked:
    if value not in get_args(Masked):
        raise ValueError(f"{value!r} is not one of {', '.join(map(repr, get_args(Masked)))}")
    return value  # type: ignore[no-any-return]


def _object(row: Row, column: str, where: Where) -> Mapping[str, Any]:
    value = row.get(column)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{_place(where)}: column {column!r} is not valid JSON: {error}") from None
    if not value and not isinstance(value, list):  # nothing, or an empty text
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{_place(where)}: column {column!r} must be an object, not {type(value).__name__}")
    return value
