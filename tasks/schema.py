"""The fields of a task.toml. An unknown field is an error, so that a misspelt one is never silently ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Table(BaseModel):
    """A table of a TOML file: immutable, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generator(Table):
    """[data.generator]: the pack's data.py makes the rows, with `generate(split, size, seed)`."""

    seed: int = 0
    sizes: dict[str, Positive]


class Substitute(Table):
    """[data.substitute]: a reasoning-gym generator, used if neither hub nor mirror answers."""

    dataset: str
    seed: int = 0
    sizes: dict[str, Positive]
    options: dict[str, Any] = {}


class Packs(Table):
    """[data.packs]: examples drawn from other packs, each with its own pack's prompt and verifier."""

    shares: Annotated[
        dict[str, Share], Field(min_length=1)
    ]  # an installed pack, or a folder beside this one -> its share
    sizes: dict[str, Positive]
    seed: int = 0
    levels: bool = False  # categories are `pack/category` rather than `pack`


class HubSplit(Table):
    """[data.hubs.SPLIT]: the data set on the Hugging Face hub that one split comes from."""

    hub: Annotated[str, Field(min_length=1)]
    revision: Annotated[str, Field(min_length=1)]
    split: str  # the data set's split
    config: str | None = None
    mirror_file: str = ""  # JSONL file with the same problems, read from a mirror that lacks the data set


class Data(Table):
    """[data]: where examples come from, exactly one of `hub`, `hubs`, `files`, `generator` and `packs`."""

    hub: str = ""  # a data set's id on the Hugging Face hub
    revision: str = ""  # the commit that pins it
    config: str | None = None
    splits: dict[str, str] = {"train": "train", "test": "test"}  # our name -> its name
    hubs: dict[str, HubSplit] = {}  # split -> its data set, if the splits come from several
    columns: dict[str, str] = {}  # our field -> its column
    files: dict[str, str] = {}  # split -> JSONL or Parquet file beside task.toml
    generator: Generator | None = None
    packs: Packs | None = None
    substitute: Substitute | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        sources = (self.hub, self.hubs, self.files, self.generator, self.packs)
        if sum(map(bool, sources)) != 1:
            raise ValueError("expected exactly one of hub, hubs, files, generator and packs")
        if self.hub and not self.revision:
            raise ValueError("a hub data set must be pinned: set revision to a commit")
        return self

    @property
    def hub_splits(self) -> dict[str, HubSplit]:
        """Split -> its data set on the hub; empty if the data comes from elsewhere."""
        if not self.hub:
            return self.hubs
        return {
            name: HubSplit(hub=self.hub, revision=self.revision, split=split, config=self.config)
            for name, split in self.splits.items()
        }


class PromptTable(Table):
    """[prompt]: how a question becomes a prompt. Templates may use {question}, and {name} for each name in the metadata."""

    style: Literal["chat", "plain"] = "chat"  # chat: the model's chat template, if it has one
    system: str = ""
    question: str = "{question}"
    answer: str = "{completion}"  # a few-shot example's answer
    separator: str = "\n\n"  # between few-shot examples, in plain prompts and prefixes
    fewshot: Literal["turns", "prefix"] = (
        "turns"  # few-shot examples as chat turns, or as text in front of the question
    )
    shots: Annotated[int, Field(ge=0)] = 0
    stop: list[str] = []  # generation ends at any of these


class RewardRule(Table):
    """[reward]: what a verdict pays. `error` and `skipped` have no entry: they are always masked."""

    correct: Finite = 1.0
    incorrect: Finite = 0.0
    unparsed: Finite = 0.0
    timeout: Finite = 0.0
    partial: bool = False  # pay incorrect + score * (correct - incorrect) for a partial score
    parts: dict[str, Finite] = {}  # weight of each of the verdict's parts, added on top
    truncated: Literal["verify", "incorrect", "mask"] = "verify"  # completions cut off by the token limit


class SandboxTable(Table):
    """[sandbox]: what a pack's programs need."""

    packages: list[str] = []  # Python packages that programs may import


class TaskFile(Table):
    """One task.toml."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    description: str
    license: str
    source: str = ""
    paper: str = ""
    data: Data
    prompt: PromptTable = PromptTable()
    verifier: dict[str, Any] = {}  # name, and the verifier's options
    verifiers: dict[str, dict[str, Any]] = {}  # several, by the name that the data's column `verifier` has
    lenient: dict[str, Any] = {}  # options changed for the lenient figure of an evaluation
    reward: RewardRule = RewardRule()
    gold_completion: str | None = (
        "{gold}"  # a gold answer as a model would write it, for `rlvr check`; {name} as in prompts
    )
    sandbox: SandboxTable = SandboxTable()
    categories: dict[str, str] = {}  # category -> what it means
    run: dict[str, Any] = {}  # defaults of `rlvr run`, with run.profiles.NAME tables; checked by the runner

    @model_validator(mode="before")
    @classmethod
    def _is_up_to_date(cls, table: Any) -> Any:
        if isinstance(table, dict) and isinstance(table.get("gold"), str):
            raise ValueError("gold is now called gold_completion, and its {answer} is {gold}")
        return table

    @model_validator(mode="after")
    def _has_verifier(self) -> "TaskFile":
        if self.data.packs is not None:
            if self.verifier or self.verifiers or self.lenient:
                raise ValueError("a mixture has no verifiers of its own: leave out [verifier] and [lenient]")
            return self
        if self.verifier and self.verifiers:
            raise ValueError("expected either [verifier] or [verifiers.NAME] tables, not both")
        if not self.verifiers and not isinstance(self.verifier.get("name"), str):
            raise ValueError("verifier: expected a table with the verifier's name")
        for name, table in self.verifiers.items():
            if not isinstance(table.get("name"), str):
                raise ValueError(f"verifiers.{name}: expected a table with the verifier's name")
        return self
