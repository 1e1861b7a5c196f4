"""`rlvr run`: train a model on a pack."""

import contextlib
import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from rlvr.errors import ConfigError, RlvrError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.processes import Processes
from rlvr.runner.run_folder.checkpoints import step_of
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.run_folder.result import result
from rlvr.runner.settings import run_config
from rlvr.runner.settings.flags import with_flags
from rlvr.runner.settings.run_config import RunConfig, subject_of
from rlvr.runner.training.periodic_evaluation import fruitless
from rlvr.tasks.pack import Pack, load_pack

EXIT_INTERRUPTED = 130
EXIT_ALARM, EXIT_NOTHING = 1, 5
RUN = Group.create_ordered("This run")
FULL = 1 << 20  # bytes left on a disk that is full: torch and safetensors have errors of their own for it


@with_flags(RunConfig, subject_of)
def run(
    pack: str = "",
    /,
    *,
    flags: Mapping[str, Any],
    profile: Annotated[str, Parameter(group=RUN)] = "",
    config: Annotated[Path | None, Parameter(group=RUN, name=["-c", "--config"])] = None,
    resume: Annotated[Path | None, Parameter(group=RUN)] = None,
    dry_run: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    json_: Annotated[bool, Parameter(group=RUN, name="--json", negative="")] = False,
) -> int:
    """Train a model on a task pack with GRPO: evaluate, train, evaluate again, report.

    Each step asks some questions, generates a group of completions for each,
    verifies and rewards them, and updates the model.

    Examples:

        rlvr run tasks/gsm8k --profile quick
        rlvr run gsm8k --model Qwen/Qwen2.5-0.5B-Instruct --steps 200 --shots 8
        rlvr run tasks/addition --model tiny
        rlvr run gsm8k -c run.toml --seed 1 --dry-run
        rlvr run --resume runs/gsm8k-SmolLM2-135M-Instruct-20260101-120000

    Every setting can also be given in a TOML file (-c run.toml), under its
    name with underscores: steps = 200. The tables [trl] (fields of TRL's
    GRPOConfig), [alarms], [shadow_verifier] and [category_weights] can only
    be given there. Flags override the file, the file overrides the profile,
    and the profile overrides the pack's own [run] table. A default shown
    below applies if none of them sets it.

    Ctrl-C finishes the current step, saves it and stops, and prints the
    command that resumes the run.

    Parameters
    ----------
    pack
        A folder with a task.toml, or the name of an installed pack (see `rlvr list packs`).
    profile
        A named set of settings from the pack, such as quick.
    config
        A TOML file with settings.
    resume
        Resume the run in this folder from its last checkpoint; of the settings, only --steps can be changed.
    dry_run
        Show the resolved settings and one rendered prompt; write nothing.
    json_
        Print the run's result as one JSON object on stdout.
    """
    processes = Processes.here()
    view = View(quiet=not processes.main)
    if resume is not None:
        return _resume(resume, pack, flags, profile, config, view, json_, processes)
    if not pack:
        raise ConfigError("name a pack: `rlvr run tasks/gsm8k` (`rlvr list packs` shows what is installed)")
    if "hub_mirror" in flags:
        flags = {**flags, "hub_mirror": flags["hub_mirror"] and str(Path(flags["hub_mirror"]).resolve())}
    loaded = load_pack(pack, check=True)  # a wrong verifier is reported before a model is loaded
    resolved = run_config.resolve(loaded, profile, config, flags)
    with contextlib.redirect_stdout(sys.stderr):  # transformers prints to it when it is imported
        from rlvr.runner.training import run as train

        plan = train.plan(loaded, resolved, view)
        train.check(plan, processes)
    if dry_run:
        return _dry_run(plan, json_)
    extra = {"model": {"name": plan.model.name, "origin": plan.model.origin}, "backend": plan.backend,
             "data": {"train": dict(plan.train.origin), "test": dict(plan.test.origin) if plan.test else None},
             "pack_folder": str(loaded.folder), "verifier": loaded.spec(), "reward_rule": loaded.task.reward.model_dump(),
             "contamination": plan.contamination_report}  # fmt: skip
    root, names = Path(resolved.output), (loaded.name, plan.model.name)
    folder = RunFolder(processes.from_main(lambda: RunFolder.create(root, *names, resolved, extra).path))
    if processes.main:
        folder.lock()
    view.say(f"run folder: {folder.path}")
    return _carry_out(plan, folder, view, False, json_, processes)


def _resume(
    path: Path, pack: str, flags: Mapping[str, Any], profile: str, config: Path | None, view: View, json_: bool,
    processes: Processes,
) -> int:  # fmt: skip
    others = sorted(set(flags) - {"steps"})
    if others or profile or config or pack:
        raise ConfigError("--resume continues a run as it was: of the other arguments only --steps goes with it")
    folder, pack_name, saved = RunFolder.open(path)
    if processes.main:
        folder.lock()
    loaded = load_pack(folder.recorded_pack(pack_name))
    resolved = run_config.overlay(saved, run_config.from_flags(flags))
    _same_verifier(folder, loaded)
    from rlvr.runner.training import run as train

    done, ended = step_of(folder.last_checkpoint()), folder.evaluated("after")
    _same_progress(folder, done, ended, saved.save_every)
    early = ended and not flags and 0 < resolved.early_stop <= fruitless(folder)
    if early or (done >= resolved.steps and (ended or not resolved.eval_examples)):
        if processes.main:
            _end(folder)
        how = f"early_stop ended it after step {done}" if early else f"all {resolved.steps} steps are done"
        view.say(f"{path}: {how}; give more with --steps")
        return EXIT_NOTHING
    with contextlib.redirect_stdout(sys.stderr):
        plan = train.plan(loaded, resolved, view)
        train.check(plan, processes)
    for checkpoint, problem in folder.damaged_checkpoints().items():
        view.say(f"{checkpoint}: {problem}, so it is no checkpoint")
    view.say(f"resuming {path} after step {done}")
    return _carry_out(plan, folder, view, True, json_, processes)


def _end(folder: RunFolder) -> None:
    """What a run that was killed at its very end still lacks."""
    from rlvr.runner.report import run_page as report

    if folder.unfinished:
        folder.finish()
        report.write(folder)


def _same_progress(folder: RunFolder, done: int, ended: bool, save_every: int) -> None:
    """A run goes on and never begins again: raises ConfigError where no checkpoint is left of what was logged."""
    logged = [row["step"] for row in folder.metrics()]
    if not done and logged and (ended or logged[-1] > save_every):
        raise ConfigError(
            f"{folder.checkpoints}: no checkpoint is whole, though {logged[-1]} steps were logged, which beginning again "
            "would drop: put one back, or start a new run"
        )


def _same_verifier(folder: RunFolder, pack: Pack) -> None:
    """A verdict never changes silently: raises ConfigError where the pack's verifier isn't the run's any more."""
    then, now = folder.environment().verifier, json.loads(json.dumps(pack.spec(), default=str))
    if then is not None and then != now:
        raise ConfigError(
            f"{folder.path}: the verifier was {json.dumps(then)} when the run began and is {json.dumps(now)} now: start a "
            "new run, install the old version, or see what would change with `rlvr rescore`"
        )


def _carry_out(plan: Any, folder: RunFolder, view: View, resume: bool, json_: bool, processes: Processes) -> int:
    from rlvr.runner.report import run_page as report
    from rlvr.runner.training import run as train
    from rlvr.runner.training import trackers

    again = f"rlvr run --resume {shlex.quote(str(folder.path))}"
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is our JSON's; trackers print to it
            ending = train.run(plan, folder, view, resume=resume, processes=processes)
        if not processes.main:
            return 0
        page = report.write(folder)
    except KeyboardInterrupt:
        view.stop()
        view.say(f"stopped at once; what was saved stands. Continue with: {again}")
        return EXIT_INTERRUPTED
    except RlvrError:
        raise
    except Exception as error:
        view.stop()
        if tracker := trackers.behind(error, plan.config.report_to):
            raise ConfigError(f"report_to: {tracker}: {error}. When that is mended: {again}") from error
        full = shutil.disk_usage(folder.path).free < FULL
        if not full and not isinstance(error, OSError):
            raise
        where = getattr(error, "filename", None) or folder.path
        reason = "No space left on device" if full else getattr(error, "strerror", None) or error
        raise ConfigError(f"{where}: {reason}; what was written stands. When that is mended: {again}") from error
    finally:
        view.stop()
    figures = result(folder)
    if ending is train.Ending.INTERRUPTED:
        view.say(f"stopped. Continue with: {again}")
        return EXIT_INTERRUPTED
    view.outcome(figures)
    view.say(f"run folder: {folder.path}\nreport:     {page}")
    if json_:
        print(json.dumps(figures.as_json() | {"folder": str(folder.path), "report": str(page), "ending": str(ending)}))
    if ending is train.Ending.ALARM:
        view.warn(f"stopped by an alarm (on_alarm = stop). Go on all the same with: {again}")
        return EXIT_ALARM
    return 0


def _dry_run(plan: Any, json_: bool) -> int:
    import tomli_w

    from rlvr.runner.generation.prompts import tokenize
    from rlvr.runner.training.run import training_shots

    first = plan.train.examples[:1]
    texts = [training_shots(plan.pack, plan.config).prompt(first[0], plan.tokenizer)]
    ids = tokenize(plan.pack, first, texts, plan.tokenizer)
    resolved = {key: value for key, value in plan.config.model_dump().items() if value is not None}
    facts = {"pack": plan.pack.name, "model": plan.model.name, "model_origin": plan.model.origin,
             "backend": plan.backend, "data": dict(plan.train.origin), "context": plan.context,
             "prompt_tokens": len(ids[0])}  # fmt: skip
    if json_:
        print(json.dumps({**facts, "config": resolved, "prompt": texts[0]}, default=str))
        return 0
    print("# resolved configuration", tomli_w.dumps(resolved), sep="\n", file=sys.stderr)
    for name, value in facts.items():
        print(f"{name}: {value}", file=sys.stderr)
    print(f"\n# one training prompt ({len(ids[0])} tokens)\n{texts[0]}", file=sys.stderr)
    return 0
