"""`rlvr run`: train a model on a pack."""

import contextlib
import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from rlvr.errors import ConfigError, ExitCode, RlvrError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.processes import Processes
from rlvr.runner.run_folder.checkpoints import step_of
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.run_folder.result import result
from rlvr.runner.settings.flags import with_flags
from rlvr.runner.settings.resolve import from_flags, overlay, resolve
from rlvr.runner.settings.run_config import RunConfig, subject_of
from rlvr.tasks.pack import Pack, load_pack

if TYPE_CHECKING:
    from rlvr.runner.training.plan import Plan

RUN = Group.create_ordered("This run")
FULL_DISK = 1 << 20  # bytes; with fewer free, an error of torch or safetensors means a full disk


@dataclass(frozen=True, slots=True)
class Session:
    """What one call of the command shows, to whom, and with how many processes."""

    view: View
    processes: Processes
    json: bool
    force: bool = False


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
    force: Annotated[bool, Parameter(group=RUN, negative="")] = False,
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
    force
        Train even if the sampled groups show no learning signal (see --signal-check).
    json_
        Print the run's result as one JSON object on stdout.
    """
    processes = Processes.here()
    session = Session(View(quiet=not processes.main), processes, json_, force)
    if resume is not None:
        as_it_was = not (pack or profile or config or set(flags) - {"steps"})
        return _resume(resume, flags, as_it_was, session)
    loaded = load_pack(_named(pack), check=True)  # a wrong verifier is reported before a model is downloaded
    plan = _plan(loaded, resolve(loaded, profile, config, flags), session)
    if dry_run:
        return _dry_run(plan, session)
    root, names = Path(plan.config.output), (loaded.name, plan.model.name)
    folder = RunFolder(processes.from_main(lambda: RunFolder.create(root, *names, plan.config, plan.record()).path))
    if processes.main:
        folder.lock()
    session.view.say(f"run folder: {folder.path}")
    return _carry_out(plan, folder, session, resume=False)


def _named(pack: str) -> str:
    if not pack:
        raise ConfigError("name a pack: `rlvr run tasks/gsm8k` (`rlvr list packs` shows what is installed)")
    return pack


def _plan(pack: Pack, config: RunConfig, session: Session) -> "Plan":
    with contextlib.redirect_stdout(sys.stderr):  # transformers prints to stdout when it is imported
        from rlvr.runner.training.plan import make_plan

        return make_plan(pack, config, session.view, session.processes)


def _resume(path: Path, flags: Mapping[str, Any], as_it_was: bool, session: Session) -> int:
    """Resume the run in `path`, if there is anything left to do."""
    from rlvr.runner.training.periodic_evaluation import evaluations_since_best

    if not as_it_was:
        raise ConfigError("--resume continues a run as it was: of the other arguments only --steps goes with it")
    folder, pack_name, saved = RunFolder.open(path)
    if session.processes.main:
        folder.lock()
    pack = load_pack(folder.recorded_pack(pack_name), check=True)
    config = overlay(saved, from_flags(flags))
    _require_same_verifier(folder, pack)
    done, final_done = step_of(folder.last_checkpoint()), folder.evaluated("after")
    _require_checkpoint(folder, done, final_done, saved.save_every)
    stopped_early = final_done and not flags and 0 < config.early_stop <= evaluations_since_best(folder)
    if stopped_early or (done >= config.steps and (final_done or not config.eval_examples)):
        if session.processes.main:
            _complete(folder)
        how = f"early_stop ended it after step {done}" if stopped_early else f"all {config.steps} steps are done"
        session.view.say(f"{path}: {how}; give more with --steps")
        return ExitCode.NOTHING_TO_DO
    plan = _plan(pack, config, session)
    for checkpoint, problem in folder.damaged_checkpoints().items():
        session.view.say(f"{checkpoint}: {problem}, so this checkpoint is skipped")
    session.view.say(f"resuming {path} after step {done}")
    return _carry_out(plan, folder, session, resume=True)


def _complete(folder: RunFolder) -> None:
    """Write what is still missing of a run that was killed at its very end."""
    from rlvr.runner.report import run_page

    if folder.unfinished:
        folder.finish()
        run_page.write(folder)


def _require_checkpoint(folder: RunFolder, done: int, final_done: bool, save_every: int) -> None:
    """A run is continued, never started over: raises ConfigError if steps were logged but no checkpoint is left."""
    logged = [row["step"] for row in folder.metrics()]
    if not done and logged and (final_done or logged[-1] > save_every):
        raise ConfigError(
            f"{folder.checkpoints}: no checkpoint is complete, though {logged[-1]} steps were logged, which starting over "
            "would drop: put a checkpoint back, or start a new run"
        )


def _require_same_verifier(folder: RunFolder, pack: Pack) -> None:
    """A verdict never changes silently: raises ConfigError if the pack's verifier is not the run's any more."""
    then, now = folder.environment().verifier, json.loads(json.dumps(pack.spec(), default=str))
    if then is not None and then != now:
        raise ConfigError(
            f"{folder.path}: the verifier was {json.dumps(then)} when the run began and is {json.dumps(now)} now: start a "
            "new run, install the old version, or see what would change with `rlvr rescore`"
        )


def _carry_out(plan: "Plan", folder: RunFolder, session: Session, *, resume: bool) -> int:
    """Run the plan, write the report, and say how it ended."""
    from rlvr.runner.report import run_page
    from rlvr.runner.training import run as training
    from rlvr.runner.training.stopping import Ending

    view, again = session.view, f"rlvr run --resume {shlex.quote(str(folder.path))}"
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for our JSON; trackers print to it
            ending = training.run(plan, folder, view, resume=resume, force=session.force, processes=session.processes)
        if not session.processes.main:
            return ExitCode.OK
        page = run_page.write(folder)
    except KeyboardInterrupt:
        view.stop()
        view.say(f"stopped at once; what was saved is kept. Continue with: {again}")
        return ExitCode.INTERRUPTED
    except RlvrError:
        raise
    except Exception as error:
        view.stop()
        if (reason := _reason(error, plan, folder)) is None:
            raise
        raise ConfigError(f"{reason}. When that is fixed: {again}") from error
    finally:
        view.stop()
    figures = result(folder)
    if ending is Ending.INTERRUPTED:
        view.say(f"stopped. Continue with: {again}")
        return ExitCode.INTERRUPTED
    view.outcome(figures)
    view.say(f"run folder: {folder.path}\nreport:     {page}")
    if session.json:
        print(json.dumps(figures.as_json() | {"folder": str(folder.path), "report": str(page), "ending": str(ending)}))
    if ending is Ending.ALARM:
        view.warn(f"stopped by an alarm (on_alarm = stop). To continue in spite of it: {again}")
        return ExitCode.FAILED
    return ExitCode.OK


def _reason(error: Exception, plan: "Plan", folder: RunFolder) -> str | None:
    """What went wrong, if it can be fixed outside of rlvr: a tracker without a login, a full disk, another file error."""
    from rlvr.runner.training import trackers

    if tracker := trackers.behind(error, plan.config.report_to):
        return f"report_to: {tracker}: {error}"
    full = shutil.disk_usage(folder.path).free < FULL_DISK
    if not full and not isinstance(error, OSError):
        return None
    where = getattr(error, "filename", None) or folder.path
    reason = "No space left on device" if full else getattr(error, "strerror", None) or error
    return f"{where}: {reason}; what was written is kept"


def _dry_run(plan: "Plan", session: Session) -> int:
    """Show the settings and one prompt: with --json on stdout, otherwise on stderr."""
    import tomli_w

    from rlvr.runner.generation.prompts import tokenize

    first = plan.train.examples[:1]
    prompt = plan.shots.prompt(first[0], plan.tokenizer)
    tokens = len(tokenize([prompt], plan.tokenizer)[0])
    settings = plan.config.model_dump(exclude_none=True)
    facts = {"pack": plan.pack.name, "model": plan.model.name, "model_origin": plan.model.origin,
             "backend": plan.backend, "data": dict(plan.train.origin), "context": plan.context,
             "prompt_tokens": tokens}  # fmt: skip
    if session.json:
        print(json.dumps({**facts, "config": settings, "prompt": prompt.text}, default=str))
        return ExitCode.OK
    print("# resolved configuration", tomli_w.dumps(settings), sep="\n", file=sys.stderr)
    for name, value in facts.items():
        print(f"{name}: {value}", file=sys.stderr)
    print(f"\n# one training prompt ({tokens} tokens)\n{prompt.text}", file=sys.stderr)
    return ExitCode.OK
