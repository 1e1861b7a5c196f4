"""Packs in TRL, inspect_ai and PrimeIntellect's verifiers: against the real packages if they are installed."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rlvr
from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.tasks.interop.rows import to_example
from rlvr.tasks.pack import Pack, load_pack
from rlvr.verifiers.engine.engine import Engine

TASK = """
name = "my-sums"
description = "Sums"
license = "CC0-1.0"
gold_completion = "#### {gold}"
[data]
files = { train = "train.jsonl", test = "test.jsonl" }
[prompt]
system = "Add."
question = "{question} = ?"
shots = 1
[verifier]
name = "hinted"
[reward]
correct = 2.0
unparsed = -1.0
truncated = "mask"
parts = { format = 0.5 }
"""
OWN = """
import rlvr
from rlvr import Verdict

@rlvr.verifier("hinted", bounded=True)
def hinted(example, completion):
    if example.metadata.get("hint") != "h":
        return Verdict.error("no hint")
    text = completion.text
    if not text.startswith("#### "):
        return Verdict.unparsed("no marker")
    return Verdict.of(text[5:] == example.gold, text[5:], "compared", format=1.0)
"""
ROWS = '{"question": "1+1", "gold": "2", "metadata": {"hint": "h"}}\n{"question": "1+2", "gold": "3"}\n'


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    shots = '{"question": "0+0", "gold": "0", "completion": "#### 0", "metadata": {"hint": "h"}}\n'
    files = {"task.toml": TASK, "verifier.py": OWN, "train.jsonl": ROWS, "test.jsonl": ROWS, "fewshot.jsonl": shots}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return load_pack(str(tmp_path))


@pytest.fixture
def mixture(pack: Pack) -> Pack:
    """`pack`, which pays 5 for a correct answer and for its format, in a mixture that leaves [reward] at its default."""
    (pack.folder / "task.toml").write_text(TASK.replace("correct = 2.0", "correct = 5.0"))
    folder = pack.folder / "mixture"
    folder.mkdir()
    (folder / "task.toml").write_text(
        'name = "mixture"\ndescription = "One pack"\nlicense = "CC0-1.0"\n'
        '[data.packs]\nshares = { ".." = 1 }\nsizes = { train = 2, test = 2 }\n'
    )
    return load_pack(str(folder))


# ---- rows


def test_rows_go_there_and_back(pack: Pack) -> None:
    rows = rlvr.as_trl_rows(pack)
    assert rows[0]["prompt"] == [
        {"role": "system", "content": "Add."},
        {"role": "user", "content": "0+0 = ?"},
        {"role": "assistant", "content": "#### 0"},
        {"role": "user", "content": "1+1 = ?"},
    ]
    assert len(rlvr.as_trl_rows(pack, shots=0)[0]["prompt"]) == 2
    assert all(isinstance(value, str) for row in rows for name, value in row.items() if name != "prompt")
    assert to_example(rows[0]) == rlvr.Example("train-0", "1+1", "2", "", {"hint": "h"})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"solution": "2"}, "no column 'gold' with the gold answers; found solution"),
        ({"gold": "2", "metadata": "{"}, "column 'metadata' is not valid JSON"),
        ({"gold": "2", "metadata": "[1]"}, "column 'metadata' must be an object, not list"),
    ],
)
def test_rows_that_are_no_examples(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        to_example(row)


# ---- TRL


def test_a_reward_for_trl(pack: Pack, engine: Engine) -> None:
    function = rlvr.as_trl_reward(pack, engine=engine, end_ids=[0])
    texts = ["#### 2", "#### 3", "2", "#### 2"]
    columns = {"gold": ["2"] * 4, "metadata": ['{"hint": "h"}'] * 3 + ["{}"]}
    assert function([""] * 4, texts, **columns) == [2.5, 0.5, -1.0, None]
    chat = [[{"role": "assistant", "content": text}] for text in texts]
    assert function([""] * 4, chat, trainer_state=object(), **columns) == [2.5, 0.5, -1.0, None]
    ids = [[5, 0], [5, 6], [5, 0], [5, 0]]  # the second is cut off: it doesn't end with an end token
    logged: dict[str, float] = {}
    assert function([""] * 4, texts, completion_ids=ids, log_metric=logged.__setitem__, **columns) == [
        2.5,
        None,
        -1.0,
        None,
    ]
    assert (logged["verdicts/correct"], logged["verdicts/error"]) == (0.25, 0.25)
    assert function.__name__ == "rlvr_my_sums"  # type: ignore[attr-defined]


def test_trl_pays_what_the_member_of_a_mixture_pays(mixture: Pack, engine: Engine) -> None:
    columns = {"gold": ["2"] * 3, "metadata": [{"hint": "h"}] * 3, "pack": ["my-sums"] * 3}
    function = rlvr.as_trl_reward(mixture, engine=engine)
    assert function([""] * 3, ["#### 2", "#### 3", "2"], **columns) == [5.5, 0.5, -1.0]


def test_the_gold_column_may_have_another_name(pack: Pack, engine: Engine) -> None:
    function = rlvr.as_trl_reward(pack, gold="solution", engine=engine)
    assert function([""], ["#### 2"], solution=["2"], metadata=[{"hint": "h"}]) == [2.5]
    with pytest.raises(ConfigError, match="no column 'solution' with the gold answers; found gold"):
        function([""], ["#### 2"], gold=["2"])


def test_what_is_wrong_with_a_pack_is_said_at_once(pack: Pack) -> None:
    with pytest.raises(ConfigError, match="no pack is called 'nothing'"):
        rlvr.as_trl_reward("nothing")
    (pack.folder / "task.toml").write_text(TASK.replace('"hinted"', '"hintd"'))
    with pytest.raises(ConfigError, match="no verifier is called 'hintd'"):
        rlvr.as_trl_reward(str(pack.folder))


@pytest.mark.train
def test_trl_trains_with_it(tmp_path: Path, engine: Engine) -> None:
    pytest.importorskip("trl")
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from rlvr.runner.generation import tiny_model as tiny

    model, tokenizer = tiny.build()
    rows = [{**row, "prompt": row["question"] + "="} for row in rlvr.as_trl_rows("addition")[:8]]
    arguments = GRPOConfig(
        output_dir=str(tmp_path), max_steps=1, per_device_train_batch_size=4, num_generations=4, max_completion_length=2,
        use_cpu=True, bf16=False, report_to=[], logging_steps=1, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    reward = rlvr.as_trl_reward("addition", engine=engine, end_ids=[tokenizer.eos_token_id])
    trainer = GRPOTrainer(
        model, reward_funcs=[reward], args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    assert 0 <= logged["rewards/rlvr_addition/mean"] <= 1
    assert sum(value for name, value in logged.items() if name.startswith("verdicts/")) == pytest.approx(1)


# ---- inspect_ai


def test_without_inspect_ai_it_says_what_to_install(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.scorer", None)
    with pytest.raises(PrerequisiteError, match="pip install inspect-ai"):
        rlvr.as_inspect_scorer(pack)


def test_inspect_ai_evaluates_with_it(pack: Pack, engine: Engine, tmp_path: Path) -> None:
    inspect_ai = pytest.importorskip("inspect_ai", reason="needs inspect_ai: pip install inspect-ai")
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    samples = rlvr.as_inspect_samples(pack)
    assert [message.role for message in samples[0].input] == ["system", "user", "assistant", "user"]
    samples = [samples[0]] * 3 + [samples[1]]
    for number, sample in enumerate(samples):
        samples[number] = sample.model_copy(update={"id": number})
    outputs = [ModelOutput.from_content("mockllm/model", text) for text in ("#### 2", "#### 5", "2", "#### 3")]
    for output in outputs:  # else it counts tokens, with a tokenizer from the net
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    task = inspect_ai.Task(dataset=MemoryDataset(samples), scorer=rlvr.as_inspect_scorer(pack, engine=engine))
    model = get_model("mockllm/model", custom_outputs=outputs)
    (log,) = inspect_ai.eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none", max_samples=1)
    assert log.status == "success", log.error
    scores = {sample.id: next(iter(sample.scores.values())) for sample in log.samples}
    assert [scores[number].value for number in range(3)] == ["C", "I", "I"]
    assert scores[3].value != scores[3].value  # unscored: an `error` says nothing about the model
    assert [scores[number].metadata["status"] for number in range(4)] == ["correct", "incorrect", "unparsed", "error"]
    assert scores[1].answer == "5"
    metrics = log.results.scores[0].metrics
    assert metrics["accuracy"].value == pytest.approx(1 / 3)


# ---- PrimeIntellect's verifiers


def prime() -> Any:
    # Where the checkout's root is on sys.path, the name is our own folder's, which says so with an ImportError.
    reason = "needs PrimeIntellect's verifiers: pip install 'verifiers>=0.4'"
    return pytest.importorskip("verifiers.v1", reason=reason, exc_type=ImportError)


def test_without_the_package_it_says_what_to_install(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "verifiers.v1", None)
    with pytest.raises(PrerequisiteError, match=r"pip install 'verifiers>=0\.4'"):
        rlvr.as_prime_taskset(pack)


def test_a_taskset_with_its_reward(pack: Pack, engine: Engine) -> None:
    vf = prime()
    tasks = list(rlvr.as_prime_taskset(pack, engine=engine)(vf.TasksetConfig()))
    assert [task.data.id for task in tasks] == ["train-0", "train-1"]
    assert tasks[0].data.system_prompt == "Add."
    assert [message.role for message in tasks[0].data.prompt] == ["user", "assistant", "user"]
    assert json.loads(tasks[0].data.model_dump_json())["row"]["gold"] == "2"

    def scored(task: Any, text: str) -> Any:
        trace = vf.Trace(task={"type": "Task", "data": task.data}, agent={"config": vf.AgentConfig()}, root_reply=text)
        asyncio.run(task.score(trace))
        return trace

    assert [scored(tasks[0], text).reward for text in ("#### 2", "#### 5", "2")] == [2.5, 0.5, -1.0]
    assert scored(tasks[0], "#### 2").metrics["verdict/correct"] == 1.0
    with pytest.raises(vf.TaskError, match="error: no hint"):
        scored(tasks[1], "#### 3")
    assert asyncio.run(tasks[0].validate(None)) is True
    assert asyncio.run(tasks[1].validate(None)) is False


def test_prime_pays_what_the_member_of_a_mixture_pays(mixture: Pack, engine: Engine) -> None:
    vf = prime()
    tasks = list(rlvr.as_prime_taskset(mixture, engine=engine)(vf.TasksetConfig()))
    (task,) = (task for task in tasks if task.data.row["gold"] == "2")
    trace = vf.Trace(task={"type": "Task", "data": task.data}, agent={"config": vf.AgentConfig()}, root_reply="#### 2")
    asyncio.run(task.score(trace))
    assert trace.reward == 5.5
    assert asyncio.run(task.validate(None)) is True
