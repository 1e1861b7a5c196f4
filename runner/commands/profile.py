"""`rlvr profile`: how often a model solves each example of a pack, and a pack of those that it solves sometimes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from rlvr.errors import ConfigError, ExitCode
from rlvr.files import require_writable, writing
from rlvr.runner.analysis import filtered_pack
from rlvr.runner.analysis.filtered_pack import TRAIN, Band
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.setup import prepare_libraries
from rlvr.tasks.pack import Pack, load_pack

if TYPE_CHECKING:
    from rlvr.runner.analysis.profile import ExampleProfile, ProfileFile
    from rlvr.runner.generation.models import Model
    from rlvr.runner.settings.run_config import RunConfig
    from rlvr.tasks.pack import Split
    from rlvr.verifiers.types import Example


@Parameter(name="*", group=Group.create_ordered("Examples"))
@dataclass(frozen=True, kw_only=True)
class ExampleFlags:
    """Which examples are asked, and how."""

    questions: Annotated[int, Parameter(name=["-n", "--questions"])] = 0
    """How many examples, drawn with the seed; 0 asks all. A larger number adds to a smaller one."""
    split: str = TRAIN
    """The split whose examples are asked."""
    shots: int | None = None
    """Few-shot examples in each prompt (default: as in training)."""
    seed: int = 0
    """Of the choice of examples, of sampling, and of the random control."""
    hub_mirror: str = ""
    """A folder with copies of hub data sets (default: RLVR_HUB_MIRROR)."""


@Parameter(name="*", group=Group.create_ordered("Sampling"))
@dataclass(frozen=True, kw_only=True)
class SamplingFlags:
    """How completions are generated: by default as in training."""

    samples: Annotated[int, Parameter(name=["-k", "--samples"])] = 16
    """Completions of each example."""
    temperature: float | None = None
    """Default: that of training."""
    max_tokens: int = 0
    """Tokens that a completion may have; 0 takes the number of training."""
    group_size: int = 0
    """The group for which the share with variance is computed; 0 takes that of training."""
    backend: Literal["auto", "vllm", "transformers"] = "auto"
    """What generates completions. auto takes vLLM if it is installed."""


@Parameter(name="*", group=Group.create_ordered("Output"))
@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Where the profile goes, and what is made of it."""

    file: Path | None = None
    """The Parquet file (default: profile-PACK-MODEL.parquet here). One that is there is continued."""
    keep: str = ""
    """LOW:HIGH: write a pack of the examples with these pass rates, such as 0.1:0.9, to --output, and a control beside it."""
    output: Path | None = None
    """The folder of the pack that --keep writes; its control is FOLDER-control."""
    json_: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False
    """Print the summary as one JSON object on stdout."""


def profile(
    pack: str,
    /,
    *,
    model: str = "",
    asked: ExampleFlags = ExampleFlags(),
    sampled: SamplingFlags = SamplingFlags(),
    output: OutputFlags = OutputFlags(),
) -> int:
    """Measure how often a model solves each example of a pack, before training on it.

    Examples:

        rlvr profile gsm8k --model smollm2-135m -n 500 -k 16
        rlvr profile gsm8k --model smollm2-135m -n 500 -k 16 --keep 0.1:0.9 --output gsm8k-some

    GRPO learns only from examples that the model solves sometimes. The
    profile is a Parquet file with a row for each example: samples, correct
    ones, pass rate with Wilson's 95 % interval, truncated share, mean length.
    Rows are written as they are decided: the same command continues a profile
    that was interrupted, and --keep takes its figures from one that is there.

    --keep writes a filtered pack and a random control of the same size, so
    that a comparison of the two shows what the choice of examples is worth.

    Parameters
    ----------
    pack
        A folder with a task.toml, or the name of an installed pack.
    model
        A hub id, a local folder (a run's checkpoint), or a short name (default: the default model).
    """
    from rlvr.runner.analysis.profile import ProfileFile, order, summarize_profile
    from rlvr.runner.display.profile_table import profile_table
    from rlvr.runner.generation import models
    from rlvr.runner.settings.resolve import resolve
    from rlvr.runner.training.plan import require_training_stack
    from rlvr.tasks.splits import load_split

    _require_in_range(asked, sampled)
    band = _band(output, asked.split)
    view = View()
    loaded = load_pack(pack, check=True)  # a wrong verifier is reported before a model is loaded
    if band and loaded.members:
        raise ConfigError(f"--keep: {loaded.name} draws from other packs: filter {', '.join(loaded.members)} instead")
    given = {"model": model or None, "shots": asked.shots, "temperature": sampled.temperature,
             "max_completion_length": sampled.max_tokens or None, "group_size": sampled.group_size or None,
             "seed": asked.seed, "hub_mirror": asked.hub_mirror or None}  # fmt: skip
    config = resolve(loaded, "", None, given)
    require_training_stack()
    prepare_libraries()
    data = load_split(loaded, asked.split, config.hub_mirror)
    if data.substituted:
        view.warn(f"no hub, no mirror: {data.origin['instead_of']} is replaced by {data.origin['dataset']}")
    chosen = models.resolve(config.model or models.default_model(), view.say)
    path = output.file or Path(f"profile-{loaded.name}-{chosen.name.replace('/', '-')}.parquet")
    require_writable(path, f"--file {path}")
    examples = order(data.examples, asked.questions, asked.seed)
    file = ProfileFile(path, _settings(loaded, data, chosen, config, asked, sampled))
    rows = _sampled(loaded, config, chosen, examples, file, sampled, view)
    summary = summarize_profile(rows, config.group_size)
    view.console.print(
        profile_table(f"{loaded.name} ({asked.split}) by {chosen.name}, {sampled.samples} samples", summary)
    )
    view.say(f"profile: {path}")
    written = (
        _write_kept(loaded, band, output, list(zip(examples, rows, strict=True)), chosen, config, view) if band else {}
    )
    if output.json_:
        print(json.dumps(summary.as_json() | {"file": str(path)} | written))
    return ExitCode.OK


def _require_in_range(asked: ExampleFlags, sampled: SamplingFlags) -> None:
    """Raises ConfigError for a number that is out of its range."""
    for name, value, least in (
        ("-n", asked.questions, 0), ("-k", sampled.samples, 1), ("--max-tokens", sampled.max_tokens, 0),
        ("--group-size", sampled.group_size, 0),
    ):  # fmt: skip
        if value < least:
            raise ConfigError(f"{name} {value}: expected at least {least}")


def _band(output: OutputFlags, split: str) -> Band | None:
    """What --keep asks for. Raises ConfigError unless it goes with a folder that can be made."""
    if not output.keep:
        if output.output is not None:
            raise ConfigError(
                "--output is the folder of the pack that --keep LOW:HIGH writes; the profile goes to --file"
            )
        return None
    band = Band.parse(output.keep)
    if output.output is None:
        raise ConfigError(f"--keep {output.keep}: give the folder of the filtered pack with --output FOLDER")
    if split != TRAIN:
        raise ConfigError(f"--keep {output.keep}: expected a profile of the split {TRAIN}, not of {split}")
    filtered_pack.require_new(output.output)
    return band


def _settings(
    pack: Pack, data: "Split", model: "Model", config: "RunConfig", asked: ExampleFlags, sampled: SamplingFlags
) -> dict[str, Any]:
    """What the rows depend on."""
    assert config.shots is not None
    return {
        "pack": pack.name, "data": dict(data.origin), "split": asked.split, "verifier": pack.spec(),
        "model": model.name, "model_origin": model.origin, "shots": config.shots.first, "seed": asked.seed,
        "samples": sampled.samples, "temperature": config.temperature, "max_tokens": config.max_completion_length,
    }  # fmt: skip


def _sampled(
    pack: Pack,
    config: "RunConfig",
    model: "Model",
    examples: "Sequence[Example]",
    file: "ProfileFile",
    sampled: SamplingFlags,
    view: View,
) -> "list[ExampleProfile]":
    """The rows of the examples, those that the file lacks sampled now. A model is loaded only if there are some."""
    from rlvr.runner.analysis.profile import profile as fill
    from rlvr.runner.evaluation.evaluate import Evaluator
    from rlvr.runner.evaluation.load import load_generator
    from rlvr.runner.generation.backend import Sampling
    from rlvr.runner.training.plan import training_shots
    from rlvr.verifiers.engine.engine import Engine

    shots = training_shots(pack, config)
    missing = sum((example.id, example.question) not in file.rows for example in examples)
    if len(examples) > missing:
        view.say(f"{file.path}: {len(examples) - missing:,} of {len(examples):,} examples are there already")
    if not missing:
        file.finish()
        return [file.rows[example.id, example.question] for example in examples]
    generator, tokenizer, context = load_generator(model, config.model, sampled.backend, view.say)
    sampling = Sampling(
        config.max_completion_length,
        config.temperature,
        n=sampled.samples,
        stop=pack.task.prompt.stop,
        seed=config.seed,
    )
    try:
        with Engine() as engine, view.progress("profiling", len(examples), "examples") as progress:
            evaluator = Evaluator(pack, shots, tokenizer, context, engine)
            with writing(f"--file {file.path}"):
                return fill(file, evaluator, examples, generator, sampling, progress)
    except KeyboardInterrupt:
        view.say(f"stopped; {len(file.rows):,} examples are profiled: the same command continues")
        raise


def _write_kept(
    pack: Pack,
    band: Band,
    output: OutputFlags,
    profiled: "Sequence[tuple[Example, ExampleProfile]]",
    model: "Model",
    config: "RunConfig",
    view: View,
) -> dict[str, Any]:
    """Write the filtered pack and its control. Raises ConfigError if no example has such a pass rate."""
    assert output.output is not None
    kept = [example for example, row in profiled if row.pass_rate in band]
    if not kept:
        raise ConfigError(
            f"--keep {band}: none of the {len(profiled)} examples has such a pass rate; nothing was written"
        )
    samples = max(row.samples for _, row in profiled)
    how = (
        f"{len(kept)} of {len(profiled)} profiled training examples: those that {model.name} solves in "
        f"{band.low:.0%} to {band.high:.0%} of {samples} samples (temperature {config.temperature:g})."
    )
    control = filtered_pack.write_filtered(pack, output.output, kept, how, config.seed, config.hub_mirror)
    view.say(f"filtered pack: {output.output} ({len(kept):,} examples)\nits control:   {control}")
    return {"kept": len(kept), "pack": str(output.output), "control": str(control)}
