"""What every verifier that comes with rlvr must reach, on fewer examples than `rlvr audit --all` takes.

No attack is accepted, of at least 15; every gold answer is accepted and every near miss refused; nothing is an `error` or
over the deadline.
"""

from collections.abc import Iterator

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.runner.analysis.audit_subjects import subjects
from rlvr.verifiers.audit import Kind, measure, summarize
from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry

SEEDS = 60
MEASURED = [  # composites are as right as their parts; Math-Verify is there to compare with
    name
    for name, verifier in sorted(registry().verifiers.items())
    if registry().owners["verifier", name] == "rlvr" and not isinstance(verifier, Composite) and name != "math-verify"
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as engine:
        yield engine


@pytest.mark.parametrize("name", MEASURED)
def test_targets(name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "code":
        from rlvr.sandboxes.auto import choose

        try:
            choose()
        except PrerequisiteError as error:
            pytest.skip(str(error))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # packs from the hub count where a mirror is set
    (subject,) = subjects(name, (), SEEDS if name != "code" else 0, None)
    attacks = [case for case in subject.cases if case.attack and case.label == "wrong"]
    assert len(attacks) >= 15
    by_kind = {kind: [case for case in subject.cases if case.kind is kind] for kind in Kind}
    cases = by_kind[Kind.CASE][:200] + by_kind[Kind.GOLD] + by_kind[Kind.NEAR_MISS]
    summary = summarize(measure(subject.verifier, cases, engine))
    assert [(w.id, w.completion, w.status, w.reason) for w in summary.wrong if not w.convention] == []
    assert summary.errors == 0
    assert summary.hangs == 0
    if name not in ("code", "exact"):  # programs come with their packs, and their gold answers take long
        assert by_kind[Kind.GOLD]
        assert by_kind[Kind.NEAR_MISS]
        assert summary.gold_accepted.rate == summary.near_misses_refused.rate == 1
