"""The table of models with short names is consistent."""

from rlvr.runner.generation.known_models import BY_HUB_ID, KNOWN_MODELS, SHORT_NAMES


def test_known_models_have_names_of_their_own() -> None:
    assert len(SHORT_NAMES) == len(KNOWN_MODELS) == len(BY_HUB_ID)
    for model in KNOWN_MODELS:
        if model.wheels is not None:
            assert len(model.wheels.requirements) == len(model.wheels.members)
            assert all("==" in requirement for requirement in model.wheels.requirements)
            assert len(model.wheels.sha256) == 64
