"""The learning signal before training: what is measured, when a run stops, and that training doesn't notice. No model."""

import copy
import random
from collections.abc import Iterator

import pytest

from rlvr.runner.generation.prompts import EncodedPrompt
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.run_folder.learning_signal import LearningSignal
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.runner.training.rollouts import RolloutSettings, RolloutWorker
from rlvr.runner.training.signal_check import MORE, measure
from rlvr.tasks.pack import load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers import Verifier
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Status, Verdict

SIZE = 4


@pytest.fixture
def make_worker() -> Iterator:
    """make(verify, processes): a worker on addition whose completions `verify` decides."""
    with Engine() as engine:

        def make(verify, processes: Processes = ALONE) -> RolloutWorker:
            pack = load_pack("addition")
            vars(pack)["verifiers"] = {"": Verifier("fake", verify, bounded=True)}
            examples = load_split(pack, "train").examples[:64]
            return RolloutWorker(
                pack, examples, lambda examples, step: [EncodedPrompt(e.question, [1, 2]) for e in examples], engine,
                PromptSampler(examples, 0), RolloutSettings(SIZE, resample_rounds=3), processes=processes,
            )  # fmt: skip

        yield make


class Digits:
    """A fake generator that counts the groups it makes."""

    def __init__(self) -> None:
        self.groups, self._draw = 0, random.Random(0)

    def __call__(self, prompts, on_completion) -> None:
        self.groups += len(prompts)
        for place in range(len(prompts) * SIZE):
            on_completion(place, Completion(str(self._draw.randrange(10)), (place,)))


def test_groups_whose_rewards_differ_are_counted(make_worker) -> None:
    generate = Digits()
    signal = measure(make_worker(lambda example, completion: completion.text in "01234"), generate, 8, at_once=3)
    assert generate.groups == signal.groups == 8
    assert 5 <= signal.varied <= 8
    assert (signal.completions, 8 < signal.correct < 24) == (8 * SIZE, True)
    assert signal.outlook == "there is a learning signal"


@pytest.mark.parametrize(("answer", "correct"), [("x", 0), ("0123456789", MORE * 8 * SIZE)])
def test_where_nothing_differs_more_groups_are_sampled_before_that_is_believed(make_worker, answer, correct) -> None:
    generate = Digits()
    signal = measure(make_worker(lambda example, completion: completion.text in answer), generate, 8, at_once=8)
    assert generate.groups == signal.groups == MORE * 8
    assert (signal.varied, signal.correct) == (0, correct)
    assert signal.outlook == "there is no learning signal"


def test_a_rare_success_ends_the_search(make_worker) -> None:
    count = iter(range(10**6))
    generate = Digits()
    signal = measure(make_worker(lambda example, completion: next(count) == 8 * SIZE), generate, 8, at_once=64)
    assert (signal.groups, signal.varied) == (MORE * 8, 1)
    assert signal.outlook.startswith("the learning signal is weak")


def test_infrastructure_errors_say_nothing_about_the_model(make_worker) -> None:
    signal = measure(make_worker(lambda example, completion: Verdict(Status.ERROR)), Digits(), 8, at_once=8)
    assert signal == LearningSignal(0, 0, 0, 0)
    assert str(signal) == "no group of the sample has verdicts about the model"


def test_the_worker_of_the_training_stays_as_it_was(make_worker) -> None:
    worker = make_worker(lambda example, completion: completion.text in "01234")
    before = copy.deepcopy(worker.sampler.state())
    first = measure(worker, Digits(), 8, at_once=4)
    assert worker.sampler.state() == before
    assert not worker.recent
    assert measure(worker, Digits(), 8, at_once=4) == first
    assert [group.index for group in worker.collect(4, Digits(), 1).groups]  # of 64 examples, which are not copied


def test_processes_share_the_sample(make_worker) -> None:
    class Two(Processes):
        def concatenate(self, own: list) -> list:
            return [*own, *own]

    generate = Digits()
    signal = measure(make_worker(lambda example, completion: completion.text in "01234", Two(2, 0)), generate, 8, 8)
    assert (generate.groups, signal.groups) == (4, 8)
