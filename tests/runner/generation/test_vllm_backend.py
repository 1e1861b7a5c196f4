"""vLLM gets the trainer's weights, and both back ends hand the trainer the same inputs."""

from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("vllm")

from rlvr.runner.generation import vllm_backend
from rlvr.runner.process.setup import prepare_vllm

prepare_vllm()

import torch

from rlvr.runner.generation import tiny_model as tiny
from rlvr.runner.generation.backend import Sampling, generate_all
from rlvr.runner.generation.transformers_backend import TransformersGenerator

pytestmark = [pytest.mark.train, pytest.mark.vllm, pytest.mark.timeout(400)]

PROMPTS = ["1+2=", "3+4=", "12+34="]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def llm(folder: Path):
    return vllm_backend.start(str(folder), 64, 16, dtype="float32")


@pytest.fixture
def model_and_tokenizer():
    return tiny.build()


def largest_difference(llm, model, tokenizer) -> float:
    """Between vLLM's log-probabilities of what it generates and the model's own."""
    from vllm import SamplingParams

    prompts = [{"prompt_token_ids": tokenizer(text)["input_ids"]} for text in PROMPTS]
    sampling = SamplingParams(temperature=1.0, max_tokens=8, logprobs=0, ignore_eos=True, seed=0)
    worst = 0.0
    for output in llm.generate(prompts, sampling, use_tqdm=False):
        generated = output.outputs[0]
        ids = [*output.prompt_token_ids, *generated.token_ids]
        with torch.no_grad():
            logps = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)
        for i, token in enumerate(generated.token_ids):
            mine = logps[len(output.prompt_token_ids) - 1 + i, token].item()
            worst = max(worst, abs(mine - generated.logprobs[i][token].logprob))
    return worst


def test_after_a_sync_vllm_computes_what_the_trainer_computes(llm, model_and_tokenizer) -> None:
    model, tokenizer = model_and_tokenizer
    for round_ in range(2):
        torch.manual_seed(round_)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        assert largest_difference(llm, model, tokenizer) > 0.1  # the weights that it had before
        vllm_backend.load_weights(llm, model.named_parameters())
        assert largest_difference(llm, model, tokenizer) < 1e-4


def test_both_back_ends_agree_on_greedy_completions(llm, model_and_tokenizer) -> None:
    model, tokenizer = model_and_tokenizer
    vllm_backend.load_weights(llm, model.named_parameters())
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    sampling = Sampling(6, temperature=0.0, stop=["\n"])
    ours = generate_all(TransformersGenerator(model, tokenizer), prompts, sampling)
    theirs = generate_all(vllm_backend.VllmGenerator(llm), prompts, sampling)
    assert [[(c.text, c.finish_reason) for c in group] for group in ours] == [
        [(c.text, c.finish_reason) for c in group] for group in theirs
    ]


def test_a_completion_is_handed_on_as_soon_as_it_is_finished(llm, model_and_tokenizer) -> None:
    _, tokenizer = model_and_tokenizer
    seen = []
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS * 4]
    vllm_backend.VllmGenerator(llm).generate(
        prompts, Sampling(12, n=2, seed=1), lambda i, found: seen.append((i, len(found)))
    )
    assert sorted(seen) == [(i, 2) for i in range(12)]


LONGEST = 12


class Observer:
    def __init__(self) -> None:
        self.recorded: list = []

    def rollouts(self, rollouts) -> None:
        self.recorded = rollouts

    def metrics(self, row) -> None:
        pass


@pytest.fixture(scope="module")
def trainers(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """{False: one that generates with transformers, True: one with vLLM}"""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig

    from rlvr.runner.generation.prompts import PromptEncoder
    from rlvr.runner.training.prompt_sampler import PromptSampler
    from rlvr.runner.training.rollouts import RolloutSettings, RolloutWorker
    from rlvr.runner.training.trainer import Trainer
    from rlvr.tasks.pack import load_pack
    from rlvr.tasks.prompt import Prompt
    from rlvr.tasks.splits import load_split
    from rlvr.verifiers.engine.engine import Engine

    pack = load_pack("addition")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    made = {}
    with Engine() as engine:
        for vllm in (False, True):
            args = GRPOConfig(
                output_dir=str(tmp_path_factory.mktemp("out")), use_cpu=True, bf16=False, report_to="none",
                use_vllm=vllm, vllm_mode="colocate", vllm_max_model_length=64, per_device_train_batch_size=16,
                num_generations=8, max_completion_length=LONGEST, temperature=1.0, gradient_checkpointing=False,
                disable_tqdm=True,
            )  # fmt: skip
            examples = load_split(pack, "train").examples
            worker = RolloutWorker(
                pack, examples, PromptEncoder(tokenizer, lambda e, _: Prompt(f"{e.question}="), LONGEST, 64), engine,
                PromptSampler(examples, 0), RolloutSettings(8, max_error_rate=1.0),
            )  # fmt: skip
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            made[vllm] = Trainer(worker, Observer(), model=model, tokenizer=tokenizer, args=args)
            made[vllm].model.train()
        yield made


def test_completions_are_verified_while_others_are_generated(trainers, monkeypatch: pytest.MonkeyPatch) -> None:
    from rlvr.tasks.pack import Pack

    trainer = trainers[True]
    engine = trainer.vllm_generation.llm.llm_engine
    events: list[str] = []
    submit, step = Pack.submit, engine.step
    monkeypatch.setattr(Pack, "submit", lambda *args, **more: events.append("submit") or submit(*args, **more))
    monkeypatch.setattr(engine, "step", lambda: events.append("step") or step())
    generated: list = []
    generate = trainer._generate_single_turn
    monkeypatch.setattr(trainer, "_generate_single_turn", lambda *args: generated.extend(out := generate(*args)) or out)
    batch = trainer._generate_and_score_completions([{"prompt": ""}] * 16)
    assert "submit" in events[: len(events) - events[::-1].index("step")]  # before the last step of generation
    rollouts = trainer._observer.recorded
    assert len(rollouts) == 16
    for tokens, kept, rollout in zip(
        *(batch[f"completion_{name}"].tolist() for name in ("ids", "mask")), rollouts, strict=True
    ):
        # What was submitted is what the trainer trains on, and its verdict is that of the whole completion.
        assert list(rollout.completion.tokens) == tokens[: sum(kept)]
        again = submit(trainer.worker.pack, trainer.worker.engine, rollout.example, rollout.completion).result()
        assert (rollout.verdict.status, rollout.verdict.extracted) == (again.status, again.extracted)
    assert [list(rollout.completion.tokens) for rollout in rollouts] == generated[0]
    assert trainer.vllm_generation.on_done is None


def test_a_failure_while_streaming_leaves_the_engine_usable(trainers, monkeypatch: pytest.MonkeyPatch) -> None:
    from rlvr.tasks.pack import Pack

    trainer = trainers[True]

    def broken(*_, **__):
        raise RuntimeError("the engine was closed")

    with monkeypatch.context() as patched:
        patched.setattr(Pack, "submit", broken)
        with pytest.raises(RuntimeError, match="the engine was closed"):
            trainer._generate_and_score_completions([{"prompt": ""}] * 16)
    assert not trainer.vllm_generation.llm.llm_engine.has_unfinished_requests()
    trainer._generate_and_score_completions([{"prompt": ""}] * 16)
    assert [rollout.group for rollout in trainer._observer.recorded] == [0] * 8 + [1] * 8


def test_the_trainers_inputs_have_the_same_shape_and_meaning(trainers) -> None:
    batches = {}
    for vllm, trainer in trainers.items():
        rows = [{"prompt": ""}] * 16
        trainer.worker.sampler.restore(trainer.worker.sampler.__class__(trainer.worker.examples, 0).state())
        batches[vllm] = (trainer._generate_and_score_completions(rows), trainer.eos_token_ids)
    (plain, eos), (fast, _) = batches[False], batches[True]
    assert set(plain) <= set(fast)
    assert set(fast) - set(plain) <= {"old_per_token_logps", "sampling_per_token_logps", "importance_sampling_ratio"}
    torch.testing.assert_close(plain["prompt_ids"], fast["prompt_ids"])
    torch.testing.assert_close(plain["prompt_mask"], fast["prompt_mask"])
    for batch in (plain, fast):
        ids, mask = batch["completion_ids"], batch["completion_mask"]
        assert ids.shape == mask.shape
        assert ids.shape[0] == 16
        assert ids.shape[1] <= LONGEST
        assert batch["advantages"].shape == (16,)
        assert batch["num_items_in_batch"] == mask.sum()
        for row, kept in zip(ids.tolist(), mask.tolist(), strict=True):
            length = sum(kept)
            assert kept == [1] * length + [0] * (len(row) - length)  # right padded
            ended = row[length - 1] in eos
            assert ended or length == ids.shape[1]
            assert not any(token in eos for token in row[: length - 1])
    # The log-probabilities that vLLM sampled with are those that the trainer computes.
    mask = fast["completion_mask"].bool()
    difference = (fast["old_per_token_logps"] - fast["sampling_per_token_logps"]).abs()[mask]
    assert difference.max() < 0.1  # bfloat16 against float32
