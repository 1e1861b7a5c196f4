"""Asks before the first update whether there is anything to learn from: do the rewards within a group differ?

Groups are sampled as in training, by the trainer's own back end, from the questions that training asks first. The sampler
and all random numbers of the training that follows stay as they were: a run has the same metrics with and without it.
"""

import copy
import dataclasses
from typing import TYPE_CHECKING

from rlvr.errors import ExitCode, RlvrError
from rlvr.runner.generation.backend import seeded
from rlvr.runner.run_folder.learning_signal import LearningSignal
from rlvr.runner.training.advantages import Advantages
from rlvr.runner.training.plan import RunContext
from rlvr.runner.training.rollouts import Generate, Group, RolloutWorker

if TYPE_CHECKING:
    from rlvr.runner.training.trainer import Trainer

MORE = 4  # times as many groups are sampled before a run is stopped: where successes are rare, few groups miss them


class NoLearningSignal(RlvrError):
    """In no sampled group do the rewards differ: all advantages would be 0, and nothing would be learned."""

    exit_code = ExitCode.FAILED


def check_signal(context: RunContext, trainer: "Trainer", *, force: bool) -> None:
    """Measure the learning signal, say what to expect, and record it in the run's folder.

    All processes must call it. Raises NoLearningSignal if the rewards differ in no group, unless `force`. Control runs are
    not checked, and neither are runs with `signal_check = 0`.
    """
    plan, view, folder, processes = context.plan, context.view, context.folder, context.processes
    config = plan.config
    if not config.signal_check or config.reward != "verifier":
        return
    view.say(f"learning signal: sampling {config.signal_check} groups …")
    with seeded(config.seed):
        signal = measure(trainer.worker, trainer.generate_groups, config.signal_check, config.prompts_per_step)
    view.say(f"learning signal: {signal}: {signal.outlook}")
    # With a baseline of the category, groups without variance have advantages too.
    hopeless = bool(signal.groups) and not signal.varied and not config.category_baseline
    reason = (
        _advice(signal, f"rlvr profile {plan.pack.name}" + (f" --model {config.model}" if config.model else ""))
        if hopeless
        else ""
    )
    if processes.main:
        folder.add_signal(signal, "" if force else reason)
    if reason and not force:
        raise NoLearningSignal(reason)
    if reason:
        view.warn("training goes on without a learning signal, because of --force")


def measure(worker: RolloutWorker, generate: Generate, groups: int, at_once: int) -> LearningSignal:
    """The learning signal of `groups` groups, and of up to `MORE` times as many while the rewards differ in none.

    `at_once` groups are sampled together by all processes. The worker's state doesn't change.
    """
    probe = _probe(worker)
    signal = LearningSignal(0, 0, 0, 0)
    sampled, wanted = 0, groups
    while sampled < wanted:
        count = -(-min(wanted - sampled, at_once) // worker.processes.count)  # of this process
        batch = probe.collect(count, generate, step=1)
        signal = sum(worker.processes.concatenate(list(map(_signal_of, batch.groups))), signal)
        sampled += count * worker.processes.count
        if not signal.varied:
            wanted = MORE * groups
    return signal


def _probe(worker: RolloutWorker) -> RolloutWorker:
    """A worker that draws, prompts and rewards as `worker` does, and shares no state with it."""
    settings = dataclasses.replace(worker.settings, shadow=None, resample_rounds=0)
    return RolloutWorker(
        worker.pack,
        worker.examples,
        worker.encode,
        worker.engine,
        copy.deepcopy(worker.sampler, {id(worker.examples): worker.examples}),
        settings,
        Advantages(),
        worker.processes,
    )


def _signal_of(group: Group) -> LearningSignal:
    paid = sum(reward is not None for reward in group.rewards)
    decided = [scored for scored in group.completions if not scored.verdict.status.masked]
    correct = sum(scored.verdict.status == "correct" for scored in decided)
    return LearningSignal(int(paid > 1), int(group.has_variance), len(decided), correct)


def _advice(signal: LearningSignal, profile: str) -> str:
    """Why the run stops, and three things to try; `profile` is the command that shows how hard each example is."""
    if not signal.correct:
        cause, other = "the pack, or its answer format, is too hard for this model", "an easier"
    elif signal.correct == signal.completions:
        cause, other = "the pack is too easy for this model", "a harder"
    else:
        cause, other = "each question is either too easy or too hard for this model", "another"
    _, high = signal.interval
    return (
        f"no learning signal: in none of {signal.groups} groups do the rewards differ (with 95 % confidence in at most "
        f"{high:.0%} of all), and {signal.pass_rate}, so GRPO has nothing to learn from: {cause}. "
        f"Try (1) more few-shot examples (--shots), (2) {other} pack, such as what `{profile} --keep 0.1:0.9 "
        "--output FOLDER` keeps of this one, or a model that was trained on worked solutions first, (3) a larger "
        "--group-size or a higher --temperature. --force trains anyway"
    )
