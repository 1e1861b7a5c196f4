"""The tiny model: small, the same for the same seed, and a tokenizer that loses no character."""

import pytest

pytest.importorskip("transformers")

from rlvr.runner.generation import tiny_model

pytestmark = pytest.mark.train


def test_it_is_small() -> None:
    assert sum(parameter.numel() for parameter in tiny_model.build()[0].parameters()) < 100_000


def test_it_follows_from_its_seed_and_leaves_other_random_numbers_alone() -> None:
    import torch

    def weights(seed: int) -> list[torch.Tensor]:
        return [parameter.detach() for parameter in tiny_model.build(seed)[0].parameters()]

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, same, other = weights(1), weights(1), weights(2)
    assert torch.equal(torch.rand(3), expected)
    assert all(map(torch.equal, first, same))
    assert not all(map(torch.equal, first, other))


def test_a_token_is_a_character() -> None:
    _, tokenizer = tiny_model.build()
    for text in ("12+3=\n", " 1, (2)-3.\n", tiny_model.CHARACTERS):
        ids = tokenizer(text)["input_ids"]
        assert len(ids) == len(text)
        assert tokenizer.decode(ids) == text
    assert tokenizer("x")["input_ids"] == [tokenizer.unk_token_id]
