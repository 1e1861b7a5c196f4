"""What an audit measures: verifiers with labelled cases, and what packs make: gold answers and near misses."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.tasks.pack import Pack, load_pack, packs
from rlvr.tasks.samples import SEED, samples
from rlvr.verifiers.audit import AuditCase, Label, read_cases, shipped_cases
from rlvr.verifiers.audit.generators import generated_cases, gold_case, near_miss_cases
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Status
from rlvr.verifiers.verifier import Verifier


@dataclass
class Subject:
    """A verifier under a name, with its cases. `notes` says what couldn't be measured."""

    name: str
    verifier: Verifier
    cases: list[AuditCase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def subjects(name: str, files: Sequence[Path], seeds: int, mirror: str | None) -> list[Subject]:
    """A verifier by its name, or those of the pack in a folder, with their cases.

    `files` replace the cases that come with them. Of `seeds` examples made by packs the gold answers are taken.
    """
    if Path(name, "task.toml").is_file():
        pack = load_pack(name)
        found = [Subject(f"{name} {key}" if key else name, verifier) for key, verifier in pack.verifiers.items()]
        using = [pack]
    else:
        found = [Subject(name, registry().verifier(name))]
        using = [] if files else list(_packs_with(name))
    for one in found:
        if files:
            one.cases = [case for file in files for case in read_cases(file, one.verifier)]
        else:
            one.cases = shipped_cases(one.verifier)
    if not files:
        for pack in using:
            _hand_out(found, _labelled(pack))
        if seeds:
            _add_made(found, using, seeds, mirror)
    return found


def _hand_out(found: Sequence[Subject], cases: Iterator[AuditCase]) -> None:
    """Give each case to the subject whose verifier decides it: the pack's own, or the one with its name."""
    for case in cases:
        for one in found:
            if case.verifier is one.verifier or (len(found) == 1 and case.verifier.name == one.verifier.name):  # type: ignore[union-attr]
                one.cases.append(case)


def _packs_with(name: str) -> Iterator[Pack]:
    for pack_name in packs():
        try:
            pack = load_pack(pack_name)
            if not pack.members and name in [verifier.name for verifier in pack.verifiers.values()]:
                yield pack
        except ConfigError:  # a pack that can't be loaded is `rlvr check`'s business
            continue


def _labelled(pack: Pack) -> Iterator[AuditCase]:
    for case in pack.cases:
        if case.expected in (Status.CORRECT, Status.INCORRECT, Status.UNPARSED):
            label = Label.RIGHT if case.expected is Status.CORRECT else Label.WRONG
            yield AuditCase(
                case.example.id, f"pack {pack.name}", case.example, case.completion, label, case.why,
                verifier=pack.verifier_for(case.example),
            )  # fmt: skip


def _add_made(found: Sequence[Subject], using: Sequence[Pack], seeds: int, mirror: str | None) -> None:
    """Share `seeds` among the packs; what they don't make, the verifier's module makes."""
    done = 0
    for left, pack in zip(range(len(using), 0, -1), using, strict=True):
        try:
            drawn = samples(pack, max(1, (seeds - done) // left), mirror)
        except (ConfigError, PrerequisiteError) as error:
            found[0].notes.append(f"pack {pack.name}: {error}")
            continue
        done += len(drawn)
        if any(sample.origin["source"] == "substitute" for sample in drawn):
            found[0].notes.append(f"pack {pack.name}: a substitute stands in for its data")
        draw = random.Random(SEED)
        for sample in drawn:
            verifier, source = pack.verifier_for(sample.example), f"pack {pack.name}"
            if sample.gold is not None:
                _hand_out(found, iter([gold_case(sample.example, sample.gold, verifier, source)]))
            texts = [completion.text for completion in sample.near_misses]
            _hand_out(found, near_miss_cases(sample.example, texts, verifier, source, draw))
    if done < seeds:
        for one in found:
            one.cases += generated_cases(one.verifier, seeds - done, SEED)
