"""The rollouts as a report holds them: a table of texts and columns that point into it, gzipped, so that ten thousand fit
a page, and nothing that a model wrote is markup in it."""

import base64
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

MAX_ROLLOUTS = 10_000  # the newest of a long run, and those that alarms name; the Parquet file has all
TEXTS = ("id", "category", "question", "prompt", "completion", "finish_reason", "gold", "status", "extracted", "reason",
         "parts", "reward_parts", "masked", "shadow")  # fmt: skip
NUMBERS = ("step", "index", "group", "tokens", "score", "reward", "advantage")


def chosen(steps: Sequence[int], named: Iterable[tuple[int, int]] = ()) -> tuple[list[int], list[int]]:
    """Of rollouts with these steps, those that a page holds: their places, and the index of each in its step.

    `named` are (step, index in the step) that must be among them.
    """
    wanted = set(named)
    counts: Counter[int] = Counter()
    places, indices = [], []
    for place, step in enumerate(steps):
        index = counts[step]
        counts[step] = index + 1
        if place >= len(steps) - MAX_ROLLOUTS or (step, index) in wanted:
            places.append(place)
            indices.append(index)
    return places, indices


def embedded(rollouts: Sequence[dict[str, Any]], indices: Sequence[int]) -> str:
    """base64 text for the page: the rollouts, each with its index in its step."""
    kept = [{**row, "index": index} for row, index in zip(rollouts, indices, strict=True)]
    texts: dict[str, int] = {}
    columns: dict[str, Any] = {
        name: {"values": [_number(row.get(name)) for row in kept], "text": False} for name in NUMBERS
    }
    for name in TEXTS:
        values = [_text(row.get(name)) for row in kept]
        columns[name] = {"values": [v if v is None else texts.setdefault(v, len(texts)) for v in values], "text": True}
    page = json.dumps({"texts": list(texts), "columns": columns}, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(page.encode("utf-8", errors="replace"), mtime=0)
    return base64.b64encode(packed).decode()


def _number(value: Any) -> Any:
    """`value`, or None for what JSON has no number for; short, as nobody reads the fifth digit."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
