"""What an audit measures: a verifier with its labelled cases, and what packs make: gold answers and near misses."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlvr.sandboxes.errors import ConfigError, PrerequisiteError
from rlvr.tasks.pack import Pack, load_pack, packs
from rlvr.tasks.samples import SEED, samples
from rlvr.verifiers.audit import AuditCase, Label, read_cases, shipped_cases
from rlvr.verifiers.audit.made import gold_case, module_cases, near_miss_cases
from rlvr.verifiers.registry import registry
from rlvr.verifiers.types import Status
from rlvr.verifiers.verifier import Verifier


@dataclass
class Subject:
    """`notes` says what couldn't be measured."""

    verifier: Verifier
    cases: list[AuditCase]
    notes: list[str] = field(default_factory=list)


def subject(name: str, files: Sequence[Path], seeds: int, mirror: str | None) -> Subject:
    """A verifier, or the verifier of a pack given by its path, with its cases.

    `files` replace the cases that come with it. Of `seeds` examples made by packs the gold answers are taken.
    """
    if Path(name, "task.toml").is_file():
        pack = load_pack(name)
        found = Subject(pack.verifier, [])
        using = [pack]
    else:
        found = Subject(registry().verifier(name), [])
        using = [] if files else list(_packs_with(name))
    if files:
        found.cases = [case for file in files for case in read_cases(file, found.verifier)]
        return found
    found.cases = shipped_cases(found.verifier)
    for pack in using:
        found.cases += _labelled(pack)
    if seeds:
        _add_made(found, using, seeds, mirror)
    return found


def _packs_with(name: str) -> Iterator[Pack]:
    for pack_name in packs():
        try:
            pack = load_pack(pack_name)
            if pack.verifier.name == name:
                yield pack
        except ConfigError:  # a pack that can't be loaded is `rlvr check`'s business
            continue


def _labelled(pack: Pack) -> Iterator[AuditCase]:
    for case in pack.cases:
        if case.expected in (Status.CORRECT, Status.INCORRECT, Status.UNPARSED):
            label = Label.RIGHT if case.expected is Status.CORRECT else Label.WRONG
            yield AuditCase(
                case.example.id, f"pack {pack.name}", case.example, case.completion, label, case.why,
                verifier=pack.verifier,
            )  # fmt: skip


def _add_made(found: Subject, using: Sequence[Pack], seeds: int, mirror: str | None) -> None:
    """Share `seeds` among the packs; where no pack makes any, ask the verifier's module."""
    made: list[AuditCase] = []
    done = 0
    for left, pack in zip(range(len(using), 0, -1), using, strict=True):
        draw = random.Random(SEED)
        try:
            drawn = samples(pack, max(1, (seeds - done) // left), mirror)
        except (ConfigError, PrerequisiteError) as error:
            found.notes.append(f"pack {pack.name}: {error}")
            continue
        done += len(drawn)
        if any(sample.origin["source"] == "substitute" for sample in drawn):
            found.notes.append(f"pack {pack.name}: a substitute stands in for its data")
        for sample in drawn:
            if sample.gold is not None:
                made.append(gold_case(sample.example, sample.gold, pack.verifier, f"pack {pack.name}"))
            texts = [completion.text for completion in sample.near_misses]
            made += near_miss_cases(sample.example, texts, pack.verifier, f"pack {pack.name}", draw)
    found.cases += made or module_cases(found.verifier, seeds, SEED)
