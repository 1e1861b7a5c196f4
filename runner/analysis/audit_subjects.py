"""What an audit measures: verifiers, with labelled cases and with what packs generate: gold answers and near misses."""

import random
from collections.abc import Iterable, Iterator, Sequence
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
class AuditSubject:
    """A verifier under a name, with its cases. `notes` says what couldn't be measured."""

    name: str
    verifier: Verifier
    cases: list[AuditCase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def subjects(name: str, files: Sequence[Path], seeds: int, mirror: str | None) -> list[AuditSubject]:
    """A verifier by its name, or those of the pack in a folder, with their cases.

    The cases in `files` replace those that come with verifiers and packs. `seeds` examples that packs generate give gold
    answers and near misses; `mirror` has copies of hub data sets. Raises ConfigError for an unknown verifier, a pack that
    can't be loaded and a file of cases that can't be read.
    """
    if Path(name, "task.toml").is_file():
        pack = load_pack(name)
        audited = [AuditSubject(f"{name} {key}" if key else name, verifier) for key, verifier in pack.verifiers.items()]
        users = [pack]
    else:
        audited = [AuditSubject(name, registry().verifier(name))]
        users = [] if files else list(_packs_with(name))
    for subject in audited:
        if files:
            subject.cases = [case for file in files for case in read_cases(file, subject.verifier)]
        else:
            subject.cases = shipped_cases(subject.verifier)
    if not files:
        for pack in users:
            _hand_out(audited, _labelled(pack))
        if seeds:
            _add_generated(audited, users, seeds, mirror)
    return audited


def _hand_out(audited: Sequence[AuditSubject], cases: Iterable[AuditCase]) -> None:
    """Give each case to the subject whose verifier decides it: the pack's own, or the one with its name."""
    for case in cases:
        for subject in audited:
            same_name = case.verifier is not None and case.verifier.name == subject.verifier.name
            if case.verifier is subject.verifier or (len(audited) == 1 and same_name):
                subject.cases.append(case)


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


def _add_generated(audited: Sequence[AuditSubject], users: Sequence[Pack], seeds: int, mirror: str | None) -> None:
    """Share `seeds` among the packs; what they don't generate, the verifier's own generator does."""
    done = 0
    for left, pack in zip(range(len(users), 0, -1), users, strict=True):
        try:
            drawn = samples(pack, max(1, (seeds - done) // left), mirror)
        except (ConfigError, PrerequisiteError) as error:
            audited[0].notes.append(f"pack {pack.name}: {error}")
            continue
        done += len(drawn)
        if any(sample.origin["source"] == "substitute" for sample in drawn):
            audited[0].notes.append(f"pack {pack.name}: a substitute replaces its data")
        draw = random.Random(SEED)
        for sample in drawn:
            verifier, source = pack.verifier_for(sample.example), f"pack {pack.name}"
            if sample.gold is not None:
                _hand_out(audited, [gold_case(sample.example, sample.gold, verifier, source)])
            texts = [completion.text for completion in sample.near_misses]
            _hand_out(audited, near_miss_cases(sample.example, texts, verifier, source, draw))
    if done < seeds:
        for subject in audited:
            subject.cases += generated_cases(subject.verifier, seeds - done, SEED)
