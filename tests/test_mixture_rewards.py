"""A mixture pays what the example's own pack pays, whichever way the pack is used: every adapter, a run, and rescore."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rlvr
from rlvr.runner.analysis.rescore import rescore
from rlvr.runner.settings.run_config import RunConfig
from rlvr.tasks.interop.rows import to_rows
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.rows import rollout_to_row
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

HEAD = 'name = "{0}"\ndescription = "{0}"\nlicense = "CC0-1.0"\n'
MEMBER = '[data]\nfiles = { train = "train.jsonl" }\n[verifier]\nname = "number"\n'  # it has a part `format`
REWARDS = {"paying": "[reward]\ncorrect = 5.0\nunparsed = -1.0\nparts = { format = 0.5 }\n", "plain": ""}
MIXTURE = '[data.packs]\nshares = { "../paying" = 1, "../plain" = 1 }\nsizes = { train = 2 }\n[reward]\ncorrect = 3.0\n'
TEXTS = ["#### 2", "#### 3", "2"]  # correct, incorrect, unparsed
PAID = {"paying": [5.5, 0.5, -1.0], "plain": [1.0, 0.0, 0.0]}
Pairs = Sequence[tuple[Example, Completion]]
Pay = Callable[[Pack, Pairs, Engine], list[float | None]]


@pytest.fixture
def mixture(tmp_path: Path) -> Pack:
    for name, rewards in REWARDS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.toml").write_text(HEAD.format(name) + MEMBER + rewards)
        (tmp_path / name / "train.jsonl").write_text('{"question": "1+1", "answer": "2"}\n')
    (tmp_path / "mixture").mkdir()
    (tmp_path / "mixture" / "task.toml").write_text(HEAD.format("mixture") + MIXTURE)
    return load_pack(str(tmp_path / "mixture"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


def by_pack(pack: Pack, pairs: Pairs, engine: Engine) -> list[float | None]:
    """As the runner's trainer does."""
    verdicts = pack.verify_batch(engine, pairs)
    return [
        pack.reward(example, completion, verdict).value
        for (example, completion), verdict in zip(pairs, verdicts, strict=True)
    ]


def by_rescore(pack: Pack, pairs: Pairs, engine: Engine) -> list[float | None]:
    unpaid = (Verdict(Status.UNPARSED), Reward(0.0))
    rows = [
        rollout_to_row(Rollout(example, "", completion, *unpaid, advantage=None, group=place, step=1))
        for place, (example, completion) in enumerate(pairs)
    ]
    return [rollout.reward.value for rollout in rescore(rows, pack, RunConfig(), engine)]


def by_trl(pack: Pack, pairs: Pairs, engine: Engine) -> list[float | None]:
    columns = {
        "gold": [example.gold for example, _ in pairs],
        "pack": [example.pack for example, _ in pairs],
        "metadata": ["{}"] * len(pairs),
    }
    texts = [completion.text for _, completion in pairs]
    return rlvr.as_trl_reward(pack, engine=engine)([""] * len(pairs), texts, **columns)


def by_prime(pack: Pack, pairs: Pairs, engine: Engine) -> list[float | None]:
    reason = "needs PrimeIntellect's verifiers: pip install 'verifiers>=0.4'"
    vf: Any = pytest.importorskip("verifiers.v1", reason=reason, exc_type=ImportError)
    tasks = {task.data.id: task for task in rlvr.as_prime_taskset(pack, engine=engine)(vf.TasksetConfig()).load()}
    rewards = []
    for example, completion in pairs:
        task = tasks[example.id]
        data = {"type": "Task", "data": task.data}
        trace = vf.Trace(task=data, agent={"config": vf.AgentConfig()}, root_reply=completion.text)
        asyncio.run(task.score(trace))
        rewards.append(trace.reward)
    return rewards


@pytest.mark.parametrize("pay", [by_pack, by_rescore, by_trl, by_prime])
def test_a_mixture_pays_what_the_examples_own_pack_pays(mixture: Pack, engine: Engine, pay: Pay) -> None:
    examples = load_split(mixture, "train").examples
    assert {example.pack for example in examples} == set(PAID)
    pairs = [(example, Completion(text)) for example in examples for text in TEXTS]
    assert pay(mixture, pairs, engine) == [value for example in examples for value in PAID[example.pack]]


def test_a_scorer_of_inspect_gives_the_verdict_and_parts_of_the_examples_own_pack(
    mixture: Pack, engine: Engine
) -> None:
    pytest.importorskip("inspect_ai", reason="needs inspect_ai: pip install inspect-ai")
    from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState

    score = rlvr.as_inspect_scorer(mixture, engine=engine)
    for row in to_rows(mixture, "train", None, None):
        answer = row.pop("gold")
        messages = [ChatMessageUser(content=row["question"])]
        for text, value in zip(TEXTS, "CII", strict=True):
            output = ModelOutput.from_content("mockllm/model", text)
            state = TaskState(
                ModelName("mockllm/model"), row["id"], 1, row["question"], messages, metadata=row, output=output
            )
            found = asyncio.run(score(state, Target(answer)))  # type: ignore[arg-type]
            assert found is not None
            assert found.value == value
            assert found.metadata is not None
            assert found.metadata["parts"]["format"] == float(text.startswith("####"))
