"""Puts a run's settings together: defaults < the pack's [run] < its profile < -c run.toml < flags; later ones win."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.files import read_toml, validate
from rlvr.runner.settings.run_config import OWNED, RunConfig
from rlvr.tasks.pack import Pack
from rlvr.tasks.shots import ShotSchedule
from rlvr.text import did_you_mean


def resolve(pack: Pack, profile: str, file: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """The run's settings: each layer is parsed on its own, and later ones win; flags that are None aren't given.

    Raises ConfigError that names the layer (file and table, or the command line) and the setting; for a profile that the
    pack doesn't have, it lists those it has.
    """
    run = dict(pack.task.run)
    profiles = run.pop("profiles", {})
    where = pack.folder / "task.toml"
    if not (isinstance(profiles, dict) and all(isinstance(table, dict) for table in profiles.values())):
        raise ConfigError(f"{where}: [run] profiles: expected tables [run.profiles.NAME]")
    layers = [validate(RunConfig, run, f"{where}: [run]")]
    if profile:
        if profile not in profiles:
            raise ConfigError(
                f"--profile {profile}: pack {pack.name!r} has no such profile{did_you_mean(profile, profiles)} "
                f"({', '.join(profiles) or 'none'})"
            )
        layers.append(validate(RunConfig, profiles[profile], f"{where}: [run.profiles.{profile}]"))
    if file is not None:
        layers.append(validate(RunConfig, read_toml(file), file))
    return complete(functools.reduce(overlay, [*layers, from_flags(flags)]), pack)


def from_flags(flags: Mapping[str, Any]) -> RunConfig:
    """Flags as settings; those that are None aren't given. Raises ConfigError that names the flag's setting."""
    given = {name: value for name, value in flags.items() if value is not None}
    return validate(RunConfig, given, "command line")


def overlay(config: RunConfig, layer: RunConfig) -> RunConfig:
    """`config` with everything that `layer` sets."""
    return config.model_copy(update={name: getattr(layer, name) for name in layer.model_fields_set})


def complete(config: RunConfig, pack: Pack) -> RunConfig:
    """`config` with the settings filled in that follow from the pack or from others.

    Raises ConfigError for settings that don't go together.
    """
    shots = config.shots or ShotSchedule.parse(pack.task.prompt.shots)
    filled = config.model_copy(
        update={
            "shots": shots,
            "eval_shots": shots.last if config.eval_shots is None else config.eval_shots,
            "eval_max_tokens": config.evaluation_tokens,
            "hub_mirror": config.hub_mirror and str(Path(config.hub_mirror).resolve()),
        }
    )
    for name in filled.trl:
        if name in OWNED:
            ours = OWNED[name]
            raise ConfigError(f"[trl] {name}: rlvr sets this itself" + (f"; set {ours!r} instead" if ours else ""))
    if filled.normalize_parts and (filled.category_baseline or filled.category_scale):
        raise ConfigError("normalize_parts doesn't go with category_baseline or category_scale: choose one")
    if filled.dtype == "bfloat16" and not filled.lora_rank:
        raise ConfigError(
            "dtype = bfloat16 needs lora_rank: all weights are trained otherwise, and AdamW's updates of bfloat16 "
            "weights would be rounded away"
        )
    if filled.early_stop and not (filled.eval_every and filled.eval_examples):
        raise ConfigError("early_stop needs evaluations: set eval_every and eval_examples")
    if filled.shadow_verifier and not isinstance(filled.shadow_verifier.get("name"), str):
        raise ConfigError("shadow_verifier: expected a table with the verifier's name, and its options")
    check_batch(filled)
    return filled


def check_batch(config: RunConfig, processes: int = 1) -> None:
    """Raises ConfigError if a step's questions don't divide among the processes, or its completions into micro-batches."""
    if config.prompts_per_step % processes:
        raise ConfigError(
            f"prompts_per_step = {config.prompts_per_step}: expected a multiple of the {processes} processes"
        )
    completions = config.prompts_per_step // processes * config.group_size
    if config.micro_batch and completions % config.micro_batch:
        total = (
            f"prompts_per_step * group_size = {completions}"
            if processes == 1
            else f"the {completions} completions of each process"
        )
        raise ConfigError(f"micro_batch = {config.micro_batch}: expected a divisor of {total}")
